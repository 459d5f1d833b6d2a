import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, copyFileSync, existsSync, mkdirSync, readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { confine, confinedSpaces } from '../../ts-src/sandbox/confinement.ts';
import { countsProcesses } from '../../ts-src/sandbox/limits.ts';
import { bundle, discard, execute, workspace } from './helpers.ts';

const folder = workspace('confine');
afterAll(() => discard(folder));

const processes = countsProcesses() ? '1000' : '';

/** Runs a script as programs of an archive's packages run while a base is made; `before`: what is mounted first. */
const confined = (work: string, before: string, shown: string, script: string) => {
  mkdirSync(join(folder, work));
  const outer = `${before}
exec sh -c "$2" sh "$1/${work}" 65534 65534:1:1 "$5" "$3" sh -c "$4"`;
  return execute('unshare', [...confinedSpaces, 'sh', '-c', outer, 'sh', folder, confine, shown, script, processes]);
};

it('a base is made with what is mounted below /etc, as a container has it', async () => {
  writeFileSync(join(folder, 'hosts'), '127.0.0.1 mounted.example.org\n');
  const ran = await confined('work', 'mount --bind "$1/hosts" /etc/hosts', '', 'cat /etc/hosts /etc/subuid');
  expect([ran.code, ran.stdout], ran.stderr).toEqual([0, '127.0.0.1 mounted.example.org\n65534:1:1\n']);
});

it('a base is made where a program that leaves the chroot finds no file of this machine', async () => {
  for (const name of ['archive', 'private']) {
    mkdirSync(join(folder, name), { mode: 0o777 });
    chmodSync(join(folder, name), 0o777);
    writeFileSync(join(folder, name, 'file'), `of ${name}\n`);
  }
  const script = `cd ${folder}
cat archive/file private/file
touch archive/written private/written
ls`;
  const ran = await confined('closed', '', join(folder, 'archive'), script);
  expect([ran.stdout, ran.stderr.match(/[\w/-]*(?:private|archive)\S*: [A-Z].*/g)]).toEqual([
    'of archive\narchive\n',
    [
      'private/file: No such file or directory',
      expect.stringMatching(/archive\/written.*: Read-only file system/),
      expect.stringMatching(/private\/written.*: No such file or directory/),
    ],
  ]);
  expect(readdirSync(join(folder, 'private'))).toEqual(['file']);
});

it('a base is made with name servers that are told by a link to another folder', async () => {
  writeFileSync(join(folder, 'servers'), 'nameserver 127.0.0.53\n');
  const link = `mount -t tmpfs none /mnt && cp -a /etc /mnt/etc && mount --bind /mnt/etc /etc
rm -f /etc/resolv.conf; ln -s "$1/servers" /etc/resolv.conf`;
  const ran = await confined('linked', link, '', 'cat /etc/resolv.conf');
  expect([ran.code, ran.stdout], ran.stderr).toEqual([0, 'nameserver 127.0.0.53\n']);
});

it("a plain user's base is made by an id that owns none of the user's files", async () => {
  const work = join(folder, 'plain');
  mkdirSync(work);
  writeFileSync(join(folder, 'key'), 'of the user\n', { mode: 0o600 });
  const outer = `mkdir "$1/o"; mount -t tmpfs none "$1/o"; mkdir "$1/o/u" "$1/o/w"
mount -t overlay overlay -o "lowerdir=/etc,upperdir=$1/o/u,workdir=$1/o/w" /etc
rm -f /etc/subuid /etc/subgid
echo nobody:300000:65536 > /etc/subuid
echo nobody:300000:65536 > /etc/subgid
chown -R 65534:65534 "$1/plain" "$1/key"
exec setpriv --reuid=65534 --regid=65534 --clear-groups unshare $5 \\
  sh -c "$2" sh "$1/plain" 65536 slipway:1:65535 "$6" "$3" sh -c "$4"`;
  // The folder is shown, so only its owner keeps the key. newuidmap(1) has its rights in the namespace.
  const script = `id -un; cat ${folder}/key
unshare --user sleep 20 & sleep 1; newuidmap $! 0 1 65535 && cat /proc/$!/uid_map; kill $!
cat /proc/sys/kernel/pid_max`;
  const maps = '--user --map-root-user --map-users=300000,1,65536 --map-groups=300000,1,65536';
  const own = `${maps} ${confinedSpaces.join(' ')}`;
  const namespace = ['--mount', '--propagation', 'private', 'sh', '-c', outer, 'sh'];
  const ran = await execute('unshare', [...namespace, folder, confine, folder, script, own, processes]);
  expect(ran.stdout.replace(/ +/g, ' '), ran.stderr).toMatch(
    new RegExp(`^slipway\n 0 1 65535\n${processes || '\\d+'}\n$`),
  );
  expect(ran.stderr).toMatch(/key: Permission denied/);
});

it("a base is made where other programs of its user, and this machine's devices, are not to be seen", async () => {
  const other = spawn('setpriv', ['--reuid=65534', '--regid=65534', '--clear-groups', 'sleep', '60']);
  try {
    await once(other, 'spawn');
    const ran = await confined(
      'alone',
      '',
      '',
      `cat /proc/${other.pid}/root/etc/hostname /proc/${other.pid}/environ; kill ${other.pid}
ls /dev; readlink /proc/self/ns/ipc; setsid sleep 61 & `,
    );
    const devices = 'console fd full null ptmx pts random shm stderr stdin stdout tty urandom zero'.split(' ');
    const lines = ran.stdout.trim().split('\n');
    expect([lines.filter((l) => !l.startsWith('ipc:')), other.exitCode], ran.stderr).toEqual([devices, null]);
    expect(lines.at(-1)).not.toBe(readlinkSync('/proc/self/ns/ipc'));
    // What is left running ends with mmdebstrap.
    expect((await execute('pgrep', ['-u', '65534', '-fx', 'sleep 61'])).stdout).toBe('');
  } finally {
    other.kill('SIGKILL');
  }
});

it("a plain user's files of all subordinate ids are removed, whichever line of /etc/subuid has enough of them", async () => {
  const work = join(folder, 'user');
  const left = join(work, '.slipway/bases/p-amd64/new-1/deep');
  mkdirSync(left, { recursive: true });
  copyFileSync(bundle, join(work, 'slipway.cjs'));
  writeFileSync(join(left, 'file'), '');
  writeFileSync(
    join(work, 'distro.yaml'),
    `organization: acme
distributions: {d: {platforms: [p], folders: [src], ros_version: 1}}
platforms: {p: {os: debian, release: bookworm}}
`,
  );
  // The last id of the second line, and a folder that only its owner may change.
  const outer = `mount -t tmpfs none /mnt; cp -a /etc /mnt/etc; mount --bind /mnt/etc /etc
printf 'nobody:200000:1000\\nnobody:300000:65536\\n' | tee /etc/subuid > /etc/subgid
chown -R 65534:65534 "$1"; chown -R 365535:365535 "$2"; cd "$1"
exec setpriv --reuid=65534 --regid=65534 --clear-groups env HOME="$1" node slipway.cjs clean --all`;
  const namespace = ['--mount', '--propagation', 'private', 'sh', '-ec', outer, 'sh'];
  const ran = await execute('unshare', [...namespace, work, left]);
  expect([ran.code, existsSync(join(work, '.slipway/bases'))], ran.stdout + ran.stderr).toEqual([0, false]);
});

it('a user without a name is told so', async () => {
  const work = join(folder, 'nameless');
  mkdirSync(work);
  chmodSync(work, 0o777);
  copyFileSync(bundle, join(work, 'slipway.cjs'));
  const user = ['--reuid=54321', '--regid=54321', '--clear-groups', 'env', `HOME=${work}`];
  const ran = await execute('setpriv', [...user, 'node', join(work, 'slipway.cjs'), 'doctor'], { cwd: work });
  expect(ran.code, ran.stderr).toBe(1);
  expect(ran.stdout).toContain('the user 54321 has no name in /etc/passwd\n    sudo useradd --uid 54321 slipway\n');
});
