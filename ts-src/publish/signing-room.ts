import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { run, type Outcome, type RunOptions } from '../io/process.ts';

/**
 * Holds secret keys while something is signed: a GnuPG home on a tmpfs. It disappears with this process, however that
 * ends, together with all programs started in it (including gpg-agent).
 */
export interface SigningRoom {
  /** GnuPG's home. Short, because socket paths are limited to 107 characters. */
  home: string;
  /** Runs a program in the room. */
  run(command: string, args: string[], options?: RunOptions): Promise<Outcome>;
  close(): Promise<void>;
}

/** First process of the room's namespace. It ends with its standard input, and with it all other processes. */
const hold = `set -eu
read -r pid rest < /proc/self/stat
mount -t tmpfs -o mode=0700,nosuid,nodev,noexec,size=64m tmpfs /dev/shm
mkdir -m 700 /dev/shm/g
echo "$pid"
exec cat >/dev/null`;

/** Without namespaces: a detached process removes the folder and ends the agent. */
const watch = `trap '' HUP INT TERM
echo ready
cat >/dev/null
gpgconf --homedir "$1/g" --kill all 2>/dev/null
rm -rf "$1"`;

export async function openRoom(): Promise<SigningRoom> {
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user'];
  const namespaces = [...user, '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child=KILL'];
  const held = await holder('unshare', [...namespaces, 'sh', '-c', hold]);
  if (!held) return watchedRoom();
  const enter = [
    '--target',
    held.said,
    '--mount',
    '--pid',
    ...(user.length ? ['--user', '--preserve-credentials'] : []),
  ];
  return {
    home: '/dev/shm/g',
    run: (command, args, options) => run('nsenter', [...enter, '--', command, ...args], options),
    close: held.end,
  };
}

/** For machines without namespaces: a folder in memory that a separate process removes when this one ends. */
async function watchedRoom(): Promise<SigningRoom> {
  const folder = mkdtempSync('/dev/shm/slipway-');
  const held = await holder('sh', ['-c', watch, 'watch', folder]);
  if (!held) throw new Error('sh could not be started');
  const home = join(folder, 'g');
  await run('mkdir', ['-m', '700', home]);
  return { home, run, close: held.end };
}

/** Starts a process that lives as long as this one, or until released. Undefined if it ends before its first line. */
function holder(command: string, args: string[]): Promise<{ said: string; end: () => Promise<void> } | undefined> {
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'], detached: true });
    const ended = new Promise<void>((done) => child.once('close', () => done()));
    child.once('error', () => resolve(undefined));
    child.once('exit', () => resolve(undefined));
    child.stdin.on('error', () => undefined);
    child.stdout.once('data', (said: Buffer) =>
      resolve({
        said: said.toString().trim(),
        end: async () => {
          child.stdin.end();
          await ended;
        },
      }),
    );
  });
}
