import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { deflateRawSync } from 'node:zlib';
import { afterAll, expect, it, vi } from 'vitest';
import { removeTree } from '../../ts-src/io/remove-tree.ts';
import { sha256 } from '../../ts-src/model/digest.ts';
import { fetchArchive } from '../../ts-src/read/git/git.ts';
import { unpackArchive } from '../../ts-src/read/git/unpack.ts';
import { portOf } from '../port.mjs';
import { zipOf } from '../zip.ts';
import { containing } from './containing.ts';

vi.hoisted(() => {
  process.env.SLIPWAY_FETCH_MINUTES = '0.05';
});

/** Archives of sources whose content keeps the programs busy that read it. */
const folder = mkdtempSync(join(tmpdir(), 'slipway-content-'));
afterAll(() => removeTree(folder));
let count = 0;

/** Packs what `make` writes, and reads the archive as a source. */
async function read(make: (top: string) => void) {
  const place = join(folder, `${++count}`);
  const top = join(place, 'top');
  mkdirSync(top, { recursive: true });
  writeFileSync(join(top, 'file'), 'text');
  make(top);
  execFileSync('tar', ['-cf', `${place}.tar`, '-C', place, 'top']);
  return fetched(readFileSync(`${place}.tar`), 'tar');
}

async function fetched(bytes: Buffer, type: 'tar' | 'zip') {
  const server = createServer((_, response) => response.end(bytes));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const state = join(folder, `state-${++count}`);
  const url = `http://127.0.0.1:${portOf(server)}/a`;
  try {
    const got = await fetchArchive({ type, url, sha256: sha256(bytes) }, url, state);
    expect(readdirSync(join(state, 'git/unpacking'))).toEqual([]);
    if (!got.ok) return got.diagnostics.map((d) => d.message).join('\n');
    const { gitDir, tree } = got.value;
    return execFileSync('git', ['--git-dir', gitDir, 'ls-tree', '-r', '--name-only', tree], { encoding: 'utf8' });
  } finally {
    server.close();
  }
}

/** Makes a folder that git takes for a repository. */
function repository(at: string): string {
  for (const name of ['objects', 'refs/heads']) mkdirSync(join(at, '.git', name), { recursive: true });
  writeFileSync(join(at, '.git/HEAD'), 'ref: refs/heads/main\n');
  writeFileSync(join(at, 'inner'), 'text');
  return join(at, '.git');
}

it('of an archive, git reads no repository, and follows no links in one', async () => {
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  const links: [string, string][] = [
    ['commondir', fifo],
    ['refs/heads/main', fifo],
    ['commondir', '/dev/zero'],
  ];
  for (const [name, target] of links)
    expect(await read((top) => symlinkSync(target, join(repository(join(top, 'sub')), name)))).toBe(
      'file\nsub/inner\n',
    );
  const own = join(folder, 'own');
  repository(own);
  expect(
    await read((top) => {
      mkdirSync(join(top, 'sub'));
      writeFileSync(join(top, 'sub/inner'), 'text');
      symlinkSync(join(own, '.git'), join(top, 'sub/.git'));
    }),
  ).toBe('file\nsub/inner\n');
});

it('folders that are nested deeper than the stack are removed, and those with paths that are too long', async () => {
  const deep = (top: string) => mkdirSync(join(top, 'd/'.repeat(1900)), { recursive: true });
  expect(await read(deep)).toBe('file\n');
  const long = join(folder, 'long');
  mkdirSync(long);
  const inner = 'd'.repeat(250);
  execFileSync('sh', ['-c', `for i in $(seq 20); do mkdir ${inner} && cd -P ${inner} || exit 1; done`], { cwd: long });
  removeTree(long);
  removeTree(long);
  expect(readdirSync(folder)).not.toContain('long');
});

/** The head of a frame of zstd, and one block of it that repeats a byte 128 Ki times. */
const frame = (blocks: number, byte: number): Buffer => {
  const block = (last: number) => Buffer.from([...Buffer.from([2 | last, 0, 0x10]), byte]);
  const head = Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0, 0x38]);
  return Buffer.concat([head, ...Array<Buffer>(blocks - 1).fill(block(0)), block(1)]);
};

it('an archive that takes days to unpack is given up', async () => {
  const small = await fetched(frame(8, 1), 'tar');
  expect(small).toMatch(/does not look like a tar archive/);
  expect(await fetched(frame(2_000_000, 1), 'tar')).toMatch(/it took longer than 0\.05 minutes$/);
});

const zip = (name: string, flags = 0): Buffer => zipOf(name, deflateRawSync('x'.repeat(100)), flags);

it('a zip archive fails with its own fault, and asks for no password', async () => {
  expect(await fetched(zip(`top/${'n'.repeat(300)}`), 'zip')).toMatch(/cannot create .*nnn$/);
  expect(await fetched(zip('top/file').subarray(0, 60), 'zip')).toMatch(/End-of-central-directory signature not found/);
  const file = join(folder, 'encrypted.zip');
  writeFileSync(file, zip('top/file', 1));
  const got = await unpackArchive(file, 'zip', 'http://h/a', join(folder, 'encrypted'));
  expect(got).toMatchObject({
    ok: false,
    diagnostics: [{ code: 'source-archive', message: containing('http://h/a') }],
  });
});
