// A fresh Debian root reached by SSH on loopback, like a machine.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeRoot } from './fresh-root.mjs';

export interface SshRoot {
  root: string;
  stop: () => void;
}

/** `key`: file of the private key; the public key lies beside it. */
export async function startSshRoot(release: string, port: number, key: string): Promise<SshRoot> {
  const made = makeRoot(release, ['python3', 'openssh-server']);
  const at = (path: string) => join(made.root, path);
  mkdirSync(at('root/.ssh'), { recursive: true, mode: 0o700 });
  cpSync(`${key}.pub`, at('root/.ssh/authorized_keys'));
  mkdirSync(at('run/sshd'), { recursive: true });
  const places = ['proc', 'dev'];
  for (const place of places) execFileSync('mount', ['--bind', `/${place}`, at(place)]);
  const options = ['UsePAM=no', 'ListenAddress=127.0.0.1', 'PermitRootLogin=prohibit-password', 'StrictModes=no'];
  const daemon = spawn(
    'chroot',
    [made.root, '/usr/sbin/sshd', '-D', '-e', '-p', String(port), ...options.flatMap((o) => ['-o', o])],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  );
  await new Promise((resolve) => daemon.stderr.once('data', resolve));
  return {
    root: made.root,
    stop: () => {
      daemon.kill();
      for (const place of places.reverse()) execFileSync('umount', ['--lazy', at(place)]);
      made.remove();
    },
  };
}
