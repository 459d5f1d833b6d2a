import fc from 'fast-check';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, it } from 'vitest';
import { environmentFault } from '../../ts-src/io/faults.ts';
import { sha256 } from '../../ts-src/model/digest.ts';
import type { BuildRecord } from '../../ts-src/model/result.ts';
import { isBuildRecord, isRelativePath, isRunRecord, isStoredResult } from '../../ts-src/model/stored.ts';
import { restoreSource } from '../../ts-src/store/sources.ts';
import { openStore } from '../../ts-src/store/open-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-stored-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const digest = sha256('x');
const file = { name: 'acme-pkg_1.0.0-0bookworm_amd64.deb', sha256: digest, size: 1 };
const record: BuildRecord = {
  schema: 4,
  key: digest,
  package: 'pkg',
  version: '1.0.0-0bookworm.20260101.000000',
  debs: [file],
  files: { ...file, name: 'files.json' },
  systemDepends: ['libc6 (>= 2.36)'],
  interface: { api: digest, tool: digest, code: digest, full: digest, loadsLibraries: true, hasPrograms: false },
  abi: 'acme-pkg-abi-0123456789abcdef',
  requires: [],
  inputs: { source: digest },
  system: ['zlib1g=1:1.2.13'],
  roots: { base: digest },
  milliseconds: 5,
} as unknown as BuildRecord;

/** All variants of a value with one place replaced. */
function mutated(value: unknown, other: unknown): unknown[] {
  if (typeof value !== 'object' || value === null) return [other];
  return Object.keys(value).flatMap((key) =>
    mutated((value as Record<string, unknown>)[key], other).map((inner) =>
      Array.isArray(value) ? value.map((v: unknown, i) => (String(i) === key ? inner : v)) : { ...value, [key]: inner },
    ),
  );
}

describe('values read from a store', () => {
  it('are accepted in their form, and refused with a value of another form', () => {
    expect(isBuildRecord(record)).toBe(true);
    const names = mutated({ name: file.name }, '../../etc/passwd').map((m) => ({
      ...record,
      debs: [{ ...file, ...(m as object) }],
    }));
    for (const other of names) expect(isBuildRecord(other)).toBe(false);
    const { inputs, roots, interface: digests, ...fixed } = record;
    for (const other of mutated(fixed, { evil: true }))
      expect(
        isBuildRecord({ ...(other as object), inputs, roots, interface: digests }) && !('schema' in (other as object)),
      ).toBe(false);
  });

  it('name no path that leads out of its folder', () => {
    for (const path of ['a', 'a/b.txt', 'x y/é']) expect(isRelativePath(path)).toBe(true);
    fc.assert(
      fc.property(fc.string(), fc.string(), (a, b) => {
        for (const path of [`/${a}`, `${a}/../${b}`, `../${a}`, `${a}\0${b}`, `./${a}`, `${a}//${b}`])
          expect(isRelativePath(path)).toBe(false);
      }),
    );
    expect(
      isStoredResult({
        schema: 1,
        result: { id: 'd/p/x', name: 'x', kind: 'build', state: 'failed', reason: '', log: '../../x' },
      }),
    ).toBe(false);
  });

  it('are refused if any byte changed', async () => {
    const store = await openStore(`file:${folder}/bytes`, folder, folder, undefined);
    await store.putRecord(record);
    const path = join(folder, 'bytes/tasks', digest.slice(0, 2), `${digest}.json`);
    const written = readFileSync(path);
    expect(await store.get(digest)).toBeUndefined();
    await fc.assert(
      fc.asyncProperty(fc.nat(written.length - 1), fc.integer({ min: 1, max: 255 }), async (at, by) => {
        const bytes = Buffer.from(written);
        bytes[at] = bytes[at]! ^ by;
        writeFileSync(path, bytes);
        expect(await store.readJson(`tasks/${digest.slice(0, 2)}/${digest}.json`)).toBeUndefined();
      }),
      { numRuns: 200 },
    );
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 300 }), async (bytes) => {
        writeFileSync(path, bytes);
        expect(await store.readJson(`tasks/${digest.slice(0, 2)}/${digest}.json`)).toBeUndefined();
      }),
      { numRuns: 100 },
    );
  });

  it('are an error if a channel or a run is damaged, and do not count as empty', async () => {
    const store = await openStore(`file:${folder}/roots`, folder, folder, undefined);
    await store.writeJson('channels/nightly.json', { schema: 1, suites: {}, versions: {} });
    expect(await store.readRoot('channels/nightly.json')).toBeDefined();
    expect(await store.readRoot('channels/none.json')).toBeUndefined();
    writeFileSync(join(folder, 'roots/channels/nightly.json'), 'damaged');
    await expect(store.readTagged('channels/nightly.json')).rejects.toMatchObject({ code: 'ESTORE' });
    await expect(store.readRoot('channels/nightly.json')).rejects.toThrow(/is damaged/);
  });

  it('are a run only in its form', () => {
    const run = {
      schema: 1,
      stamp: '20260101000000',
      finished: 1,
      tasks: { 'd/x/a': { key: digest, state: 'built', reason: '' } },
      objects: [digest],
    };
    expect(isRunRecord(run)).toBe(true);
    for (const wrong of [
      { ...run, tasks: { a: { key: '../../x', state: 'built', reason: '' } } },
      { ...run, tasks: [] },
      { ...run, objects: ['x'] },
      { ...run, schema: 2 },
      {},
      null,
      'x',
    ])
      expect(isRunRecord(wrong)).toBe(false);
  });

  it('repairs an object with the right size and other bytes', async () => {
    const source = join(folder, 'object');
    writeFileSync(source, 'what was built');
    const first = await openStore(`file:${folder}/objects`, folder, folder, undefined);
    const stored = await first.put(source);
    const object = join(folder, 'objects/objects', stored.sha256.slice(0, 2), stored.sha256);
    writeFileSync(object, 'what was evil!');
    const again = await openStore(`file:${folder}/objects`, folder, folder, undefined);
    await again.put(source);
    expect(readFileSync(object, 'utf8')).toBe('what was built');
  });

  it('takes over a hashed file without copying, also in place of a damaged object', async () => {
    const source = join(folder, 'known');
    writeFileSync(source, 'what was hashed');
    const known = sha256('what was hashed');
    const object = join(folder, 'known-objects/objects', known.slice(0, 2), known);
    const open = () => openStore(`file:${folder}/known-objects`, folder, folder, undefined);
    const stored = await (await open()).putKnown(source, known);
    expect(stored).toEqual({ name: 'known', sha256: known, size: 15 });
    expect(lstatSync(object).ino).toBe(lstatSync(source).ino);
    rmSync(object);
    writeFileSync(object, 'what is damaged');
    await (await open()).putKnown(source, known);
    expect(readFileSync(object, 'utf8')).toBe('what was hashed');
    // The store's name stays when the original file is removed.
    rmSync(source);
    expect(await (await open()).readText(stored)).toBe('what was hashed');
    expect(readdirSync(join(object, '..'))).toEqual([known]);
  });

  it("copies a file of another file system, and one that can't be linked", async () => {
    const elsewhere = mkdtempSync('/dev/shm/slipway-stored-');
    const source = join(elsewhere, 'known');
    writeFileSync(source, 'from elsewhere');
    const store = await openStore(`file:${folder}/elsewhere`, folder, folder, undefined);
    const stored = await store.putKnown(source, sha256('from elsewhere'));
    rmSync(elsewhere, { recursive: true });
    expect(await store.readText(stored)).toBe('from elsewhere');
  });
});

describe('system errors', () => {
  it('are reported with what, where and what to do', () => {
    mkdirSync(join(folder, 'd'));
    const fault = (work: () => unknown): string | undefined => {
      try {
        work();
      } catch (e) {
        return environmentFault(e);
      }
      return undefined;
    };
    expect(fault(() => writeFileSync(join(folder, 'd'), ''))).toBe(`${folder}/d: it is a folder, and a file is needed`);
    expect(fault(() => readdirSync(join(folder, 'object')))).toContain('a folder is needed');
    expect(fault(() => writeFileSync(join(folder, 'n'.repeat(300)), ''))).toContain('the name is too long');
    expect(environmentFault(new TypeError('x is undefined'))).toBeUndefined();
  });
});

describe('a source tree of a store', () => {
  it('contains no set-user-id file and no device', async () => {
    const store = await openStore(`file:${folder}/sources`, folder, folder, undefined);
    const source = join(folder, 'made');
    mkdirSync(source, { recursive: true });
    writeFileSync(join(source, 'su'), 'x');
    const [plain, device] = ['a'.repeat(64), 'b'.repeat(64)];
    // Anyone who can write to the store may have made the archive: keepSource packs no such modes.
    chmodSync(join(source, 'su'), 0o6755);
    const packed = async (tree: string, header: Buffer): Promise<void> => {
      const archive = join(folder, `${tree}.tar.gz`);
      const own = execFileSync('tar', ['-c', '--owner=0', '--group=0', '-C', source, 'su']);
      writeFileSync(archive, gzipSync(Buffer.concat([header, own])));
      await store.writeJson(`sources/${tree.slice(0, 2)}/${tree}.json`, await store.put(archive));
    };
    await packed(plain, Buffer.alloc(0));
    expect(await restoreSource(store, plain, join(folder, 'plain'))).toBe(true);
    expect(lstatSync(join(folder, 'plain/su')).mode & 0o7777).toBe(0o755);
    await packed(device, deviceHeader('disk'));
    expect(await restoreSource(store, device, join(folder, 'device'))).toBe(false);
    expect(existsSync(join(folder, 'device'))).toBe(false);
  });
});

/** A header of tar(5) for a world-writable block device. */
function deviceHeader(name: string): Buffer {
  const header = Buffer.alloc(512);
  const put = (at: number, text: string) => header.write(text, at, 'latin1');
  put(0, name);
  put(100, '0000666\0');
  for (const at of [108, 116]) put(at, '0000000\0');
  for (const at of [124, 136]) put(at, '00000000000\0');
  put(148, '        ');
  put(156, '4');
  put(257, 'ustar\x0000');
  put(329, '0000007\0');
  put(337, '0000000\0');
  put(
    148,
    `${header
      .reduce((all, b) => all + b, 0)
      .toString(8)
      .padStart(6, '0')}\0 `,
  );
  return header;
}
