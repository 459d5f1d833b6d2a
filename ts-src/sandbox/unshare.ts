import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import initScript from '../../resources/templates/enter.pl';
import { exists, readIf, makeFolder } from '../io/files.ts';
import { run, type Outcome } from '../io/process.ts';
import type { Driver, Entry } from './driver.ts';
import { bytesOf, withDiskLimit, type Du } from './disk-limit.ts';
import { countsProcesses, defaultLimits, type Limits } from './limits.ts';
import { openGroup } from './control-groups.ts';
import { mapsOf } from './subordinate-ids.ts';

/** A root of layers, and a host program that reads it. */
export interface Reading {
  /** Folders of files, topmost first; at least two. */
  layers: readonly string[];
  /** Folder of this call and working folder of the program, with the root at `m` and the layers at `l0`, `l1`, …. */
  work: string;
  command: string[];
  env?: NodeJS.ProcessEnv;
  log?: string;
  signal?: AbortSignal | undefined;
  onOutput?: (chunk: Buffer) => void;
}

export interface UnshareDriver extends Driver {
  /** Runs a host program beside a read-only mounted root, with the rights of the root's owner. */
  read(reading: Reading): Promise<Outcome>;
}

/** Mounts the layers (`$2`) of the folder `$1` at its folder `m`; `$3`: additional overlay options. */
const readScript = `set -eu
cd "$1"
lower=$2 options=$3
shift 3
mkdir -p m
mount -t overlay overlay -o "ro,nosuid,nodev,lowerdir=$lower$options" m
exec "$@"`;

type Inside = (namespaces: string[], command: string[], options: Parameters<typeof run>[2]) => Promise<Outcome>;

function readRoot(reading: Reading, plain: boolean, propagation: string, inside: Inside): Promise<Outcome> {
  const { work, command, env, log, signal, onOutput } = reading;
  makeFolder(work);
  const layers = linkLayers(reading.layers, work);
  return inside(
    ['--mount', '--propagation', propagation],
    ['sh', '-c', readScript, 'read', work, layers, plain ? ',userxattr' : '', ...command],
    { ...(env ? { env } : {}), ...(log === undefined ? {} : { log }), ...(onOutput ? { onOutput } : {}), signal },
  );
}

/** Creates short symlinks to the layers in the folder `work`, because overlay options are limited in length. */
function linkLayers(layers: readonly string[], work: string): string {
  return layers
    .map((layer, i) => {
      symlinkSync(layer, join(work, `l${i}`));
      return `l${i}`;
    })
    .join(':');
}

/** The overlay's upper folder: `k`, a symlink to the folder `keep`, or memory. */
function linkUpper(keep: string | undefined, work: string): string {
  if (!keep) return 'tmpfs';
  makeFolder(keep);
  makeFolder(`${keep}.work`);
  symlinkSync(keep, join(work, 'k'));
  symlinkSync(`${keep}.work`, join(work, 'k.work'));
  return 'k';
}

/** The size of one file, in blocks. */
const fileLimit = (bytes: number | undefined): { ENTER_FILE?: string } =>
  bytes === undefined ? {} : { ENTER_FILE: String(Math.ceil(bytes / 512)) };

/** Environment of enter.pl: the entry's own, and its limits. */
const enterEnvironment = (
  entry: Entry,
  limits: Limits,
  group: ReturnType<typeof openGroup>,
  plain: boolean,
): Record<string, string> => ({
  ...entry.env,
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  ENTER_SIZE: String(limits.temporary),
  ...fileLimit(limits.file ?? limits.disk),
  ...(plain ? { ENTER_OVERLAY: ',userxattr' } : {}),
  ...(group ? { ENTER_GROUPS: group.folders.join(':') } : { ENTER_DATA: String(Math.floor(limits.memory / 1024)) }),
  ...(countsProcesses() ? { ENTER_PROCESSES: String(limits.processes) } : {}),
});

/** Enters a root in new namespaces. `propagation`: of mounts, in unshare(1)'s terms. */
async function enterRoot(entry: Entry, plain: boolean, propagation: string, inside: Inside): Promise<Outcome> {
  makeFolder(entry.work);
  const layers = linkLayers(entry.root.layers, entry.work);
  const upper = linkUpper(entry.root.keep, entry.work);
  const binds = entry.binds.flatMap((b) => [b.from, `${b.readOnly ? 'ro:' : ''}${b.to}`]);
  const offline = entry.network === true ? [] : ['--net'];
  const limits = entry.limits ?? defaultLimits();
  const group = openGroup(limits);
  const { log, signal } = entry;
  const outcome = await inside(
    ['--mount', '--propagation', propagation, '--pid', '--ipc', '--uts', ...offline],
    [
      'perl',
      '-e',
      initScript,
      '--',
      entry.work,
      layers,
      upper,
      entry.network === true ? 'on' : entry.network || 'off',
      entry.user,
      String(entry.binds.length),
      ...binds,
      ...entry.command,
    ],
    {
      env: enterEnvironment(entry, limits, group, plain),
      signal,
      terminal: entry.terminal === true,
      ...(log ? { log } : {}),
      ...(limits.log === undefined ? {} : { logLimit: limits.log }),
    },
  );
  const exceeded = group?.close();
  return exceeded ? { ...outcome, exceeded } : outcome;
}

/** Namespaces by unshare(1). root needs no user namespace; an unprivileged user needs subordinate ids (newuidmap). */
export function unshareDriver(): UnshareDriver {
  const plain = process.getuid?.() !== 0;
  // With too few ids, unshare(1) tells what it lacks.
  const user = mapsOf() ?? ['--user', '--map-auto', '--map-root-user'];
  // When this process dies, unshare is killed, with it the init process of the namespace, and so all processes in it.
  const inside: Inside = (namespaces, command, options) =>
    run(
      'setpriv',
      ['--pdeathsig', 'KILL', 'unshare', ...user, ...namespaces, '--fork', '--kill-child=KILL', ...command],
      // A new session detaches from this terminal, unless the user asked for it. unshare(1) ignores SIGTERM. It ends
      // after its child does: with the first process of the namespace, all have ended.
      { ...options, detached: options?.terminal !== true, kills: 'entry' },
    );
  // In a plain chroot the root is not a mount point, so mounts can't be private to the namespace. They are unmounted
  // afterwards.
  let known: Promise<boolean> | undefined;
  const isPrivate = (): Promise<boolean> =>
    (known ??= run('unshare', [...user, '--mount', '--propagation', 'private', 'true']).then((o) => o.code === 0));
  const propagation = async (): Promise<string> => ((await isPrivate()) ? 'private' : 'unchanged');
  const unmount = async (folder: string): Promise<void> => {
    const own = mountsBelow(folder);
    if (own.length && !(await isPrivate())) await run('umount', ['--lazy', ...own.reverse()]);
  };
  const du: Du = (args, signal) => inside([], ['du', ...args], { signal });
  const enter = async (entry: Entry): Promise<Outcome> => {
    const outcome = await enterRoot(entry, plain, await propagation(), inside);
    await unmount(entry.work);
    return outcome;
  };
  const remove = async (folder: string): Promise<void> => {
    if (!exists(folder)) return;
    await unmount(folder);
    await inside([], ['rm', '-rf', '--one-file-system', '--', folder], {});
  };
  return {
    name: 'unshare',
    enter: (entry) => withDiskLimit(entry, du, enter),
    async read(reading) {
      const outcome = await readRoot(reading, plain, await propagation(), inside);
      await unmount(reading.work);
      return outcome;
    },
    unpack: (tar, folder) => {
      makeFolder(folder);
      return inside([], ['tar', '-x', '--numeric-owner', '--exclude', './dev/*', '-f', tar, '-C', folder], {});
    },
    ready: (folder) => Promise.resolve(exists(folder)),
    size: async (folder) => bytesOf(await du(['-s', '-x', '--block-size=1', '--', folder])),
    remove,
    discard: remove,
  };
}

/** Mount points below a folder, in the order of their creation. */
function mountsBelow(folder: string): string[] {
  return (readIf('/proc/self/mounts') ?? '')
    .split('\n')
    .map((l) => (l.split(' ')[1] ?? '').replace(/\\([0-7]{3})/g, (_, o: string) => String.fromCharCode(parseInt(o, 8))))
    .filter((m) => m.startsWith(`${folder}/`));
}
