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
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { environmentFault } from '../../ts-src/io/faults.ts';
import { HeldFolders } from '../../ts-src/io/held-folders.ts';
import { sha256 } from '../../ts-src/model/digest.ts';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';

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

  it('is no lock: no file is made where it leads', async () => {
    const place = join(root, 'locked');
    mkdirSync(place);
    linkOfOther(join(root, 'made'), join(place, '.slipway.lock'));
    const work = new FolderEndpoint(place).during('publication', () => Promise.resolve());
    await expect(work).rejects.toMatchObject({ code: 'ELOOP' });
    expect(existsSync(join(root, 'made'))).toBe(false);
  });
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
