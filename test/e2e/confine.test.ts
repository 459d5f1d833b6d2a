import { chmodSync, mkdirSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { confine } from '../../ts-src/sandbox/confinement.ts';
import { discard, execute, workspace } from './helpers.ts';

const folder = workspace('confine');
afterAll(() => discard(folder));

/** Runs a script as programs of an archive's packages run while a base is made; `before`: what is mounted first. */
const confined = (work: string, before: string, shown: string, script: string) => {
  mkdirSync(join(folder, work));
  const outer = `${before}
exec sh -c "$2" sh "$1/${work}" 65534 65534:1:1 "$3" sh -c "$4"`;
  const namespace = ['--mount', '--propagation', 'private', 'sh', '-c', outer, 'sh'];
  return execute('unshare', [...namespace, folder, confine, shown, script]);
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
exec setpriv --reuid=65534 --regid=65534 --clear-groups unshare $5 --mount --propagation private \\
  sh -c "$2" sh "$1/plain" 65536 slipway:1:65535 "$3" sh -c "$4"`;
  // The folder is shown, so only its owner keeps the key. newuidmap(1) has its rights in the namespace.
  const script = `id -un; cat ${folder}/key
unshare --user sleep 20 & sleep 1; newuidmap $! 0 1 65535 && cat /proc/$!/uid_map; kill $!`;
  const maps = '--user --map-root-user --map-users=300000,1,65536 --map-groups=300000,1,65536';
  const namespace = ['--mount', '--propagation', 'private', 'sh', '-c', outer, 'sh'];
  const ran = await execute('unshare', [...namespace, folder, confine, folder, script, maps]);
  expect(ran.stdout.replace(/ +/g, ' '), ran.stderr).toBe('slipway\n 0 1 65535\n');
  expect(ran.stderr).toMatch(/key: Permission denied/);
});
