import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { sha256 } from '../model/digest.ts';
import { exists, readIf, sha256File } from '../io/files.ts';
import { run, type Outcome } from '../io/process.ts';
import type { Driver, Entry } from './driver.ts';
import { currentRun } from './scratch.ts';
import { bytesOf, withDiskLimit, type Du } from './disk-limit.ts';
import { defaultLimits, type Limits } from './limits.ts';
import { seccompProfile } from './seccomp.ts';

/** A folder of this driver stands for an image: it holds the image's name, and dpkg's status as it is in it. */
const marker = '.docker-image';

/** Ends all processes of a container when our end of its standard input closes, which it does however we end. */
const guarded = 'exec 3<&0; "$@" </dev/null 3<&- & work=$!; { cat <&3 >/dev/null; kill -9 -1; } & wait $work';
const asBuilder =
  'chown -R 2000:2000 /build; exec setpriv --reuid=2000 --regid=2000 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all "$@"';

/** The same as the other driver's: what installing packages takes, and nothing that leads out. */
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

const docker = (args: string[], options: Parameters<typeof run>[2] = {}): Promise<Outcome> =>
  run('docker', args, options);

const imageOf = (folder: string): string | undefined => readIf(join(folder, marker))?.trim();

const ranOutOfMemory = async (name: string): Promise<boolean> =>
  (await docker(['inspect', '--format', '{{.State.OOMKilled}}', name])).stdout.trim() === 'true';

const du: Du = (args) => run('du', args);

/** Removes the containers of a run that died. */
async function removeContainers(name: string): Promise<void> {
  const found = await docker(['ps', '--all', '--quiet', '--filter', `label=${runLabel(name)}`]);
  for (const id of found.stdout.split('\n').filter(Boolean)) await docker(['rm', '--force', id]);
}

/** What containers of a run are known by: numbers of processes mean nothing to a slipway in another container. */
const runLabel = (name: string): string => `slipway.run=${name}`;

/** A container of this call alone. */
interface Container {
  name: string;
  image: string;
  limits: Limits;
  /** File of its seccomp filter. */
  filter: string;
}

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
    '--ulimit',
    'core=0',
    ...(limits.disk === undefined ? [] : ['--ulimit', `fsize=${limits.disk}`]),
    '--interactive',
    ...(entry.terminal && process.stdin.isTTY ? ['--tty'] : []),
    '--name',
    name,
    '--label',
    runLabel(currentRun() ?? ''),
    '--hostname',
    'slipway',
    '--network',
    entry.network === true ? 'host' : 'none',
    '--init',
    ...entry.binds.flatMap((b) => ['--volume', `${b.from}:${b.to}${b.readOnly ? ':ro' : ''}`]),
    // All places that everybody may write but /build: what is written elsewhere would go to the daemon's disk.
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

/** Copies our own packages over the image: nearest last, so that they win. Gives what failed. */
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

/** The exit code of what was killed. */
const stopped = 137;

/** Runs a container's command to its end. */
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
  // docker's own client may end well where it was told to stop.
  return signal?.aborted === true && outcome.code === 0 ? { ...outcome, code: stopped } : outcome;
}

/** Makes an image of a container, which the folder `keep` stands for from now on. Gives what failed. */
async function commit(name: string, keep: string): Promise<Outcome | undefined> {
  mkdirSync(join(keep, 'var/lib/dpkg'), { recursive: true });
  const tag = `slipway-layer:${sha256(`${keep}${name}`).slice(0, 24)}`;
  const committed = await docker(['commit', '--change', 'CMD ["sh"]', name, tag]);
  if (committed.code !== 0) return committed;
  const status = await docker(['cp', `${name}:/var/lib/dpkg/status`, join(keep, 'var/lib/dpkg/status')]);
  if (status.code !== 0) return status;
  writeFileSync(join(keep, marker), `${tag}\n`);
  return undefined;
}

async function enter(entry: Entry): Promise<Outcome> {
  mkdirSync(entry.work, { recursive: true });
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
  writeFileSync(filter, seccompProfile(entry.network === true));
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

async function remove(folder: string): Promise<void> {
  if (!exists(folder)) return;
  const own = await run('rm', ['-rf', '--one-file-system', '--', folder]);
  if (own.code === 0) return;
  // Files of the build's user, which a plain user may not remove: a container may.
  const image = (await docker(['images', '--quiet', 'slipway-base'])).stdout.split('\n')[0];
  if (image)
    await docker([
      'run',
      '--rm',
      '--network',
      'none',
      '--volume',
      `${dirname(folder)}:/parent`,
      image,
      'rm',
      '-rf',
      `/parent/${basename(folder)}`,
    ]);
}

/**
 * Containers by the docker command. Roots are images; what lies over an image (our own packages) is copied into the
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
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, marker), `${tag}\n`);
      return run('tar', ['-x', '--no-same-owner', '-f', tar, '-C', folder, './var/lib/dpkg/status']);
    },
    // Images may be pruned, or the daemon be another one than before.
    async ready(folder) {
      const image = imageOf(folder);
      return image !== undefined && (await docker(['image', 'inspect', '--format', '{{.Id}}', image])).code === 0;
    },
    // What an image takes beyond the one that it was made from is its last layer.
    async size(folder) {
      const image = imageOf(folder);
      const told =
        image === undefined ? undefined : await docker(['history', '--human=false', '--format', '{{.Size}}', image]);
      return Number(told?.stdout.split('\n')[0] ?? 0) + bytesOf(await du(['-s', '-x', '--block-size=1', '--', folder]));
    },
    remove,
    async discard(folder) {
      for (const image of [folder, join(folder, 'root')].flatMap((f) => imageOf(f) ?? []))
        await docker(['image', 'rm', image]);
      await remove(folder);
    },
  };
}
