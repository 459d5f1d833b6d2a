import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const bundle = join(root, 'resources/slipway.cjs');
export const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

/**
 * Runs a program; returns its wall time in seconds. A shell measures it, because starting a process takes longer the
 * more memory its parent has, and this process has much.
 */
export function run(command, args, options = {}) {
  const r = spawnSync('bash', ['-c', 'TIMEFORMAT=%R; time "$@" 2>&3', 'run', command, ...args], {
    encoding: 'utf8',
    maxBuffer: 1 << 30,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
    ...options,
  });
  if (r.error) throw r.error;
  return {
    seconds: Number(r.stderr.trim().split('\n').pop().replace(',', '.')),
    status: r.status,
    stdout: r.stdout,
    stderr: r.output[3],
  };
}

/** Runs a program that must succeed. */
export function timed(command, args, options = {}) {
  const r = run(command, args, options);
  if (r.status !== 0)
    throw new Error(
      `${command} ${args.slice(0, 4).join(' ')} ended with ${r.status}: ${(r.stderr ?? '').slice(-2000)}${(r.stdout ?? '').slice(-1000)}`,
    );
  return r;
}
