import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it } from 'vitest';
import { download } from '../../ts-src/read/git/download.ts';
import { fetchCommit, snapshotFolder } from '../../ts-src/read/git/git.ts';
import { diskWasFull } from '../../ts-src/read/git/process.ts';
import { unpackArchive } from '../../ts-src/read/git/unpack.ts';
import { renderDiagnostics } from '../../ts-src/render/diagnostics.ts';
import { portOf } from '../port.mjs';

const folder = mkdtempSync(join(tmpdir(), 'slipway-full-'));
const state = join(folder, 'state');
const path = process.env.PATH ?? '';
afterEach(() => void (process.env.PATH = path));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const full =
  'the disk is full: free some space (`slipway clean` and `slipway store gc` remove what Slipway can make again) ' +
  'and run the same command again: it continues';
const advice =
  'make room: `slipway clean` removes what the next build makes again, `slipway store gc` what is old; ' +
  'or name a folder on a larger disk with --state. Then run the same command again: it continues';

/** Puts a git first in the path whose `verb` ends as on a full disk, and which notes how often. */
function fillDisk(verb: string): () => number {
  const bin = join(folder, `bin-${verb}`);
  const calls = join(bin, 'calls');
  const real = execFileSync('sh', ['-c', 'command -v git'], { encoding: 'utf8' }).trim();
  mkdirSync(bin);
  writeFileSync(calls, '');
  writeFileSync(
    join(bin, 'git'),
    `#!/bin/sh
for word; do if [ "$word" = ${verb} ]; then
  echo . >> ${calls}
  echo 'fatal: write error: No space left on device' >&2
  echo 'fatal: fetch-pack: invalid index-pack output' >&2
  exit 128
fi; done
exec ${real} "$@"
`,
  );
  chmodSync(join(bin, 'git'), 0o755);
  process.env.PATH = `${bin}:${path}`;
  return () => readFileSync(calls, 'utf8').length / 2;
}

describe('a git that finds the disk full', () => {
  it('names the state folder and what makes room, and fetches no more', async () => {
    const calls = fillDisk('fetch');
    const got = await fetchCommit('https://127.0.0.1:9/a.git', 'a'.repeat(40), state);
    expect(renderDiagnostics(got.diagnostics)).toBe(
      `error: can't fetch https://127.0.0.1:9/a.git: the disk of the state folder ${state} is full [source-store]\n    ${advice}\n`,
    );
    expect(calls()).toBe(1);
  });

  it('does so where a folder is kept, too', async () => {
    fillDisk('add');
    const source = join(folder, 'source');
    mkdirSync(source);
    const kept = await snapshotFolder(source, state);
    expect(renderDiagnostics(kept.diagnostics)).toBe(
      `error: can't read ${source}: the disk of the state folder ${state} is full [source-store]\n    ${advice}\n`,
    );
  });

  it("is not confused with a server's full disk", () => {
    const ended = (stderr: string) => ({ code: 128, signal: null, stdout: '', stderr });
    expect(diskWasFull(ended('remote: fatal: No space left on device\nfatal: early EOF\n'))).toBe(false);
    expect(diskWasFull(ended('error: unable to write file: Disk quota exceeded\n'))).toBe(true);
  });
});

describe('a download or an archive that the disk has no room for', () => {
  it('says where, and what to do', async () => {
    const server = createServer((_, response) => response.end('x'.repeat(1 << 20)));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const url = `http://127.0.0.1:${portOf(server)}/a`;
    const got = await download(url, '/dev/full').finally(() => server.close());
    expect(renderDiagnostics(got.diagnostics)).toBe(`error: can't fetch ${url}: /dev/full: ${full} [source-store]\n`);
  });

  it.each(['tar', 'zip'] as const)('says so of unpacking a %s archive', async (type) => {
    const bin = join(folder, `bin-${type}`);
    mkdirSync(bin);
    const program = type === 'tar' ? 'tar' : 'unzip';
    const ends =
      type === 'tar'
        ? 'case "$1" in -x) echo "tar: a: Cannot write: No space left on device" >&2; exit 2;; esac'
        : 'case "$1" in -q) echo "a: write error (disk full?).  Continue? (y/n/^C)" >&2; exit 50;; esac';
    writeFileSync(join(bin, program), `#!/bin/sh\n${ends}\n`, { mode: 0o755 });
    process.env.PATH = `${bin}:${path}`;
    const content = join(folder, `content-${type}`);
    const got = await unpackArchive('/dev/null', type, 'http://h/a', content);
    expect(renderDiagnostics(got.diagnostics)).toBe(
      `error: can't unpack http://h/a: ${content}: ${full} [source-store]\n`,
    );
  });
});
