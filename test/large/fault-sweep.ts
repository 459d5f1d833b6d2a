import { existsSync, mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { randoms } from '../../ts-src/query/simulate.ts';
import { bundle, cache, execute, slipway, type Ran } from '../e2e/helpers.ts';
import { writeTiny } from '../e2e/tiny.ts';

export const kinds = ['erofs', 'eacces', 'enospc', 'eisdir', 'enotdir', 'eloop', 'fifo'] as const;
export type FaultKind = (typeof kinds)[number];

/** Commands that read or write files; `edit`: a source is changed first, so that something is built. */
export const commands: readonly { name: string; args: string[]; edit?: true }[] = [
  { name: 'plan', args: ['plan'] },
  { name: 'plan of a lock', args: ['plan', '--lock', 'out/lock.yaml'] },
  { name: 'validate', args: ['validate'] },
  { name: 'query', args: ['query', 'rdeps', 'lower'] },
  { name: 'explain', args: ['explain', 'upper'] },
  { name: 'graph', args: ['graph', '--output', 'graph.html'] },
  { name: 'lock', args: ['lock', '--output', 'out/lock.yaml'] },
  { name: 'logs', args: ['logs', 'lower'] },
  { name: 'store', args: ['store'] },
  { name: 'store verify', args: ['store', 'verify'] },
  { name: 'store gc', args: ['store', 'gc', '--size', '1K', '--days', '0'] },
  { name: 'channel', args: ['channel'] },
  { name: 'channel gc', args: ['channel', 'gc'] },
  { name: 'clean', args: ['clean', '--dry-run'] },
  { name: 'doctor', args: ['doctor'] },
  { name: 'jobs', args: ['jobs', '--distro-url', 'https://git.example/distro'] },
  { name: 'init', args: ['init', 'new'] },
  { name: 'deploy init', args: ['deploy', 'init', 'farm'] },
  { name: 'image list', args: ['image', 'list'] },
  { name: 'build of nothing', args: ['build'] },
  { name: 'build', args: ['build'], edit: true },
  { name: 'test', args: ['test'], edit: true },
  { name: 'docs', args: ['docs', 'lower', '--output', 'site'] },
  { name: 'prepare', args: ['prepare', '--state', '.slipway'] },
];

/** A repository of two packages that was built once. Its bases and layers are in the shared cache. */
export async function makeTemplate(folder: string): Promise<void> {
  writeTiny(folder, { lower: {}, upper: { manifest: '<depend>lower</depend>' } });
  const ran = await slipway(['build'], folder);
  if (ran.code !== 0) throw new Error(ran.stderr);
}

export interface Case {
  command: (typeof commands)[number];
  fault: FaultKind;
  path: string;
}

const hexadecimal = /[0-9a-f]{8,}/g;
/** Normalizes a path: equal kinds differ only in digests, times and numbers. */
const kindOf = (path: string): string =>
  path
    .replace(hexadecimal, 'H')
    .replace(/objects\/[0-9a-f]{2}/g, 'objects/H')
    .replace(/\d+/g, 'N');

const room = join(__dirname, 'fault-room.sh');

function inRoom(template: string, { fault, path, command }: Case, program: string[]): Promise<Ran> {
  const place = mkdtempSync(join(cache, 'fault-'));
  const edit = command.edit ? ['sh', '-c', 'echo "# edited" >> src/lower/CMakeLists.txt; exec "$@"', 'edit'] : [];
  return execute('unshare', [
    '--mount',
    '--propagation',
    'private',
    'sh',
    room,
    template,
    place,
    fault,
    path,
    ...edit,
    ...program,
  ]).finally(() => rmSync(place, { recursive: true, force: true }));
}

/** Paths below the repository that a command accesses, one of each kind, found by strace(1). */
export async function touched(template: string, command: Case['command']): Promise<string[]> {
  const folder = mkdtempSync(join(cache, 'trace-'));
  const trace = join(folder, 'trace');
  const place = join(folder, 'ws');
  mkdirSync(place);
  try {
    await execute('cp', ['-a', `${template}/.`, place]);
    if (command.edit) writeFileSync(join(place, 'src/lower/CMakeLists.txt'), edited(place));
    await execute('strace', ['-f', '-qq', '-e', 'trace=%file', '-o', trace, 'node', bundle, ...command.args], {
      cwd: place,
    });
    const seen = new Map<string, string>();
    for (const [, path = ''] of readFileSync(trace, 'utf8').matchAll(/"((?:[^"\\]|\\.)*)"/g)) {
      const below = path.startsWith(`${place}/`) ? path.slice(place.length + 1) : path;
      // Files inside a build's root do not belong to the repository, and work folders have random names.
      if (below === '' || below.startsWith('/') || below.startsWith('.slipway/work/')) continue;
      if (isWithin(template, below) && !seen.has(kindOf(below))) seen.set(kindOf(below), below);
    }
    return [...seen.values()].sort();
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Excludes symlinks into what tests share: a fault there would affect other tests. */
const isWithin = (template: string, path: string): boolean =>
  existsSync(join(template, path)) && `${realpathSync(join(template, path))}/`.startsWith(`${realpathSync(template)}/`);

const edited = (place: string): string => `${readFileSync(join(place, 'src/lower/CMakeLists.txt'), 'utf8')}# edited\n`;

/** Approximate number of cases per command, if a number is selected. */
const casesOfCommand = 8;

/** All cases, or a number of them selected by a seed: from few commands, because each must be traced first. */
export async function casesOf(template: string, number?: number, seed = 1): Promise<Case[]> {
  const all: Case[] = [];
  const random = randoms(seed);
  const shuffled = <T>(items: readonly T[], count: number): T[] =>
    items
      .map((one) => ({ one, at: random() }))
      .sort((a, b) => a.at - b.at)
      .slice(0, count)
      .map(({ one }) => one);
  for (const command of number === undefined ? commands : shuffled(commands, Math.ceil(number / casesOfCommand)))
    for (const path of await touched(template, command)) for (const fault of kinds) all.push({ command, path, fault });
  return number === undefined ? all : shuffled(all, number);
}

/** What is wrong with how a command ended; undefined if all is well. `skipped`: the fault can't be caused. */
async function verdictOf(template: string, one: Case): Promise<string | undefined> {
  const { code, stdout, stderr } = await inRoom(template, one, ['node', bundle, ...one.command.args]);
  if (code === 77) return 'skipped';
  const said = `${one.command.name}, ${one.fault} at ${one.path}: ${code}\n${stdout.slice(-300)}${stderr.slice(-1500)}`;
  if (code === 0 || (one.fault === 'eisdir' && code === 2)) return undefined;
  if (code !== 1) return said;
  if (/internal error|\n {4}at /.test(stderr)) return said;
  // The message must name the path, the nearest existing part of it, or its content.
  const parts = one.path.split('/').filter((p) => p !== '.slipway');
  const names = [...parts, '.slipway', 'state', 'store', 'key'];
  return names.some((name) => (stderr + stdout).includes(name)) ? undefined : `names no place: ${said}`;
}

/** Runs cases; returns what is wrong, and how many could be tried. */
export async function sweep(template: string, cases: readonly Case[]): Promise<{ tried: number; wrong: string[] }> {
  const wrong: string[] = [];
  let tried = 0;
  for (const one of cases) {
    const verdict = await verdictOf(template, one);
    if (verdict === 'skipped') continue;
    tried++;
    if (verdict !== undefined) wrong.push(verdict);
  }
  return { tried, wrong };
}
