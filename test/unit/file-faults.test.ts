import { execFileSync } from 'node:child_process';
import { closeSync, mkdirSync, mkdtempSync, openSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { collect } from '../../ts-src/collect/collect.ts';
import { environmentFault } from '../../ts-src/io/faults.ts';
import { makeFolder } from '../../ts-src/io/files.ts';
import { programFault, reasonOf, run } from '../../ts-src/io/process.ts';
import { appendFile, writeBytes, writeFile, writeStream } from '../../ts-src/io/write.ts';
import { isSourceUrl, redacted } from '../../ts-src/model/urls.ts';
import { readFolder } from '../../ts-src/read/folders.ts';
import { loginOf } from '../../ts-src/read/git/credentials.ts';
import { unshareDriver } from '../../ts-src/sandbox/unshare.ts';
import { openStore } from '../../ts-src/store/open-store.ts';

const diskFull =
  'the disk is full: free some space (`slipway clean` and `slipway store gc` remove what Slipway can make again) ' +
  'and run the same command again: it continues';
const folder = mkdtempSync(join(tmpdir(), 'slipway-file-faults-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The message for an error. */
async function told(work: () => unknown): Promise<string | undefined> {
  try {
    await work();
    return undefined;
  } catch (e) {
    return environmentFault(e) ?? `internal: ${String(e)}`;
  }
}

describe('a folder with its parents', () => {
  it('is made, also where parts of it exist', () => {
    const path = join(folder, 'new/of/all');
    makeFolder(path, 0o700);
    makeFolder(path);
    expect(statSync(join(folder, 'new')).mode & 0o777).toBe(0o700);
    symlinkSync('new', join(folder, 'linked'));
    makeFolder(join(folder, 'linked/of/more'));
    expect(statSync(join(folder, 'new/of/more')).isDirectory()).toBe(true);
  });

  it('is a fault where it can not be: on /proc, where Node itself never returns, behind a file or a dead link', async () => {
    writeFileSync(join(folder, 'file'), '');
    symlinkSync('nowhere', join(folder, 'dead'));
    for (const path of ['/proc/x/y', join(folder, 'file'), join(folder, 'file/x'), join(folder, 'dead')])
      expect(await told(() => makeFolder(path)), path).not.toMatch(/^internal/);
    expect(await told(() => makeFolder('/proc/x/y'))).toBe(
      "/proc/x: the folder can't be made: is the file system above it read-only?",
    );
  });
});

describe('a part of a store that can not be read', () => {
  it('is an error and not empty, so that a clean-up removes nothing that it refers to', async () => {
    const state = join(folder, 'state');
    const store = await openStore(`file:${state}/store`, folder, state, undefined);
    await store.putText('x', 'an object that a channel may have');
    symlinkSync('channels', join(state, 'store/channels'));
    const request = { state, driver: unshareDriver(), store: { store, own: true }, size: 1, days: 0, now: Date.now() };
    expect(await told(() => collect(request))).toMatch(/store\/channels: its links lead to each other/);
    rmSync(join(state, 'store/channels'));
    const before = execFileSync('find', [join(state, 'store/objects'), '-type', 'f'], { encoding: 'utf8' });
    expect(before.trim().split('\n')).toHaveLength(1);
    // Without channels, nothing refers to that object.
    await collect(request);
    expect(execFileSync('find', [join(state, 'store/objects'), '-type', 'f'], { encoding: 'utf8' })).toBe('');
  });
});

describe("a system error in a program's output", () => {
  it('is one of the machine, reported by the line with the cause', async () => {
    const full = await run('tar', ['-cf', '/dev/full', '-C', folder, '.']);
    expect(full.code).not.toBe(0);
    expect(reasonOf(full)).toContain('No space left on device');
    expect(await told(() => Promise.reject(programFault('tar failed', '/archive', full)))).toBe(
      `/archive: ${diskFull}`,
    );
    const other = { code: 2, signal: null, stdout: '', stderr: 'tar: a: strange\ntar: Error is not recoverable\n' };
    expect(await told(() => Promise.reject(programFault('tar failed', '/archive', other)))).toBe(
      'tar failed: tar: Error is not recoverable',
    );
    expect(reasonOf({ ...other, stderr: '', signal: 'SIGKILL' })).toBe('it ended with SIGKILL');
  });
});

describe('a fault of a file', () => {
  it('names a file that the disk has no room for, whichever way it is written', async () => {
    const bytes = Buffer.from('x');
    const handle = openSync('/dev/full', 'w');
    const ways: (() => unknown)[] = [
      () => writeFile('/dev/full', 'x'),
      () => appendFile('/dev/full', bytes),
      () => writeBytes(handle, bytes, '/dev/full'),
      () => writeStream('/dev/full', [bytes]),
    ];
    for (const write of ways) expect(await told(write)).toBe(`/dev/full: ${diskFull}`);
    closeSync(handle);
  });

  it('names the destination, and a folder that a read-only file system refuses', () => {
    const error = Object.assign(new Error('x'), { code: 'EROFS', path: '/from', dest: '/to' });
    expect(environmentFault(error)).toBe(
      '/to (from /from): the file system is read-only: mount it writable, or name another folder',
    );
    const made = Object.assign(new Error('x'), { code: 'ENOENT', syscall: 'mkdir', path: '/readonly/a' });
    expect(environmentFault(made)).toBe(
      "/readonly/a: the folder can't be made: is the file system above it read-only?",
    );
  });

  it('in place of a manifest is reported: its package is not silently dropped', () => {
    const source = join(folder, 'src');
    for (const name of ['pipe', 'loop', 'gone', 'dir', 'good']) mkdirSync(join(source, name), { recursive: true });
    execFileSync('mkfifo', [join(source, 'pipe/package.xml')]);
    symlinkSync('package.xml', join(source, 'loop/package.xml'));
    symlinkSync('nowhere', join(source, 'gone/package.xml'));
    mkdirSync(join(source, 'dir/package.xml'));
    writeFileSync(
      join(source, 'good/package.xml'),
      '<package format="2"><name>good</name><version>1.0.0</version><description>d</description><maintainer email="a@b.org">a</maintainer><license>BSD</license></package>\n',
    );
    const read = readFolder(folder, 'src');
    expect(read.ok && read.value.map((p) => p.path)).toEqual(['good']);
    expect(read.diagnostics.map((d) => d.message).sort()).toEqual(
      ['dir', 'gone', 'loop', 'pipe'].map((name) => `src/${name}/package.xml is not a file: its package is not found`),
    );
  });
});

describe('a secret of a URL', () => {
  it('is removed completely, even with an @ in it', () => {
    expect(redacted('https://bot:p@ss@h.test/x and https://u@h.test/y')).toBe(
      'https://h.test/x and https://u@h.test/y',
    );
    expect(redacted('https://h.test/x?a=1&token=abc&b=2')).toBe('https://h.test/x?a=1&token=…&b=2');
    expect(loginOf('https://bot:p@ss@h.test/x.git')).toMatchObject({
      plain: 'https://h.test/x.git',
      login: { env: { SLIPWAY_URL_USER: 'bot', SLIPWAY_URL_PASSWORD: 'p@ss' } },
    });
  });

  it('is refused as a parameter of a repository, since git shows it in command lines', () => {
    expect(isSourceUrl('https://h.test/x.git?private_token=abc', true)).toBe(false);
    expect(isSourceUrl('https://h.test/x.tar.gz?private_token=abc', false)).toBe(true);
    expect(isSourceUrl('https://h.test/x.git?path=a', true)).toBe(true);
  });
});
