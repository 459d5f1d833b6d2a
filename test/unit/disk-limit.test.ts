import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { withDiskLimit, type Du } from '../../ts-src/sandbox/disk-limit.ts';
import type { Entry } from '../../ts-src/sandbox/driver.ts';
import { defaultLimits } from '../../ts-src/sandbox/limits.ts';
import { removedFiles } from '../../ts-src/sandbox/open-files.ts';

const root = mkdtempSync(join(tmpdir(), 'slipway-disk-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

/** A root on a tmpfs with a folder at /build, and the host's programs. */
const enter = `set -e
mount -t tmpfs none "$1"
cd "$1"
mkdir build usr dev
mount --bind "$2" build
mount --bind /usr usr
mount --bind /dev dev
for f in bin lib lib64; do ln -s usr/$f $f; done
pivot_root . .
exec perl -e "$3"`;

/** A removed file of a mebibyte, and then many descriptors of another file. */
const hold = `
open my $removed, ">", "/build/removed"; print $removed "x" x 2**20; $removed->flush; unlink "/build/removed";
open my $file, ">", "/build/file"; my @many; for (1 .. 900) { open my $one, "<", "/build/file"; push @many, $one }
for (1 .. 5) { last unless fork } $| = 1; print "ready\\n"; sleep 60`;

const isMounting = process.getuid?.() === 0 && spawnSync('unshare', ['--mount', 'true']).status === 0;
describe.runIf(isMounting)('processes that hold removed files open', () => {
  let child: ChildProcess | undefined;
  afterAll(() => child?.kill('SIGKILL'));

  it('are looked at for a limited time; after it there may be more', async () => {
    const [folder, place] = [join(root, 'task/of/build'), join(root, 'place')];
    for (const f of [folder, place]) mkdirSync(f, { recursive: true });
    child = spawn(
      'unshare',
      ['--mount', '--pid', '--fork', '--kill-child', 'sh', '-c', enter, 'sh', place, folder, hold],
      {
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    let told = '';
    child.stdout?.on('data', (d: Buffer) => (told += d.toString()));
    await expect.poll(() => told.split('\n').length, { timeout: 20_000 }).toBe(7);
    expect(await removedFiles(folder, 60_000)).toMatchObject({ bytes: 2 ** 20, files: 1, hidden: false });
    expect(await removedFiles(folder, 1)).toMatchObject({ hidden: true });
  });
});

/** An entry of a folder with this limit. */
const limited = (disk: number): Entry => ({
  root: { layers: [] },
  command: [],
  network: false,
  user: 'builder',
  binds: [{ from: root, to: '/build' }],
  env: {},
  work: root,
  limits: { ...defaultLimits(), disk },
});

it('a task that goes on writing while its files are counted ends', async () => {
  // As du(1) with millions of files.
  const du: Du = (_, signal) =>
    new Promise((done) =>
      signal?.addEventListener('abort', () => done({ code: 1, signal: 'SIGTERM', stdout: '', stderr: '' })),
    );
  const open = { bytes: 0, files: 0, hidden: false, written: 2 ** 30 };
  const begun = Date.now();
  const ended = await withDiskLimit(
    limited(50 << 20),
    du,
    async ({ signal }) => {
      spawnSync('fallocate', ['-l', '1G', join(root, 'large')]);
      await new Promise((done) => signal?.addEventListener('abort', done, { once: true }));
      rmSync(join(root, 'large'));
      return { code: 0, signal: null, stdout: '', stderr: '' };
    },
    () => Promise.resolve(open),
  );
  expect(ended.exceeded).toBe('disk');
  expect(Date.now() - begun).toBeLessThan(8000);
});

it('a folder that takes long to measure counts with all that its file system lost', async () => {
  const asked: (AbortSignal | undefined)[] = [];
  const du: Du = (_, signal) => {
    asked.push(signal);
    return Promise.resolve({ code: 0, signal: null, stdout: '0\ttotal\n', stderr: '' });
  };
  const outcome = { code: 0, signal: null, stdout: '', stderr: '' };
  await withDiskLimit(limited(1), du, async () => {
    await expect.poll(() => asked.length, { timeout: 20_000 }).toBeGreaterThan(0);
    return outcome;
  });
  expect(asked[0]).toBeInstanceOf(AbortSignal);
});
