import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { baseFolderName, listsDigest } from '../../ts-src/sandbox/base-system.ts';
import type { Driver } from '../../ts-src/sandbox/driver.ts';
import { storedBase } from '../../ts-src/sandbox/stored-base.ts';
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
  const wanted = { digest: sha256('base'), archive };
  const packed = async (name: string, work: (path: string) => void) => {
    const path = join(folder, name);
    work(path);
    return untrusted.put(path);
  };
  const tar = await packed('tar.gz', (path) => writeFileSync(path, execFileSync('gzip', { input: 'base' })));
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
