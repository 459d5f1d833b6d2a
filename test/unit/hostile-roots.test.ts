import { chmodSync, existsSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, expect, it } from 'vitest';
import { privateFolder } from '../../ts-src/io/files.ts';
import { sha256 } from '../../ts-src/model/digest.ts';
import type { Base } from '../../ts-src/sandbox/base-system.ts';
import type { Driver, Entry } from '../../ts-src/sandbox/driver.ts';
import { downloadsFolder } from '../../ts-src/sandbox/fetched-packages.ts';
import { ListedPackages } from '../../ts-src/sandbox/listed-packages.ts';
import { PackageDownloads } from '../../ts-src/sandbox/package-downloads.ts';
import { keepPlainFiles } from '../../ts-src/sandbox/plain-files.ts';
import { closeScratch, openScratch } from '../../ts-src/sandbox/scratch.ts';
import { SystemLayers } from '../../ts-src/sandbox/system-layers.ts';
import { unshareDriver } from '../../ts-src/sandbox/unshare.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-roots-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const modeOf = (path: string): number => statSync(path).mode & 0o7777;
const state = join(folder, 'state');
const base: Base = {
  digest: 'd'.repeat(64),
  root: join(folder, 'base/root'),
  lists: join(folder, 'base/lists'),
  archive: 'a'.repeat(64),
  folder: join(folder, 'base'),
  tar: join(folder, 'base/base.tar'),
  packages: [],
  made: 0,
  sources: 'official',
};

/** A list of apt with one package. */
function writeList(lists: string, pinned: string, content: string, architecture = 'amd64'): void {
  const [name, version] = pinned.split('=');
  const fields = [`Package: ${name}`, `Version: ${version}`, `Architecture: ${architecture}`];
  mkdirSync(lists, { recursive: true });
  writeFileSync(join(lists, 'a_Packages'), [...fields, `SHA256: ${sha256(content)}`, ''].join('\n'));
}

/** Files that maintainer scripts, or a replaced apt, may create where a root is writable. */
function plant({ binds }: Entry): void {
  for (const { from } of binds.filter((b) => !b.readOnly)) {
    writeFileSync(join(from, 'evil_1_amd64.deb'), 'a package');
    chmodSync(join(from, 'evil_1_amd64.deb'), 0o4777);
    symlinkSync('/etc/shadow', join(from, 'lib_1_amd64.deb'));
    mkdirSync(join(from, 'tool_1_amd64.deb'));
    writeFileSync(join(from, 'shell'), 'a program');
    chmodSync(join(from, 'shell'), 0o4755);
  }
}

it('installing packages writes nothing outside of its root; fetched files get plain permissions', async () => {
  mkdirSync(base.root, { recursive: true });
  mkdirSync(base.lists);
  writeList(base.lists, 'evil=1', 'a package');
  const writable: string[][] = [];
  const driver: Driver = {
    ...unshareDriver(),
    ready: () => Promise.resolve(true),
    enter: (entry) => {
      writable.push(entry.binds.filter((b) => !b.readOnly).map((b) => b.to));
      plant(entry);
      if (entry.root.keep) mkdirSync(entry.root.keep, { recursive: true });
      return Promise.resolve({ code: 0, signal: null, stdout: '', stderr: '' });
    },
  };
  const room = { driver, state, base, log: join(folder, 'log'), proxy: () => Promise.resolve(undefined) };
  const made = await new SystemLayers(room).root(['evil=1']);
  expect(made.ok).toBe(true);
  expect(writable).toEqual([['/fetched'], []]);
  const archives = join(state, 'archives', base.archive.slice(0, 16));
  expect(readdirSync(archives).sort()).toEqual(['evil_1_amd64.deb', 'partial']);
  expect(modeOf(join(archives, 'evil_1_amd64.deb'))).toBe(0o644);
  for (const part of ['archives', 'layers']) expect(modeOf(join(state, part)), part).toBe(0o700);
});

it('each archive has its own packages, also ones with the name and version of another archive', async () => {
  const contents: string[] = [];
  for (const archive of ['1', '2']) {
    const driver: Driver = {
      ...unshareDriver(),
      enter: ({ binds }) => {
        const fetched = binds.find((b) => b.to === '/fetched');
        if (fetched) writeFileSync(join(fetched.from, 'netbase_6.4_all.deb'), archive);
        return Promise.resolve({ code: 0, signal: null, stdout: '', stderr: '' });
      },
    };
    const own: Base = { ...base, archive: archive.repeat(64), lists: join(folder, `lists-${archive}`) };
    writeList(own.lists, 'netbase=6.4', archive, 'all');
    const room = { driver, state, base: own, log: join(folder, 'log'), proxy: () => Promise.resolve(undefined) };
    expect((await new PackageDownloads(room).fetch(['netbase=6.4'])).ok).toBe(true);
    contents.push(readFileSync(join(downloadsFolder(state, own), 'netbase_6.4_all.deb'), 'utf8'));
  }
  expect(contents).toEqual(['1', '2']);
});

it("what a base fetches instead of a listed package reaches no root, and no layer has another's name", async () => {
  const own: Base = { ...base, archive: '3'.repeat(64), lists: join(folder, 'lists-3') };
  writeList(own.lists, 'lib=1:2', 'as listed');
  let fetched = 'replaced!';
  const driver: Driver = {
    ...unshareDriver(),
    ready: () => Promise.resolve(true),
    enter: ({ binds, root }) => {
      const place = binds.find((b) => b.to === '/fetched');
      if (place) writeFileSync(join(place.from, 'lib_1%3a2_amd64.deb'), fetched);
      if (root.keep) mkdirSync(root.keep, { recursive: true });
      return Promise.resolve({ code: 0, signal: null, stdout: '', stderr: '' });
    },
  };
  const room = (of: Base) => ({ driver, state, base: of, log: join(folder, 'log'), proxy: () => Promise.resolve('') });
  const refused = await new SystemLayers(room(own)).root(['lib=1:2']);
  expect(refused.diagnostics.map((d) => d.message)).toEqual([
    "apt fetched lib_1%3a2_amd64.deb, whose content is not that of the archive's lists",
  ]);
  expect(readdirSync(downloadsFolder(state, own))).toEqual(['partial']);
  fetched = 'as listed';
  const layerOf = async (of: Base) => {
    const made = await new SystemLayers(room(of)).root(['lib=1:2']);
    return made.ok ? made.value[0] : made.diagnostics;
  };
  const layer = await layerOf(own);
  expect(layer).toBe(await layerOf(own));
  // The same base with other lists, as the manifest of a run may name it.
  const other: Base = { ...own, archive: '4'.repeat(64), folder: join(folder, 'four'), lists: join(folder, 'lists-4') };
  writeList(other.lists, 'lib=1:2', (fetched = 'replaced!'));
  expect(await layerOf(other)).not.toEqual(layer);
  // apt removes what a package conflicts with, by the lists: the same files in them do not make the same layer.
  const third: Base = { ...own, archive: '5'.repeat(64), folder: join(folder, 'five'), lists: join(folder, 'lists-5') };
  writeList(third.lists, 'lib=1:2', (fetched = 'as listed'));
  expect(await layerOf(third)).toEqual(layer);
  const fourth: Base = { ...own, archive: '6'.repeat(64), folder: join(folder, 'six'), lists: join(folder, 'lists-6') };
  writeList(fourth.lists, 'lib=1:2', fetched, 'amd64\nConflicts: compiler,\n debhelper');
  expect(await layerOf(fourth)).not.toEqual(layer);
});

it('lists that name a version of a package without end are no lists', () => {
  const lists = join(folder, 'lists-7');
  const read = (count: number) => {
    writeList(lists, 'lib=1', 'a');
    const one = readFileSync(join(lists, 'a_Packages'), 'utf8');
    const all = Array.from({ length: count }, (_, i) => one.replace(/SHA256: .*/, `SHA256: ${sha256(String(i))}`));
    writeFileSync(join(lists, 'a_Packages'), all.join('\n'));
    return ListedPackages.of({ lists, folder: join(folder, `seven-${count}`), archive: '7'.repeat(64) });
  };
  expect(read(20)?.contentOf('lib=1').split('\n').length).toBe(20);
  expect(read(2000)).toBeUndefined();
});

it('a download of an untrusted run delays no other run, and a program of a base has limits', async () => {
  const own: Base = { ...base, archive: '8'.repeat(64), folder: join(folder, 'eight'), lists: join(folder, 'lists-8') };
  writeList(own.lists, 'lib=1', 'content');
  const entries: Entry[] = [];
  const held: (() => void)[] = [];
  const driver: Driver = {
    ...unshareDriver(),
    ready: () => Promise.resolve(true),
    enter: async (entry) => {
      entries.push(entry);
      if (entry.root.keep) mkdirSync(entry.root.keep, { recursive: true });
      const place = entry.binds.find((b) => b.to === '/fetched');
      if (place && !held.length) await new Promise<void>((done) => held.push(done));
      if (place) writeFileSync(join(place.from, 'lib_1_amd64.deb'), 'content');
      return { code: 0, signal: null, stdout: '', stderr: '' };
    },
  };
  const room = { driver, state, base: own, log: join(folder, 'log'), proxy: () => Promise.resolve(undefined) };
  const untrusted = new PackageDownloads({ ...room, namespace: 'pr' }).fetch(['lib=1']);
  while (!held.length) await setTimeout(10);
  expect((await new SystemLayers(room).root(['lib=1'])).ok).toBe(true);
  held[0]?.();
  expect((await untrusted).ok).toBe(true);
  for (const { signal, limits } of entries) {
    expect(signal).toBeDefined();
    expect(limits?.disk).toBeGreaterThan(0);
  }
});

it('folders of roots are accessible to their owner only, also those that an earlier version left open', async () => {
  for (const part of ['work', 'layers', 'objects']) {
    mkdirSync(join(state, part), { recursive: true });
    chmodSync(join(state, part), 0o755);
  }
  await openScratch(state, unshareDriver());
  await closeScratch(unshareDriver());
  for (const part of ['work', 'layers', 'objects']) expect(modeOf(join(state, part)), part).toBe(0o700);
  expect(existsSync(join(state, 'images'))).toBe(false);
  expect(lstatSync(privateFolder(join(state, 'new/folder'))).mode & 0o777).toBe(0o700);
});

it('a layer whose dpkg left a link for its list of packages gives no file of this machine', async () => {
  const layers = new SystemLayers({
    driver: unshareDriver(),
    state,
    base,
    log: join(folder, 'log'),
    proxy: () => Promise.resolve(undefined),
  });
  const layer = (name: string, fill: (dpkg: string) => void): string => {
    const root = join(folder, name);
    mkdirSync(join(root, 'var/lib'), { recursive: true });
    fill(join(root, 'var/lib/dpkg'));
    return root;
  };
  const secret = layer('secret', (dpkg) => {
    mkdirSync(dpkg);
    writeFileSync(join(dpkg, 'status'), 'of the host');
  });
  const file = layer('file', (dpkg) => {
    mkdirSync(dpkg);
    symlinkSync(join(secret, 'var/lib/dpkg/status'), join(dpkg, 'status'));
  });
  const way = layer('way', (dpkg) => symlinkSync(join(secret, 'var/lib/dpkg'), dpkg));
  expect(await layers.status([layer('none', () => undefined), secret])).toBe(join(secret, 'var/lib/dpkg/status'));
  await expect(layers.status([file, secret])).rejects.toThrow('var/lib/dpkg/status is a link, not a file');
  await expect(layers.status([way, secret])).rejects.toThrow('var/lib/dpkg is a link, not a folder');
});

it('lists of a base are files and folders', async () => {
  const lists = join(folder, 'lists');
  mkdirSync(join(lists, 'partial'), { recursive: true });
  writeFileSync(join(lists, 'a_Packages'), 'x');
  symlinkSync('/', join(lists, 'lists'));
  symlinkSync('/etc/shadow', join(lists, 'partial/b_Packages'));
  await keepPlainFiles(lists);
  expect(readdirSync(lists, { recursive: true }).map(String).sort()).toEqual(['a_Packages', 'partial']);
});
