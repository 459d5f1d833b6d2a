import { chmodSync, copyFileSync, mkdirSync, renameSync, statSync, statfsSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { withinFetchTime } from '../io/fetch-time.ts';
import { tookTooLong } from '../io/patience.ts';
import { run, type Outcome, type RunOptions } from '../io/process.ts';
import { temporaryFolder } from '../io/temporary-folder.ts';
import { readEnd } from '../io/untrusted.ts';
import { fromOption, mmdebstrapCommand, type BasePlatform } from './archive.ts';
import { removeTree } from '../io/remove-tree.ts';
import { confine, confinedFolder, confinedSpaces, foldersOf, userOf } from './confinement.ts';
import { baseFault } from './base-tar.ts';
import { openGroup } from './control-groups.ts';
import { withinDisk, type Du } from './disk-limit.ts';
import { baseLimits, countsProcesses } from './limits.ts';
import { mapsOf } from './subordinate-ids.ts';

export interface BaseArchive {
  platform: BasePlatform;
  architecture: string;
  sources: { lines: string[]; underlays: string[] };
  /** Output folder: `base.tar`, and apt's lists in `lists`. */
  work: string;
  log: string;
  proxy: string | undefined;
  /** Removes a folder in which other users own files. */
  remove: (folder: string) => Promise<void>;
}

/** ZIP can't represent times before 1980, so no file of a base is older, whenever it is made. */
const earliest = '315619200';

/** `ended`: why it was ended, in words. `isFull`: because it took all space that was free. */
type Made = Outcome & { ended?: string; isFull?: boolean };

/** Runs mmdebstrap with its own process group, temporary folder and a clean environment. */
export const makeBaseArchive = (base: BaseArchive): Promise<Made> =>
  // An archive that sends bit by bit would hold apt without end.
  withinFetchTime(async (signal, isLate) => {
    const maps = mapsOf();
    const made = maps && (await canConfine()) ? await runConfined(base, maps, signal) : await runAsUser(base, signal);
    if (made.isFull) return made;
    if (made.code === 0) {
      const fault = await baseFault(join(base.work, 'base.tar'), join(base.work, 'lists'));
      return fault ? { ...made, code: 1, ended: fault } : made;
    }
    if (made.exceeded) return { ...made, ended: `it took more ${made.exceeded} than a base may` };
    if (isLate()) return { ...made, ended: `it ${tookTooLong}` };
    return signal.aborted ? { ...made, ended: 'it was stopped' } : made;
  });

/** Enters the control groups `$1` (separated by colons). */
const enterGroups = `set -e
IFS=:
for group in $1; do echo $$ > "$group/cgroup.procs"; done
shift
exec "$@"`;

/**
 * Runs a program that makes a base in a folder, with limits: programs of the archive's packages run there. `seen`: the
 * path of that folder for it.
 */
async function runIn(
  folder: string,
  { work, log, proxy }: BaseArchive,
  program: string[],
  { signal, input, seen }: { signal: AbortSignal; input: string | undefined; seen: string },
): Promise<Made> {
  const limits = baseLimits(folder);
  const group = openGroup(limits);
  const [first, args] = group
    ? ['sh', ['-c', enterGroups, 'sh', group.folders.join(':'), ...program]]
    : ['prlimit', [`--data=${limits.memory}`, ...program]];
  const env = {
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
    SOURCE_DATE_EPOCH: earliest,
    TMPDIR: seen,
    ...(process.env.HOME ? { HOME: process.env.HOME } : {}),
    ...(proxy ? { http_proxy: proxy } : {}),
    ...(process.env.https_proxy ? { https_proxy: process.env.https_proxy } : {}),
    ...(process.env.no_proxy ? { no_proxy: process.env.no_proxy } : {}),
  };
  const options: RunOptions = {
    log,
    cwd: '/',
    detached: true,
    env,
    kills: 'tree',
    ...(input === undefined ? {} : { input }),
  };
  const outcome = await withinDisk({ folders: [folder, work], limits, du, signal }, (signal) =>
    run(first, args, { ...options, signal }),
  );
  const exceeded = group?.close();
  if (exceeded) return { ...outcome, exceeded };
  return outcome.exceeded && limits.isWhole ? { ...outcome, isFull: true } : outcome;
}

const du: Du = (args, signal) => run('du', args, { signal });

/** The ids that mmdebstrap maps may not be able to enter the user's own folder. */
async function runAsUser(base: BaseArchive, signal: AbortSignal): Promise<Made> {
  const { platform, architecture, work } = base;
  const plain = process.getuid?.() !== 0;
  const own = join(work, 'mmdebstrap');
  mkdirSync(own);
  const folder = plain && !openToAll(own) ? temporaryFolder('base', '/tmp') : own;
  chmodSync(folder, 0o755);
  const { sources, done } = withoutBlanks(base.sources);
  const { args, input } = mmdebstrapCommand(platform, architecture, sources, work, { plain });
  try {
    return await runIn(folder, base, ['mmdebstrap', ...args], { signal, input, seen: folder });
  } finally {
    done();
    if (folder !== own) await base.remove(folder);
  }
}

async function runConfined(base: BaseArchive, maps: readonly string[], signal: AbortSignal): Promise<Made> {
  const { platform, architecture, work } = base;
  const temporary = join(work, 'mmdebstrap');
  mkdirSync(temporary);
  chmodSync(temporary, 0o1777);
  mkdirSync(join(temporary, 'lists'));
  chmodSync(join(temporary, 'lists'), 0o777);
  const sources = withCopiedKeys(base.sources, temporary, confinedFolder);
  const { args, input } = mmdebstrapCommand(platform, architecture, sources, confinedFolder, { plain: true });
  const shown = foldersOf(sources).join(' ');
  const processes = countsProcesses() ? String(baseLimits(temporary).processes) : '';
  const confined = ['sh', '-c', confine, 'sh', temporary, ...userOf(maps), processes, shown, 'mmdebstrap', ...args];
  const made = await runIn(temporary, base, ['unshare', ...maps, ...confinedSpaces, ...confined], {
    signal,
    input,
    seen: confinedFolder,
  });
  // Files of the mapped ids.
  const asOwner = (...command: string[]) =>
    maps.length ? run('unshare', [...maps, ...command]) : run(command[0] ?? '', command.slice(1));
  if (made.code === 0) {
    await asOwner('chown', '-R', '--no-dereference', '0:0', join(temporary, 'base.tar'), join(temporary, 'lists'));
    renameSync(join(temporary, 'base.tar'), join(work, 'base.tar'));
    await run('rm', ['-rf', join(work, 'lists')]);
    renameSync(join(temporary, 'lists'), join(work, 'lists'));
  }
  await asOwner('rm', '-rf', '--one-file-system', temporary);
  return made;
}

type Sources = BaseArchive['sources'];

/** Copies keys to a folder that mmdebstrap sees as `seen`, because `nobody` may not be able to enter theirs. */
function withCopiedKeys(sources: Sources, folder: string, seen: string): Sources {
  const copies = new Map<string, string>();
  const moved = (line: string): string =>
    line.replace(/signed-by=(\/[^\s\]]+)/, (_, option: string) => {
      const key = fromOption(option);
      let copy = copies.get(key);
      if (copy === undefined) {
        copy = `key-${copies.size}${extname(key)}`;
        copies.set(key, copy);
        copyFileSync(key, join(folder, copy));
        chmodSync(join(folder, copy), 0o644);
      }
      return `signed-by=${seen}/${copy}`;
    });
  return { lines: sources.lines.map(moved), underlays: sources.underlays.map(moved) };
}

/** Copies keys whose paths contain spaces, which apt can't read, to a temporary folder. */
export function withoutBlanks(sources: Sources): { sources: Sources; done: () => void } {
  const blank = [...sources.lines, ...sources.underlays].some((l) => /signed-by=\S*%20/.test(l));
  if (!blank) return { sources, done: () => undefined };
  const folder = temporaryFolder('keys');
  chmodSync(folder, 0o755);
  const done = () => removeTree(folder);
  return { sources: withCopiedKeys(sources, folder, folder), done };
}

/** Not possible in a chroot, or without user namespaces. */
const canConfine = async (): Promise<boolean> =>
  (await run('unshare', ['--user', '--mount', '--pid', '--ipc', '--fork', '--propagation', 'unchanged', 'true']))
    .code === 0;

function openToAll(folder: string): boolean {
  for (let at = folder; ; at = dirname(at)) {
    if ((statSync(at).mode & 0o001) === 0) return false;
    if (at === '/') return true;
  }
}

/**
 * Starts watching a folder's file system. The returned function tells whether it was full at any time, since programs
 * may report that error differently.
 */
export function watchRoom(folder: string): () => boolean {
  let full = false;
  const look = (): void => {
    try {
      const { bavail, bsize } = statfsSync(folder);
      if (bavail * bsize < 2 << 20) full = true;
    } catch {
      /* the file system does not report its space */
    }
  };
  const timer = setInterval(look, 200);
  return () => {
    look();
    clearInterval(timer);
    return full;
  };
}

/** The first error in a log of mmdebstrap or apt. */
export const firstError = (log: string): string => {
  const lines = readEnd(log, 100_000).trimEnd().split('\n');
  // apt's messages name the cause; mmdebstrap only names the failed command.
  const line =
    lines.find((l) => /404 +Not Found|Failed to fetch|Could not (?:resolve|connect)|does not have a Release/.test(l)) ??
    lines.find((l) => l.startsWith('E: '));
  return line
    ? `: ${line
        .replace(/^\w+(?::\d+)?: /, '')
        .trim()
        .slice(0, 300)}`
    : '';
};
