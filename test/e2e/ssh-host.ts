import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';

/** A host reached by ssh on loopback: this machine, with its own sshd. */
export interface SshHost {
  port: number;
  /** Options of a place: the client's key and the host's key. */
  options: string;
  /** The URI of a folder there. */
  place: (path: string) => string;
  stop: () => void;
}

const freePort = (): Promise<number> =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const at = server.address();
      server.close(() => resolve(typeof at === 'object' ? (at?.port ?? 0) : 0));
    });
  });

export function makeKey(file: string): void {
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', file]);
}

/** `environment`: for the host's commands, such as another PATH. */
export async function startSshHost(folder: string, environment?: string): Promise<SshHost> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const at = (name: string) => join(folder, name);
  for (const name of ['host', 'client']) makeKey(at(name));
  cpSync(at('client.pub'), at('authorized'));
  const port = await freePort();
  execFileSync('sh', ['-c', `echo "[127.0.0.1]:${port} $(cat ${at('host.pub')})" > ${at('known')}`]);
  writeFileSync(
    at('config'),
    [
      `Port ${port}`,
      'ListenAddress 127.0.0.1',
      `HostKey ${at('host')}`,
      `AuthorizedKeysFile ${at('authorized')}`,
      'StrictModes no',
      'UsePAM no',
      'PidFile none',
      'PasswordAuthentication no',
      'PermitRootLogin prohibit-password',
      ...(environment === undefined ? [] : [`SetEnv ${environment}`]),
      '',
    ].join('\n'),
  );
  chmodSync(at('host'), 0o600);
  if (process.getuid?.() === 0) mkdirSync('/run/sshd', { recursive: true });
  const daemon: ChildProcess = spawn('/usr/sbin/sshd', ['-D', '-e', '-f', at('config')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await new Promise((resolve) => daemon.stderr?.once('data', resolve));
  const options = `key=${at('client')}&known_hosts=${at('known')}`;
  return {
    port,
    options,
    place: (path) => `ssh://${userInfo().username}@127.0.0.1:${port}${path}?${options}`,
    stop: () => daemon.kill(),
  };
}
