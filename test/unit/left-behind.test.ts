import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { readTestRun } from '../../ts-src/engine/build/tests.ts';
import { describe as describeStage } from '../../ts-src/inspect/interface.ts';
import { takePages } from '../../ts-src/inspect/pages.ts';
import { checkLeft, LeftBehindError, listLeft, readLeft, shownName, walkLeft } from '../../ts-src/io/untrusted.ts';
import { first } from '../../ts-src/model/lists.ts';
import { readLeftRun } from './left-results.ts';

let root = '';
let server: Server | undefined;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'left-'));
});
afterEach(() => {
  server?.close();
  server = undefined;
  rmSync(root, { recursive: true, force: true });
});

/** Kinds of things in place of a file, with the expected message. */
const kinds: [string, (path: string) => void | Promise<void>, RegExp][] = [
  ['a link to a secret', (path) => symlinkSync('/etc/shadow', path), /is a link, not a file/],
  ['a link to an endless device', (path) => symlinkSync('/dev/zero', path), /is a link, not a file/],
  ['a link to itself', (path) => symlinkSync(path, path), /is a link, not a file/],
  ['a FIFO', (path) => void execFileSync('mkfifo', [path]), /is a FIFO, not a file/],
  ['a folder', (path) => mkdirSync(path), /is a folder, not a file/],
  [
    'a socket',
    (path) =>
      new Promise((resolve) => {
        server = createServer().listen(path, () => resolve());
      }),
    /is a socket, not a file/,
  ],
  ['a device', (path) => void execFileSync('mknod', [path, 'c', '1', '5']), /is a device, not a file/],
  [
    'a file that is too large',
    (path) => {
      writeFileSync(path, '');
      truncateSync(path, 2 ** 40);
    },
    /is larger than 1 MiB/,
  ],
];

describe('untrusted output of a build', () => {
  const asRoot = process.getuid?.() === 0;
  for (const [name, make, message] of kinds.filter(([n]) => asRoot || n !== 'a device')) {
    it(`${name} where a file is meant is a fault, at once`, async () => {
      await make(join(root, 'x'));
      await expect(readLeft(root, 'x', 1 << 20)).rejects.toThrow(message);
      await expect(checkLeft(root, 'x', 1 << 20)).rejects.toThrow(LeftBehindError);
    });

    it(`${name} for results of tests fails the tests, and says so`, async () => {
      for (const path of ['results/1/exit', 'results/1/a.xml']) {
        rmSync(join(root, 'results'), { recursive: true, force: true });
        server?.close();
        mkdirSync(join(root, 'results/1'), { recursive: true });
        if (!path.endsWith('exit')) writeFileSync(join(root, 'results/1/exit'), '0\n');
        await make(join(root, path));
        if (path.endsWith('.xml') && name === 'a folder') continue;
        writeFileSync(join(root, 'log'), 'the log\n');
        const ran = await readLeftRun(root, 'not asked');
        expect(ran.outcome).toBe('failed');
        expect(ran.cases.map((c) => c.message).join()).toMatch(/results can't be read: /);
      }
    });
  }

  it('a symlink in the path is a fault; a missing file is reported as missing', async () => {
    symlinkSync('/etc', join(root, 'results'));
    await expect(readLeft(root, 'results/hostname', 1000)).rejects.toThrow('results is a link, not a folder');
    await expect(listLeft(root, 'results')).rejects.toThrow('results is a link, not a folder');
    await expect(readLeft(root, '../x', 1000)).rejects.toThrow('is no path');
    expect(await readLeft(root, 'none/at/all', 1000)).toBeUndefined();
    expect(await listLeft(root, 'none')).toEqual([]);
  });

  it('pages of documentation come from no folder to which a link leads in place of theirs', async () => {
    const take = (folder: string) => takePages(root, folder, () => false);
    mkdirSync(join(root, 'of-the-host/pages/doc'), { recursive: true });
    writeFileSync(join(root, 'of-the-host/pages/doc/secret.txt'), 'secret');
    mkdirSync(join(root, 'docs'));
    symlinkSync('../of-the-host/pages', join(root, 'docs/pages'));
    await expect(take('docs/pages')).rejects.toThrow('docs/pages is a link, not a folder');
    symlinkSync('of-the-host', join(root, 'linked'));
    await expect(take('linked/pages')).rejects.toThrow('linked is a link, not a folder');
    await expect(take('none')).rejects.toThrow('none is not there');
  });

  it('names with control characters are shown escaped', () => {
    writeFileSync(join(root, '\u001b]0;x\u0007\n'), '');
    mkdirSync(join(root, 'd'));
    execFileSync('mkfifo', [join(root, 'd', 'a\u001b[2J')]);
    expect(() => describeStage(join(root, 'd'))).toThrow('/a\\u001b[2J is neither a file, a folder nor a link');
    expect(shownName('a\u202eb\u009b')).toBe('a\\u202eb\\u009b');
  });

  it('too many files, and too deep folders, are faults', async () => {
    for (let i = 0; i < 30; i++) writeFileSync(join(root, String(i)), '');
    await expect(walkLeft(root, '', { most: 20 })).rejects.toThrow('holds more than 20 files');
    mkdirSync(join(root, Array<string>(150).fill('d').join('/')), { recursive: true });
    await expect(walkLeft(root, '')).rejects.toThrow('nested more than 100 deep');
  });

  it('a missing `exit`, invalid attempt numbers, and too many attempts are faults', async () => {
    const run = () =>
      readTestRun({
        package: 'p',
        build: root,
        results: 'results',
        outcome: { code: 0, signal: null, stdout: '', stderr: '' },
        log: join(root, 'log'),
        seconds: 1,
        reason: () => 'nothing was run',
      });
    writeFileSync(join(root, 'log'), 'the log\n');
    mkdirSync(join(root, 'results/1'), { recursive: true });
    writeFileSync(join(root, 'results/99999999999999999999'), '');
    expect(first((await run()).cases).message).toContain('have no file `exit`');
    writeFileSync(join(root, 'results/1/exit'), '0\n');
    expect((await run()).outcome).toBe('none');
    for (let i = 1; i < 150; i++) mkdirSync(join(root, 'results', String(i)), { recursive: true });
    expect(first((await run()).cases).message).toContain('more than 100 attempts');
  });

  it('the interface of a package is computed without following symlinks', () => {
    mkdirSync(join(root, 'opt'));
    symlinkSync('/etc', join(root, 'opt/etc'));
    symlinkSync('/etc/shadow', join(root, 'opt/x.cmake'));
    const { parts } = describeStage(root);
    expect(parts.map((p) => [p.path, p.full])).toEqual([
      ['/opt/etc', '0 -> /etc'],
      ['/opt/x.cmake', '0 -> /etc/shadow'],
    ]);
  });
});
