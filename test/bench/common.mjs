import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = fileURLToPath(new URL('../..', import.meta.url));
export const bundle = join(root, 'resources/slipway.cjs');
export const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

/** Runs a program to its end; seconds of wall time. */
export function timed(command, args, options = {}) {
  const begun = process.hrtime.bigint();
  const r = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 256 << 20, ...options });
  const seconds = Number(process.hrtime.bigint() - begun) / 1e9;
  if (r.status !== 0) throw new Error(`${command} ${args.slice(0, 4).join(' ')} ended with ${r.status}: ${(r.stderr ?? '').slice(-2000)}${(r.stdout ?? '').slice(-1000)}`);
  return { seconds, stdout: r.stdout, stderr: r.stderr };
}
