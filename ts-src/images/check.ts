import { existsSync } from 'node:fs';
import { good, type Result } from '../model/diagnostics.ts';
import type { ImageSpec } from '../model/images.ts';
import { run } from '../io/process.ts';
import { guarded } from '../sandbox/docker.ts';
import { checkDisk } from './check-disk.ts';
import { failed, shownLine, type CheckInput } from './check-input.ts';
import { checkLimits, checkName, removeLeft, withinBounds, type Checked } from './check-limits.ts';
import type { Artifact } from './record.ts';

/** Starts a built artifact and runs its checks. */
export function checkArtifact(input: CheckInput, artifact: Artifact): Promise<Result<true>> {
  input.progress(`starting the ${artifact.kind} image of '${input.record.name}'`);
  switch (artifact.kind) {
    case 'docker':
      return checkDocker(input, artifact);
    case 'rootfs':
      return checkRootfs(input, artifact);
    case 'lxd':
      return checkLxd(input, artifact);
    case 'disk':
    case 'ami':
      return checkDisk(input, artifact);
  }
}

/** Check commands; without any, starting successfully is the check. */
const commandsOf = (spec: ImageSpec): string[][] => (spec.check.length ? spec.check : [['true']]);

/** Runs each command in a docker container without network. */
async function checkDocker(input: CheckInput, artifact: Artifact): Promise<Result<true>> {
  const [file] = artifact.files;
  const path = file && (await input.store.path(file));
  const { id } = artifact;
  if (path === undefined || id === undefined || !/^sha256:[0-9a-f]{64}$/.test(id))
    return failed(input, 'docker', 'the store lost its file', 'build it again');
  const docker = (...args: string[]) => run('docker', args, { signal: input.signal, limit: 1 << 20 });
  const folder = (await docker('info', '--format', '{{.DockerRootDir}}')).stdout.trim();
  const all = ['ps', '--all', '--filter', 'name=slipway-check-', '--format', '{{.Names}}'];
  await removeLeft('docker', all, ['rm', '--force']);
  const known = await docker('image', 'inspect', '--format', '{{.Id}}', id);
  if (known.code !== 0) {
    const loaded = await docker('load', '--quiet', '--input', path);
    if (loaded.code !== 0)
      return failed(input, 'docker', shownLine(loaded.stderr), 'a docker engine starts it: is one running here?');
  }
  try {
    for (const command of commandsOf(input.spec)) {
      const { ran, ended } = await inContainer(input, { id, folder }, command);
      if (ended !== undefined) return failed(input, 'docker', `'${command.join(' ')}': ${ended}`);
      if (ran.code !== 0)
        return failed(
          input,
          'docker',
          `'${command.join(' ')}' ended with ${ran.code}: ${shownLine(ran.stderr || ran.stdout)}`,
          /exec format error/i.test(ran.stderr + ran.stdout)
            ? `this machine does not run programs of ${input.record.architecture}: install qemu-user-static`
            : undefined,
        );
    }
  } finally {
    if (known.code !== 0) await run('docker', ['rmi', '--force', id]);
  }
  return good(true);
}

/** Runs a command in a docker container, which ends with this process, too. `folder`: the engine's. */
async function inContainer(
  { signal }: CheckInput,
  { id, folder }: { id: string; folder: string },
  command: readonly string[],
): Promise<Checked> {
  const name = checkName();
  const limits = [`--memory=${checkLimits.memory}`, `--pids-limit=${checkLimits.processes}`, '--log-driver=none'];
  // The entrypoint sets the PATH of the packages, who could bring their own `sh`.
  const shell = ['--entrypoint=/bin/sh', id, '-c', guarded, 'sh', '/usr/lib/slipway/entrypoint'];
  const all = ['run', '--rm', '--interactive', '--name', name, '--network=none', ...limits, ...shell];
  try {
    return await withinBounds({ folder, time: checkLimits.command, signal }, (ending) =>
      run('docker', [...all, 'timeout', '300', ...command], {
        keepInput: true,
        signal: ending,
        limit: 1 << 20,
      }),
    );
  } finally {
    await run('docker', ['rm', '--force', name]);
  }
}

/** A rootfs archive can't start; checks that it is complete. */
async function checkRootfs(input: CheckInput, artifact: Artifact): Promise<Result<true>> {
  const [file] = artifact.files;
  const path = file && (await input.store.path(file));
  if (path === undefined) return failed(input, 'rootfs', 'the store lost its file', 'build it again');
  const tested = await run('zstd', ['--test', '--quiet', path], { signal: input.signal });
  return tested.code === 0 ? good(true) : failed(input, 'rootfs', shownLine(tested.stderr));
}

/** systemd may not answer at first. `degraded` is normal in containers. */
const untilUp = `end=$(($(date +%s) + 300))
while [ "$(date +%s)" -lt "$end" ]; do
  state=$(timeout 300 systemctl is-system-running --wait 2>&1)
  case $state in running | degraded) exit 0 ;; esac
  sleep 1
done
echo "$state"
exit 1`;

/** Folders in which LXD keeps its containers. */
const lxdFolders = (): string[] => [
  ...(process.env.LXD_DIR === undefined ? [] : [process.env.LXD_DIR]),
  '/var/snap/lxd/common/lxd',
  '/var/lib/lxd',
];

/**
 * Starts a container in the machine's LXD with the default profile. Its system must come up, and the image's own check
 * must pass.
 */
async function checkLxd(input: CheckInput, artifact: Artifact): Promise<Result<true>> {
  const paths = await Promise.all(artifact.files.map((f) => input.store.path(f)));
  const [metadata, root] = paths;
  if (metadata === undefined || root === undefined)
    return failed(input, 'lxd', 'the store lost its files', 'build it again');
  await removeLeft('lxc', ['list', 'slipway-check-', '--format', 'csv', '--columns', 'n'], ['delete', '--force']);
  const name = checkName();
  const lxc = (...args: string[]) => run('lxc', args, { signal: input.signal, limit: 1 << 20 });
  const imported = await lxc('image', 'import', metadata, root, '--alias', name);
  if (imported.code === 127) return failed(input, 'lxd', 'lxc is not installed', 'LXD starts it: apt-get install lxd');
  if (imported.code !== 0 && !imported.stderr.includes('already exists'))
    return failed(input, 'lxd', shownLine(imported.stderr), 'LXD starts it: is one running here?');
  try {
    const { memory, processes } = checkLimits;
    const limits = ['--config', `limits.memory=${memory}`, '--config', `limits.processes=${processes}`];
    const launched = await lxc('launch', artifact.id ?? name, name, '--ephemeral', ...limits);
    if (launched.code !== 0)
      return failed(input, 'lxd', shownLine(launched.stderr), '`lxd init --auto` makes a profile that can start it');
    const folder = lxdFolders().find((f) => existsSync(f));
    const inside = (time: number, ...command: string[]) =>
      withinBounds({ folder, time, signal: input.signal }, (signal) =>
        run('lxc', ['exec', name, '--', ...command], { signal, limit: 1 << 20 }),
      );
    const up = await inside(checkLimits.start, 'sh', '-c', untilUp);
    if (up.ended !== undefined) return failed(input, 'lxd', `while its system came up, ${up.ended}`);
    if (up.ran.code !== 0) return failed(input, 'lxd', `its system did not come up: ${shownLine(up.ran.stdout)}`);
    const { ran, ended } = await inside(checkLimits.check, 'timeout', '1200', '/usr/lib/slipway/check');
    if (ended !== undefined) return failed(input, 'lxd', `its check: ${ended}`);
    // Only the last line counts: commands of the image may print anything.
    if (/(^|\n)slipway-check: passed[^\n]*\n?$/.test(ran.stdout)) return good(true);
    const lines = ran.stdout.split('\n').filter((l) => l.startsWith('slipway-check: '));
    return failed(input, 'lxd', lines.map(shownLine).slice(-5).join('; ') || shownLine(ran.stderr));
  } finally {
    await run('lxc', ['delete', '--force', name]);
    if (imported.code === 0) await run('lxc', ['image', 'delete', artifact.id ?? name]);
  }
}
