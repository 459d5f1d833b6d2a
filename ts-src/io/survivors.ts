import { spawn, type ChildProcess } from 'node:child_process';
import { Socket } from 'node:net';
import type { Writable } from 'node:stream';
import { processOf } from './children.ts';

/**
 * Reads lists of processes (`PID:BEGUN`), one a line. At the end of its input, kills those of the last whole line that
 * still run, with all below them. They are held first, so that none starts another one meanwhile.
 */
const watch = `trap '' HUP INT TERM
last=
while read -r line; do last=$line; done
below() {
  all="$all $1"
  children=
  read -r children < "/proc/$1/task/$1/children"
  for child in $children; do below "$child"; done
}
found() {
  all=
  for one in $last; do
    stat=
    read -r stat < "/proc/\${one%:*}/stat" || continue
    set -- \${stat##*) }
    if [ "\${20-}" = "\${one#*:}" ]; then below "\${one%:*}"; fi
  done
}
found
if [ "$all" ]; then
  kill -STOP $all
  found
  kill -KILL $all
fi`;

const watched = new Map<number, string>();
let list: Writable | undefined;

/**
 * Has a program killed if this process ends before it, by whatever signal: a server that sends bit by bit would hold
 * it without end.
 */
export function endsWithUs(child: ChildProcess): void {
  const { pid } = child;
  const begun = pid === undefined ? undefined : processOf(pid)?.begun;
  if (pid === undefined || !begun) return;
  watched.set(pid, begun);
  tell();
  child.once('exit', () => {
    watched.delete(pid);
    tell();
  });
}

function tell(): void {
  list ??= startWatch();
  list.write(`${[...watched].map(([pid, begun]) => `${pid}:${begun}`).join(' ')}\n`);
}

/** One process for all programs of this one, without its variables. It ends when this process does. */
function startWatch(): Writable {
  const watcher = spawn('sh', ['-c', watch], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
    cwd: '/',
    env: { PATH: process.env.PATH ?? '/usr/bin:/bin', LC_ALL: 'C' },
  });
  watcher.on('error', () => undefined);
  watcher.unref();
  watcher.stdin.on('error', () => undefined);
  if (watcher.stdin instanceof Socket) watcher.stdin.unref();
  return watcher.stdin;
}
