import { chmodSync, copyFileSync, mkdirSync, renameSync, statSync, statfsSync } from 'node:fs';
import { dirname, extname, join } from 'node:path';
import { withinFetchTime } from '../io/fetch-time.ts';
import { run, type Outcome } from '../io/process.ts';
import { temporaryFolder } from '../io/temporary-folder.ts';
import { readEnd } from '../io/untrusted.ts';
import { fromOption, mmdebstrapCommand, type BasePlatform } from './archive.ts';
import { removeTree } from '../io/remove-tree.ts';

export interface BaseArchive {
  platform: BasePlatform;
  architecture: string;
  sources: { lines: string[]; underlays: string[] };
  /** Output folder: `base.tar`, and apt's lists in `lists`. */
  work: string;
  log: string;
  proxy: string | undefined;
}

/** ZIP can't represent times before 1980, so no file of a base is older, whenever it is made. */
const earliest = '315619200';

/** Subordinate ids that no system uses: programs that install packages into a base own no files of this machine. */
const subordinate = 'nobody:1879048192:65536';
/** Path of the folder inside of a confined mmdebstrap; everybody can enter it. */
const confinedFolder = '/dev/shm';

/**
 * As root, mmdebstrap would run maintainer scripts of all configured archives with full rights. Runs it as `nobody`
 * instead, in user namespaces mapped to unused ids, with its own /etc/subuid.
 */
export const confine = `set -e
folder=$1 ids=$2
shift 2
mkdir "$folder/etc"
mount -t tmpfs tmpfs "$folder/etc"
mkdir "$folder/etc/u" "$folder/etc/w" "$folder/etc/old"
mount --rbind /etc "$folder/etc/old"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$folder/etc/u,workdir=$folder/etc/w" /etc
# An overlay hides what is mounted below /etc, as a container's resolv.conf and hosts are.
mounts=$(cat /proc/self/mountinfo)
echo "$mounts" | while read -r _ _ _ _ at _; do
  case $at in
    /etc/*) if [ -e "$at" ]; then mount --bind "$folder/etc/old/\${at#/etc/}" "$at"; fi ;;
  esac
done
rm -f /etc/subuid /etc/subgid
echo "$ids" > /etc/subuid
echo "$ids" > /etc/subgid
mount --bind "$folder" ${confinedFolder}
cd /
exec setpriv --reuid=65534 --regid=65534 --clear-groups -- "$@"`;

/** Runs mmdebstrap with its own process group, temporary folder and a clean environment. */
export const makeBaseArchive = (base: BaseArchive): Promise<Outcome> =>
  // An archive that sends bit by bit would hold apt without end.
  withinFetchTime((signal) => runMmdebstrap(base, signal));

async function runMmdebstrap(base: BaseArchive, signal: AbortSignal): Promise<Outcome> {
  const { platform, architecture, work, log } = base;
  const temporary = join(work, 'mmdebstrap');
  mkdirSync(temporary);
  const env = (folder: string | undefined): NodeJS.ProcessEnv => ({
    PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
    LC_ALL: 'C.UTF-8',
    SOURCE_DATE_EPOCH: earliest,
    ...(folder === undefined ? {} : { TMPDIR: folder }),
    ...(process.env.HOME ? { HOME: process.env.HOME } : {}),
    ...(base.proxy ? { http_proxy: base.proxy } : {}),
    ...(process.env.https_proxy ? { https_proxy: process.env.https_proxy } : {}),
    ...(process.env.no_proxy ? { no_proxy: process.env.no_proxy } : {}),
  });
  const plain = process.getuid?.() !== 0;
  const input = (text: string | undefined) => (text === undefined ? {} : { input: text });
  if (plain || !(await canConfine())) {
    const { sources, done } = withoutBlanks(base.sources);
    const command = mmdebstrapCommand(platform, architecture, sources, work, { plain });
    // The mapped ids of an unprivileged user may not be able to enter the user's folder.
    const folder = plain && !openToAll(temporary) ? undefined : temporary;
    try {
      return await run('mmdebstrap', command.args, {
        log,
        cwd: '/',
        detached: true,
        env: env(folder),
        signal,
        ...input(command.input),
      });
    } finally {
      done();
    }
  }
  chmodSync(temporary, 0o1777);
  mkdirSync(join(temporary, 'lists'));
  chmodSync(join(temporary, 'lists'), 0o777);
  const command = mmdebstrapCommand(
    platform,
    architecture,
    withCopiedKeys(base.sources, temporary, confinedFolder),
    confinedFolder,
    { plain: true },
  );
  const made = await run(
    'unshare',
    [
      '--mount',
      '--propagation',
      'private',
      'sh',
      '-c',
      confine,
      'sh',
      temporary,
      subordinate,
      'mmdebstrap',
      ...command.args,
    ],
    { log, cwd: '/', detached: true, env: env(confinedFolder), signal, ...input(command.input) },
  );
  if (made.code === 0) {
    renameSync(join(temporary, 'base.tar'), join(work, 'base.tar'));
    await run('rm', ['-rf', join(work, 'lists')]);
    renameSync(join(temporary, 'lists'), join(work, 'lists'));
    await run('chown', ['-R', '--no-dereference', '0:0', join(work, 'base.tar'), join(work, 'lists')]);
    await run('rm', ['-rf', '--one-file-system', temporary]);
  }
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
  (await run('unshare', ['--user', '--mount', '--propagation', 'unchanged', 'true'])).code === 0;

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
