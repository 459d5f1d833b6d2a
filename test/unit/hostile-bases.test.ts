import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { baseFault } from '../../ts-src/sandbox/base-tar.ts';
import { baseFolderName } from '../../ts-src/sandbox/base-folder.ts';
import { ensureBase, listsDigest, wantedBase } from '../../ts-src/sandbox/base-system.ts';
import type { Platform } from '../../ts-src/model/distro.ts';
import type { Driver } from '../../ts-src/sandbox/driver.ts';
import { downloadsFolder } from '../../ts-src/sandbox/fetched-packages.ts';
import { keepBase, storedBase } from '../../ts-src/sandbox/stored-base.ts';
import { SystemLayers } from '../../ts-src/sandbox/system-layers.ts';
import { unshareDriver } from '../../ts-src/sandbox/unshare.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import { sha256 } from '../../ts-src/model/digest.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-bases-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ended = { code: 0, signal: null, stdout: '', stderr: '' };
const driver: Driver = {
  ...unshareDriver(),
  ready: () => Promise.resolve(true),
  remove: (path: string) => Promise.resolve(rmSync(path, { recursive: true, force: true })),
  unpack: (_: string, root: string) => {
    mkdirSync(root, { recursive: true });
    return Promise.resolve(ended);
  },
  enter: () => Promise.resolve({ ...ended, stdout: 'dpkg=1\napt=2\n' }),
};

it("a base from an untrusted run is verified before it enters the machine's state", async () => {
  const untrusted = await openStore('file:store', folder, folder, 'pr');
  const lists = join(folder, 'lists');
  mkdirSync(lists);
  writeFileSync(join(lists, 'deb_InRelease'), 'signed');
  const archive = await listsDigest(lists);
  const base = execFileSync('tar', ['-c', '-C', lists, '.']);
  const wanted = { digest: sha256(base), archive };
  const packed = async (name: string, work: (path: string) => void) => {
    const path = join(folder, name);
    work(path);
    return untrusted.put(path);
  };
  const tar = await packed('tar.gz', (path) => writeFileSync(path, execFileSync('gzip', { input: base })));
  const pack = (path: string) => execFileSync('tar', ['-czf', path, '-C', lists, '.']);
  const sound = await packed('lists.tar.gz', pack);
  writeFileSync(join(lists, 'deb_InRelease'), 'another');
  const other = await packed('other.tar.gz', pack);
  const take = async (kept: object) => {
    await untrusted.writeJson(`bases/${wanted.digest}-${archive.slice(0, 16)}.json`, kept);
    const request = {
      driver,
      store: untrusted,
      state: join(folder, 'state'),
      name: 'p',
      architecture: 'amd64',
      wanted,
    };
    const taken = await storedBase({ ...request, progress: () => undefined });
    return taken.ok ? taken.value.packages : taken.diagnostics[0]?.message.slice(0, 34);
  };
  expect(await take({ tar, lists: other, packages: [], made: 1 })).toBe("the store has no sound list of 'p'");
  // apt reads no lists in folders, so a base with the right digest would have none.
  writeFileSync(join(lists, 'deb_InRelease'), 'signed');
  const hidden = await packed('hidden.tar.gz', (path) =>
    execFileSync('tar', ['-czf', path, '--transform', 's,^[.],./sub,', '-C', lists, '.']),
  );
  expect(await take({ tar, lists: hidden, packages: [], made: 1 })).toBe("the store has no sound list of 'p'");
  for (const kept of [{}, { tar, lists: {}, packages: [], made: 1 }, { tar, lists: sound, packages: 1, made: 1 }])
    expect(await take(kept)).toMatch(/^the store has no base of 'p'/);
  expect(await take({ tar, lists: sound, packages: ['evil=1'], made: 1 })).toEqual(['apt=2', 'dpkg=1']);
  // Lists whose digest begins like another's are found within hours: the folder has more of it.
  expect(baseFolderName({ digest: wanted.digest, archive }).length).toBeGreaterThan(40);
});

it('no lists of an untrusted run, however apt reads them, make a layer of trusted runs', async () => {
  const state = join(folder, 'layered');
  const stanza = (more: string, name = 'lib') => `Package: ${name}\nVersion: 1\nArchitecture: amd64\n${more}\n\n`;
  const listed = `SHA256: ${sha256('lib')}`;
  const own = stanza(listed);
  const forms = {
    ours: own,
    // apt takes the first of two that have one version, blanks before a colon, and lines that end with two characters.
    undigested: `${stanza('Depends: evil')}${own}`,
    spaced: stanza(`Depends : evil\n${listed}`),
    hidden: `${stanza('', 'none').trimEnd()}\n\r\n${stanza('Depends: evil')}${own}`,
  };
  const inRoots: Driver = {
    ...driver,
    unpack: (_: string, root: string) => {
      mkdirSync(join(root, 'var/lib/dpkg'), { recursive: true });
      writeFileSync(join(root, 'var/lib/dpkg/status'), '');
      return Promise.resolve(ended);
    },
    enter: ({ binds, root }) => {
      const place = binds.find((b) => b.to === '/fetched');
      if (place) writeFileSync(join(place.from, 'lib_1_amd64.deb'), 'lib');
      if (root.keep) mkdirSync(root.keep, { recursive: true });
      return Promise.resolve({ ...ended, stdout: 'dpkg=1\n' });
    },
  };
  const tar = join(folder, 'layered.tar.gz');
  const plain = execFileSync('tar', ['-c', '-C', mkdtempSync(join(folder, 'root-')), '.']);
  writeFileSync(tar, execFileSync('gzip', { input: plain }));
  const takenBy = async (namespace: string | undefined, text: string) => {
    const lists = mkdtempSync(join(folder, 'forms-'));
    writeFileSync(join(lists, 'deb_Packages'), text);
    const wanted = { digest: sha256(plain), archive: await listsDigest(lists) };
    const store = await openStore(`file:${folder}/layers-store`, folder, state, namespace);
    execFileSync('tar', ['-czf', `${lists}.tar.gz`, '-C', lists, '.']);
    const kept = { tar: await store.put(tar), lists: await store.put(`${lists}.tar.gz`), packages: [], made: 1 };
    await store.writeJson(`bases/${wanted.digest}-${wanted.archive.slice(0, 16)}.json`, kept);
    const request = { driver: inRoots, store, state, name: 'p', architecture: 'amd64', wanted };
    const base = await storedBase({ ...request, progress: () => undefined });
    if (!base.ok) throw new Error(base.diagnostics[0]?.message);
    const room = { driver: inRoots, state, base: base.value, log: join(folder, 'log'), namespace };
    const made = await new SystemLayers({ ...room, proxy: () => Promise.resolve(undefined) }).root(['lib=1']);
    if (!made.ok) throw new Error(made.diagnostics[0]?.message);
    return { layer: made.value[0] ?? '', downloads: downloadsFolder(state, base.value), ...base.value };
  };
  const theirs = [];
  for (const text of Object.values(forms).slice(1)) theirs.push(await takenBy('pr', text));
  const ours = await takenBy(undefined, forms.ours);
  for (const { layer, downloads, archive } of theirs) {
    expect(layer).not.toBe(ours.layer);
    // Half of a digest is found within months by many machines.
    expect(downloads.endsWith(`/${archive}`)).toBe(true);
  }
  // A base that the trusted namespace has, too, is the same for all.
  expect((await takenBy('pr', forms.ours)).layer).toBe(ours.layer);
});

it('cached values of the state come from the trusted namespace only', async () => {
  const [trusted, untrusted] = [undefined, 'pr'].map((place) => openStore('file:store', folder, folder, place));
  await (await untrusted)?.writeJson('resolved/x.json', { gcc: 'evil' });
  expect(await (await untrusted)?.readShared('resolved/x.json')).toBeUndefined();
  await (await trusted)?.writeJson('resolved/x.json', { gcc: 'good' });
  expect(await (await untrusted)?.readShared('resolved/x.json')).toEqual({ gcc: 'good' });
  // Answers of apt go into the state.
  const source = readFileSync(join(import.meta.dirname, '../../ts-src/engine/system-packages.ts'), 'utf8');
  expect(source).not.toContain('store.readJson');
});

/** A platform of an archive that is not there. */
const platform: Platform = {
  os: 'debian',
  release: 'bookworm',
  architectures: ['amd64'],
  renew_days: 14,
  underlays: {},
  mirror: { uri: 'http://127.0.0.1:9/debian', components: ['main'], trusted: false },
  include: [],
};

it('a base in use stays where it is when the same one is made again, or another one for its platform', async () => {
  const state = join(folder, 'shared');
  const docker: Driver = {
    ...driver,
    name: 'docker',
    unpack: (_: string, root: string) => {
      mkdirSync(join(root, 'var/lib/dpkg'), { recursive: true });
      writeFileSync(join(root, 'var/lib/dpkg/status'), '');
      return Promise.resolve(ended);
    },
  };
  /** The base of a platform that includes a package, made from the content of the other driver's base. */
  const made = async (include: string, days: number) => {
    const own = { ...platform, include: [include] };
    const sibling = join(state, 'bases/p-amd64', include);
    mkdirSync(join(sibling, 'lists'), { recursive: true });
    writeFileSync(join(sibling, 'base.tar'), include);
    writeFileSync(join(sibling, 'lists/deb_InRelease'), 'signed');
    const { wanted } = wantedBase(folder, own, 'amd64');
    const record = { wanted, tar: join(sibling, 'base.tar'), lists: join(sibling, 'lists'), made: 1 };
    writeFileSync(join(state, 'bases/p-amd64/current.json'), JSON.stringify(record));
    const request = { state, distroRoot: folder, name: 'p', platform: own, architecture: 'amd64' };
    const now = (1 + days * 86_400) * 1000;
    const log = join(folder, 'base.log');
    const base = await ensureBase({ ...request, driver: docker, now, log, progress: () => undefined });
    if (!base.ok) throw new Error(base.diagnostics[0]?.message);
    return base.value;
  };
  const first = await made('cmake', 0);
  writeFileSync(join(first.root, 'used'), '');
  expect((await made('cmake', 20)).root).toBe(first.root);
  expect(existsSync(join(first.root, 'used'))).toBe(true);
  const store = await openStore('file:store', folder, state, undefined);
  await keepBase(store, first, join(folder, 'packed'));
  expect((await made('git', 0)).root).not.toBe(first.root);
  const request = { driver: docker, store, state, name: 'p', architecture: 'amd64', wanted: first };
  const taken = await storedBase({ ...request, progress: () => undefined });
  expect(taken.ok && taken.value.root).toBe(first.root);
  expect(existsSync(join(first.root, 'used'))).toBe(true);
});

it('a base of an archive without a signature is not that of another proxy, which decides what is in it', () => {
  const of = (trusted: boolean, proxy?: string): string => {
    const mirror = { uri: 'http://127.0.0.1:9/debian', components: ['main'], trusted };
    return wantedBase('/', { ...platform, mirror, ...(proxy ? { proxy } : {}) }, 'amd64').wanted;
  };
  expect(of(true, 'http://127.0.0.1:1')).not.toBe(of(true, 'http://127.0.0.1:2'));
  expect(of(true, 'http://127.0.0.1:1')).not.toBe(of(true));
  expect(of(false, 'http://127.0.0.1:1')).toBe(of(false));
});

it('a base is refused whose archive or lists would take more disk or time than they have bytes', async () => {
  const work = join(folder, 'sizes');
  const [tar, lists] = [join(work, 'base.tar'), join(work, 'lists')];
  mkdirSync(lists, { recursive: true });
  const plain = execFileSync('tar', ['-c', '-C', lists, '.']);
  const faultOf = (content: Buffer): Promise<string | undefined> => {
    writeFileSync(tar, content);
    return baseFault(tar, lists);
  };
  expect(await faultOf(plain)).toBeUndefined();
  // tar(1) tells by the first bytes how an archive is compressed, unless its first header is sound.
  const posing = Buffer.from(plain);
  posing.write('\x1f\x8b', 0, 'latin1');
  for (const content of [execFileSync('gzip', { input: plain }), execFileSync('xz', { input: plain }), posing])
    expect(await faultOf(content)).toBe('its archive is no tar archive');
  const unsealed = Buffer.from(plain);
  unsealed.write('x', 2);
  expect(await faultOf(unsealed)).toBe('its archive is no tar archive');
  expect(await faultOf(Buffer.alloc(0))).toBe('its archive is no tar archive');
  truncateSync(tar, 2 ** 40);
  expect(await baseFault(tar, lists)).toBe('its archive has more than 16 GiB');
  writeFileSync(tar, plain);
  writeFileSync(join(lists, 'x_Packages'), '');
  truncateSync(join(lists, 'x_Packages'), 2 ** 40);
  expect(await baseFault(tar, lists)).toBe('its lists have more than 1 GiB');
  rmSync(tar);
  execFileSync('mkfifo', [tar]);
  expect(await baseFault(tar, lists)).toBe('its archive is no file');
});

it('a base in the store that is compressed once more, or has sparse lists, is refused before it is read', async () => {
  const untrusted = await openStore('file:store', folder, folder, 'pr');
  const lists = join(folder, 'plain-lists');
  mkdirSync(lists);
  writeFileSync(join(lists, 'deb_InRelease'), 'signed');
  const put = (name: string, data: Buffer) => {
    writeFileSync(join(folder, name), data);
    return untrusted.put(join(folder, name));
  };
  const outer = execFileSync('tar', ['-c', '-C', lists, '.']);
  const inner = execFileSync('gzip', { input: outer });
  const tar = await put('twice.gz', execFileSync('gzip', { input: inner }));
  const packed = await put('plain-lists.gz', execFileSync('tar', ['-cz', '-C', lists, '.']));
  const wanted = { digest: sha256(inner), archive: await listsDigest(lists) };
  const kept = { tar, lists: packed, packages: [], made: 1 };
  await untrusted.writeJson(`bases/${wanted.digest}-${wanted.archive.slice(0, 16)}.json`, kept);
  const request = { driver, store: untrusted, state: join(folder, 'twice'), name: 'p', architecture: 'amd64', wanted };
  const told = async () => {
    const taken = await storedBase({ ...request, progress: () => undefined });
    return taken.ok ? [] : taken.diagnostics.map((d) => d.message);
  };
  expect(await told()).toEqual(["the base of 'p' in the store is refused: its archive is no tar archive"]);
  // Sparse lists would be read for hours to compare their digest.
  writeFileSync(join(lists, 'x_Packages'), '');
  truncateSync(join(lists, 'x_Packages'), 2 ** 40);
  const sparse = await put('sparse-lists.gz', execFileSync('tar', ['-czS', '-C', lists, '.']));
  const sound = await put('once.gz', inner);
  await untrusted.writeJson(`bases/${wanted.digest}-${wanted.archive.slice(0, 16)}.json`, {
    ...kept,
    tar: sound,
    lists: sparse,
  });
  expect(await told()).toEqual(["the base of 'p' in the store is refused: its lists have more than 1 GiB"]);
});
