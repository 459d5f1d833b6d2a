import {
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { environmentFault } from '../../ts-src/io/faults.ts';
import { HeldFolders } from '../../ts-src/io/held-folders.ts';
import { sha256 } from '../../ts-src/model/digest.ts';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';
import { FileBlobs } from '../../ts-src/store/file-blobs.ts';

const root = mkdtempSync(join(tmpdir(), 'slipway-swapped-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const data = Buffer.from('x');
const file = (name: string) => ({ name, data, sha256: sha256(data) });

function linkOfOther(target: string, at: string): void {
  symlinkSync(target, at);
  lchownSync(at, 54_321, 54_321);
}

// Only root can make links of another user.
describe.runIf(process.getuid?.() === 0)('a folder of a served place that becomes a link of another user', () => {
  it('leads to no other folder, also after it was looked at', async () => {
    const [place, victim] = [join(root, 'served'), join(root, 'victim')];
    mkdirSync(join(victim, 'a'), { recursive: true });
    writeFileSync(join(victim, 'a/kept'), 'x');
    const endpoint = new FolderEndpoint(place);
    await endpoint.placeAll([file('pool/a/one'), file('pool/a/kept')]);
    renameSync(join(place, 'pool'), join(place, 'moved'));
    linkOfOther(victim, join(place, 'pool'));
    await endpoint.placeAll([file('pool/a/two')]);
    await endpoint.put('pool/a/three', data);
    await endpoint.remove('pool/a/kept');
    expect(readdirSync(join(victim, 'a'))).toEqual(['kept']);
    expect(readdirSync(join(place, 'moved/a')).sort()).toEqual(['one', 'three', 'two']);
    await expect(endpoint.put('pool/b/four', data)).resolves.toBeUndefined();
    expect(() => new FolderEndpoint(place).put('pool/b/five', data)).toThrow('link of another user');
    expect(readdirSync(victim)).toEqual(['a']);
  });

  it('leads nowhere in a store, also after it was looked at', async () => {
    const [place, victim] = [join(root, 'store'), join(root, 'victim of a store')];
    for (const part of ['aa', 'bb']) {
      mkdirSync(join(victim, part), { recursive: true });
      for (const name of ['kept', '.tmp-999999999-left']) writeFileSync(join(victim, part, name), 'x');
      utimesSync(join(victim, part, '.tmp-999999999-left'), 1, 1);
    }
    const before = readdirSync(victim, { recursive: true }).sort();
    const blobs = new FileBlobs(place);
    await blobs.putAll(['aa', 'bb'].map((part) => ({ name: `objects/${part}/kept`, data })));
    expect(await blobs.get('objects/aa/kept')).toEqual(data);
    renameSync(join(place, 'objects'), join(place, 'moved'));
    linkOfOther(victim, join(place, 'objects'));
    const source = join(root, 'source');
    writeFileSync(source, 'x');
    const works: (() => Promise<unknown>)[] = [
      () => blobs.put('objects/aa/new', data),
      () => blobs.putFile('objects/aa/new', source),
      () => blobs.link('objects/aa/new', source),
      () => blobs.putAll([{ name: 'objects/cc/new', data }]),
      () => blobs.replace('objects/aa/kept', data, sha256(data)),
      () => blobs.remove('objects/aa/kept'),
      () => blobs.get('objects/aa/kept'),
      () => blobs.fetch('objects/aa/kept', join(root, 'fetched'), 100),
      () => blobs.list('objects')[Symbol.asyncIterator]().next(),
    ];
    for (const work of works) await expect(work()).rejects.toThrow('link of another user');
    expect(() => blobs.sweep()).toThrow('link of another user');
    rmSync(join(place, 'objects'));
    mkdirSync(join(place, 'objects'));
    linkOfOther(join(victim, 'aa'), join(place, 'objects/aa'));
    expect(() => blobs.sweep()).toThrow('link of another user');
    expect(readdirSync(victim, { recursive: true }).sort()).toEqual(before);
  });

  it('is no lock: no file is made where it leads', async () => {
    const place = join(root, 'locked');
    mkdirSync(place);
    linkOfOther(join(root, 'made'), join(place, '.slipway.lock'));
    const work = new FolderEndpoint(place).during('publication', () => Promise.resolve());
    await expect(work).rejects.toMatchObject({ code: 'ELOOP' });
    expect(existsSync(join(root, 'made'))).toBe(false);
  });
});

it('a store keeps no folders open, and its errors name them', async () => {
  const open = (): number => readdirSync('/proc/self/fd').length;
  const [before, blobs] = [open(), new FileBlobs(join(root, 'closed'))];
  const names = Array.from({ length: 400 }, (_, i) => `objects/${i}/x`);
  await blobs.putAll(names.map((name) => ({ name, data })));
  expect(await blobs.replace('objects/1/x', data, sha256(data))).toBe(true);
  const listed = [];
  for await (const { name, size } of blobs.list('objects')) listed.push([name, size]);
  expect(listed).toEqual(names.sort().map((name) => [name, 1]));
  await blobs.remove('objects/2/x');
  expect(await blobs.get('objects/2/x')).toBeUndefined();
  expect(await blobs.get('nothing/2/x')).toBeUndefined();
  mkdirSync(join(root, 'closed/objects/3/folder'));
  await expect(blobs.remove('objects/3/folder')).rejects.toMatchObject({ path: join(root, 'closed/objects/3/folder') });
  // The end of flock(1) closes the lock's pipes.
  await expect.poll(open).toBe(before);
});

it('an error names the folder, not its handle', () => {
  const folders = new HeldFolders(join(root, 'named'));
  const path = folders.place('a/b');
  const e = Object.assign(new Error(), { code: 'EACCES', path });
  expect(environmentFault(e)).toContain(join(root, 'named/a/b'));
  expect(folders.find('c/d')).toBeUndefined();
  rmSync(join(root, 'named/a'), { recursive: true });
  writeFileSync(folders.place('a/b'), 'made again');
  expect(readdirSync(join(root, 'named/a'))).toEqual(['b']);
});

it('a repository with more folders than open files are allowed keeps few of them open', () => {
  const folders = new HeldFolders(join(root, 'large'), 20);
  const open = (): number => readdirSync('/proc/self/fd').length;
  const before = open();
  for (let i = 0; i < 500; i++) writeFileSync(folders.place(`pool/main/p/p${i}/file`), String(i));
  expect(open() - before).toBeLessThanOrEqual(41);
  for (let i = 0; i < 500; i++)
    expect(readFileSync(folders.find(`pool/main/p/p${i}/file`) ?? '', 'utf8')).toBe(String(i));
});
