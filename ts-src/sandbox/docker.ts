import { randomBytes } from 'node:crypto';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { sha256 } from '../model/digest.ts';
import { exists, makeFolder, readIf, sha256File } from '../io/files.ts';
import { writeFile } from '../io/write.ts';
import { run, type Outcome } from '../io/process.ts';
import type { Driver, Entry } from './driver.ts';
import { currentRun } from './scratch.ts';
import { bytesOf, withDiskLimit, type Du } from './disk-limit.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { seccompProfile } from './seccomp.ts';

/** A folder of this driver represents an image: it contains the image's name, and its dpkg status. */
const marker = '.docker-image';

/** Ends all processes of a container when its standard input closes, which happens however this process ends. */
export const guarded = 'exec 3<&0; "$@" </dev/null 3<&- & work=$!; { cat <&3 >/dev/null; kill -9 -1; } & wait $work';

/** The same capabilities as in the other driver: those for installing packages, none that lead out. */
const capabilities = [
  'CHOWN',
  'DAC_OVERRIDE',
  'FOWNER',
  'FSETID',
  'KILL',
  'SETGID',
  'SETUID',
  'SETPCAP',
  'NET_BIND_SERVICE',
  'AUDIT_WRITE',
  'SETFCAP',
];

/** By name: the image's setpriv does not know `all` capabilities if its release is older than this kernel. */
const none = capabilities.map((name) => `-${name.toLowerCase()}`).join(',');
const asBuilder =
  'chown -R 2000:2000 /build; exec setpriv --reuid=2000 --regid=2000 ' +
  `--clear-groups --no-new-privs --inh-caps=${none} --bounding-set=${none} "$@"`;

const docker = (args: string[], options: Parameters<typeof run>[2] = {}): Promise<Outcome> =>
  run('docker', args, options);

/** The image of a folder. Other names are not taken: packages have files in such folders, too. */
const imageOf = (folder: string): string | undefined =>
  /^slipway-(?:base|layer):[0-9a-f]{24}(?=\n$)/.exec(readIf(join(folder, marker)) ?? '')?.[0];

const ranOutOfMemory = async (name: string): Promise<boolean> =>
  (await docker(['inspect', '--format', '{{.State.OOMKilled}}', name])).stdout.trim() === 'true';

const du: Du = (args, signal) => run('du', args, { signal });

/** Removes the containers of a run that died. */
async function removeContainers(name: string): Promise<void> {
  const found = await docker(['ps', '--all', '--quiet', '--filter', `label=${runLabel(name)}`]);
  for (const id of found.stdout.split('\n').filter(Boolean)) await docker(['rm', '--force', id]);
}

/** The label of a run's containers. Process ids would be ambiguous between containers. */
const runLabel = (name: string): string => `slipway.run=${name}`;

/** A container for one call. */
interface Container {
  name: string;
  image: string;
  limits: Limits;
  /** File of its seccomp profile. */
  filter: string;
}

/** The size of one file, in bytes. */
const fileLimit = (bytes: number | undefined): string[] => (bytes === undefined ? [] : ['--ulimit', `fsize=${bytes}`]);

/** Arguments of `docker create`. */
function createArguments(entry: Entry, { name, image, limits, filter }: Container): string[] {
  const command = entry.user === 'root' ? entry.command : ['sh', '-ec', asBuilder, 'sh', ...entry.command];
  return [
    'create',
    '--cap-drop',
    'ALL',
    ...capabilities.flatMap((c) => ['--cap-add', c]),
    '--security-opt',
    `seccomp=${filter}`,
    ...(entry.user === 'builder' ? ['--security-opt', 'no-new-privileges'] : []),
    '--memory',
    String(limits.memory),
    '--pids-limit',
    String(limits.processes),
    '--shm-size',
    String(limits.temporary),
    // With 1, which fits no core file, the kernel does not start the machine's handler of core files either, as with 0.
    '--ulimit',
    'core=1',
    ...fileLimit(limits.file ?? limits.disk),
    '--interactive',
    ...(entry.terminal && process.stdin.isTTY ? ['--tty'] : []),
    '--name',
    name,
    '--label',
    runLabel(currentRun() ?? ''),
    '--hostname',
    'slipway',
    // Docker would keep what a container prints on its own disk, without a limit.
    '--log-driver',
    'none',
    '--network',
    entry.network === true ? 'host' : 'none',
    '--init',
    ...entry.binds.flatMap((b) => ['--volume', `${b.from}:${b.to}${b.readOnly ? ':ro' : ''}`]),
    // tmpfs for all world-writable folders except /build: their content would otherwise use the daemon's disk.
    ...['/tmp', ...(entry.user === 'builder' ? ['/var/tmp', '/run/lock'] : [])].flatMap((place) => [
      '--tmpfs',
      `${place}:exec,mode=1777,nosuid,nodev,size=${limits.temporary}`,
    ]),
    ...Object.entries(entry.env).flatMap(([k, v]) => ['--env', `${k}=${v}`]),
    image,
    ...(entry.terminal ? [] : ['sh', '-c', guarded, 'sh']),
    ...command,
  ];
}

/** Copies the distribution's packages over the image, the nearest layer last, so that it wins. Returns a failure. */
async function copyLayers(layers: readonly string[], name: string, work: string): Promise<Outcome | undefined> {
  for (const layer of [...layers].reverse()) {
    const archive = join(work, 'over.tar');
    const packed = await run('tar', ['-c', '--owner=0', '--group=0', '-f', archive, '-C', layer, '.']);
    const copied =
      packed.code === 0 ? await run('sh', ['-c', 'docker cp - "$1:/" < "$2"', 'sh', name, archive]) : packed;
    rmSync(archive, { force: true });
    if (copied.code !== 0) return copied;
  }
  return undefined;
}

/** Exit code of killed programs. */
const stopped = 137;

/** Runs a container's command until it ends. */
async function start({ log, signal, terminal }: Entry, name: string, limits: Limits): Promise<Outcome> {
  const stop = () => void docker(['kill', name]);
  signal?.addEventListener('abort', stop, { once: true });
  const outcome = await run('setpriv', ['--pdeathsig', 'KILL', 'docker', 'start', '--attach', '--interactive', name], {
    ...(terminal ? { terminal } : { keepInput: true }),
    ...(log ? { log } : {}),
    ...(limits.log === undefined ? {} : { logLimit: limits.log }),
    ...(signal ? { signal } : {}),
  });
  signal?.removeEventListener('abort', stop);
  // docker's client may exit with 0 when it is stopped.
  return signal?.aborted === true && outcome.code === 0 ? { ...outcome, code: stopped } : outcome;
}

/** Commits a container to an image, represented by the folder `keep`. Returns a failure. */
async function commit(name: string, keep: string): Promise<Outcome | undefined> {
  makeFolder(join(keep, 'var/lib/dpkg'));
  const tag = `slipway-layer:${sha256(`${keep}${name}`).slice(0, 24)}`;
  const committed = await docker(['commit', '--change', 'CMD ["sh"]', name, tag]);
  if (committed.code !== 0) return committed;
  const status = await docker(['cp', `${name}:/var/lib/dpkg/status`, join(keep, 'var/lib/dpkg/status')]);
  if (status.code !== 0) return status;
  writeFile(join(keep, marker), `${tag}\n`);
  return undefined;
}

async function enter(entry: Entry): Promise<Outcome> {
  makeFolder(entry.work);
  const images = entry.root.layers.map(imageOf);
  const at = images.findIndex((i) => i !== undefined);
  const image = images[at];
  if (image === undefined)
    return {
      code: 125,
      signal: null,
      stdout: '',
      stderr: 'the base image of this root is not there: run with --renew-base',
    };
  const name = `slipway-${process.pid}-${randomBytes(6).toString('hex')}`;
  const limits = entry.limits ?? defaultLimits();
  const filter = join(entry.work, `${name}.seccomp.json`);
  writeFile(filter, seccompProfile(entry.network === true));
  const created = await docker(createArguments(entry, { name, image, limits, filter }));
  rmSync(filter);
  if (created.code !== 0) return created;
  try {
    const notCopied = await copyLayers(entry.root.layers.slice(0, at), name, entry.work);
    if (notCopied) return notCopied;
    const outcome = await start(entry, name, limits);
    if (outcome.code !== 0 && (await ranOutOfMemory(name))) return { ...outcome, exceeded: 'memory' };
    const keep = outcome.code === 0 ? entry.root.keep : undefined;
    return (keep && (await commit(name, keep))) || outcome;
  } finally {
    await docker(['rm', '--force', name]);
  }
}

const removeOwn = (folder: string): Promise<Outcome> => run('rm', ['-rf', '--one-file-system', '--', folder]);

/** Milliseconds after which a container that removes files is stopped. */
const longestRemoval = 600_000;

/**
 * Removes a folder. Files of the build user, which an unprivileged user may not be able to remove, are removed by a
 * container. The image's programs are not trusted: they see nothing but this folder.
 */
async function remove(folder: string): Promise<void> {
  if (!exists(folder)) return;
  if ((await removeOwn(folder)).code === 0) return;
  const image = (await docker(['images', '--quiet', 'slipway-base'])).stdout.split('\n')[0];
  if (!image) return;
  const name = `slipway-${process.pid}-${randomBytes(6).toString('hex')}`;
  const allowed = ['--cap-drop', 'ALL', '--cap-add', 'DAC_OVERRIDE', '--cap-add', 'FOWNER'];
  const closed = '--security-opt no-new-privileges --network none --pids-limit 100 --log-driver none'.split(' ');
  const bind = ['--volume', `${folder}:/removed`];
  const command = ['find', '/removed', '-xdev', '-mindepth', '1', '-delete'];
  await docker(['run', '--rm', '--name', name, ...allowed, ...closed, ...bind, image, ...command], {
    signal: AbortSignal.timeout(longestRemoval),
  });
  await docker(['rm', '--force', name]);
  await removeOwn(folder);
}

/**
 * Runs containers by the docker command. Roots are images; layers of the distribution's packages are copied into the
 * container.
 */
export function dockerDriver(): Driver {
  return {
    name: 'docker',
    enter: (entry) => withDiskLimit(entry, du, enter),
    removeContainers,
    async unpack(tar, folder) {
      const tag = `slipway-base:${(await sha256File(tar)).slice(0, 24)}`;
      const imported = await docker(['import', tar, tag]);
      if (imported.code !== 0) return imported;
      makeFolder(folder);
      writeFile(join(folder, marker), `${tag}\n`);
      return run('tar', ['-x', '--no-same-owner', '-f', tar, '-C', folder, './var/lib/dpkg/status']);
    },
    // The image may have been pruned, or the daemon replaced.
    async ready(folder) {
      const image = imageOf(folder);
      return image !== undefined && (await docker(['image', 'inspect', '--format', '{{.Id}}', image])).code === 0;
    },
    // The size of an image is that of its last layer, on top of the image that it was made from.
    async size(folder) {
      const image = imageOf(folder);
      const measured =
        image === undefined ? undefined : await docker(['history', '--human=false', '--format', '{{.Size}}', image]);
      return (
        Number(measured?.stdout.split('\n')[0] ?? 0) + bytesOf(await du(['-s', '-x', '--block-size=1', '--', folder]))
      );
    },
    remove,
    async discard(folder) {
      for (const image of [folder, join(folder, 'root')].flatMap((f) => imageOf(f) ?? []))
        await docker(['image', 'rm', image]);
      await remove(folder);
    },
  };
}
