import { execFileSync, spawn, spawnSync, type ChildProcess } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { copyExample } from './edits.mjs';
import { cache as cacheFolder } from '../setup.mjs';
import { debianMirror } from '../mirror.mjs';
import { resultsIn, type Result } from '../results.ts';

export const root = join(__dirname, '../..');
export const bundle = join(root, 'resources/slipway.cjs');

/** Not in /tmp, which may be a small tmpfs. */
export const cache: string = cacheFolder;

export interface Ran {
  code: number;
  stdout: string;
  stderr: string;
}

/** Runs a program without blocking the test runner. */
export function execute(
  command: string,
  args: string[],
  options: { cwd?: string; env?: NodeJS.ProcessEnv } = {},
): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, {
      cwd: options.cwd ?? '/',
      env: { ...process.env, ...options.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    const ran: Ran = { code: 128, stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (d: string) => {
      ran.stdout += d;
    });
    child.stderr.setEncoding('utf8').on('data', (d: string) => {
      ran.stderr += d;
    });
    child.on('error', reject);
    child.on('close', (code) => resolve({ ...ran, code: code ?? 128 }));
  });
}

export const slipway = (
  args: string[],
  cwd: string,
  options: { env?: NodeJS.ProcessEnv; prefix?: string[] } = {},
): Promise<Ran> => {
  const [command, ...rest] = [...(options.prefix ?? []), 'node', bundle, ...args];
  return execute(command!, rest, { cwd, ...(options.env ? { env: options.env } : {}) });
};

export const start = (args: string[], cwd: string): ChildProcess & { ended: Promise<number> } => {
  const child = spawn('node', [bundle, ...args], {
    cwd,
    stdio: ['ignore', 'ignore', 'pipe'],
  }) as unknown as ChildProcess & { ended: Promise<number> };
  child.ended = new Promise((resolve) => child.on('exit', (code, signal) => resolve(code ?? (signal ? 128 : 0))));
  return child;
};

/** A folder for the tests of a file. Its state shares bases, layers and downloads with other tests. */
export function workspace(name: string): string {
  mkdirSync(cache, { recursive: true });
  const folder = mkdtempSync(join(cache, `${name}-`));
  chmodSync(folder, 0o755);
  shareState(join(folder, '.slipway'));
  return folder;
}

export function shareState(state: string, from = cache): void {
  mkdirSync(state, { recursive: true });
  for (const part of ['bases', 'archives', 'layers', 'images']) {
    mkdirSync(join(from, 'shared', part), { recursive: true });
    symlinkSync(join(from, 'shared', part), join(state, part));
  }
}

export function example(name: string): string {
  const folder = workspace(name);
  (copyExample as (folder: string) => void)(folder);
  return folder;
}

/** Builds a distro repository (`parts`: its files) from nothing: another folder, another store, the same sources. */
export async function fromNothing(
  folder: string,
  whole: string,
  parts: readonly string[],
  args: string[],
): Promise<Ran> {
  rmSync(whole, { recursive: true, force: true });
  mkdirSync(whole);
  for (const part of parts) cpSync(join(folder, part), join(whole, part), { recursive: true });
  shareState(join(whole, '.slipway'));
  return slipway(['build', ...args], whole);
}

export const sources = (folder: string): void => void execFileSync('./repositories.sh', { cwd: folder });

/**
 * Processes of a killed run may still write there for a moment. Removes in steps: vitest takes a worker that is blocked
 * for a minute for dead.
 */
export const discard = (folder: string): Promise<void> =>
  rm(folder, { recursive: true, force: true, maxRetries: 20, retryDelay: 200 });

export const resultOf = (folder: string): Result[] => resultsIn(join(folder, 'out/result.json'));
export const states = (folder: string): Record<string, string> =>
  Object.fromEntries(
    resultOf(folder)
      .filter((r) => !r.id.endsWith(':test'))
      .map((r) => [r.name, r.state]),
  );
export const debs = (folder: string): string[] =>
  existsSync(join(folder, 'out/apt/pool'))
    ? readdirSync(join(folder, 'out/apt/pool'), { recursive: true })
        .map(String)
        .filter((f) => f.endsWith('.deb'))
        .map((f) => join(folder, 'out/apt/pool', f))
        .sort()
    : [];

/** Installs packages with apt into a fresh root, from the sources that slipway printed, and runs a script in it. */
export async function installAndRun(
  release: string,
  printed: string,
  packages: string[],
  script: string,
): Promise<Ran> {
  const folder = mkdtempSync(join(cache, 'root-'));
  try {
    const list = join(folder, 'slipway.sources');
    // mmdebstrap's dpkg runs inside the new root, where file: repositories do not exist; `copy:` makes apt copy the
    // packages.
    writeFileSync(list, printed.replaceAll('URIs: file:', 'URIs: copy:'));
    writeFileSync(join(folder, 'script.sh'), script);
    chmodSync(folder, 0o755);
    const r = await execute('mmdebstrap', [
      '--variant=apt',
      '--quiet',
      `--include=${packages.join(',')}`,
      `--customize-hook=cp ${join(folder, 'script.sh')} "$1/script.sh" && chroot "$1" bash -e /script.sh > ${join(folder, 'output')} 2>&1`,
      release,
      '/dev/null',
      ...mirrorOf(release),
      list,
    ]);
    return {
      code: r.code,
      stdout: existsSync(join(folder, 'output')) ? readFileSync(join(folder, 'output'), 'utf8') : '',
      stderr: r.stderr,
    };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** This machine's own mirror of its release as a `deb` line; mmdebstrap needs one besides other repositories. */
export const mirrorOf = (release: string): string[] => [`deb ${debianMirror()} ${release} main`];

export const mountsUnder = (folder: string): string[] =>
  readFileSync('/proc/mounts', 'utf8')
    .split('\n')
    .filter((l) => l.includes(realpathSync(folder)));
export const processesIn = (folder: string): string[] =>
  readdirSync('/proc')
    .filter((p) => /^\d+$/.test(p))
    .flatMap((p) => {
      try {
        const text = readFileSync(`/proc/${p}/cmdline`, 'utf8').replaceAll('\0', ' ');
        return text.includes(folder) && Number(p) !== process.pid ? [text] : [];
      } catch {
        return [];
      }
    });

/** Runs lintian, which leaves files in its temporary folder. */
export function lintian(args: readonly string[]): { status: number | null; stdout: string; stderr: string } {
  const TMPDIR = mkdtempSync(join(tmpdir(), 'slipway-lintian-'));
  try {
    return spawnSync('lintian', args, { encoding: 'utf8', env: { ...process.env, TMPDIR } });
  } finally {
    rmSync(TMPDIR, { recursive: true, force: true });
  }
}
