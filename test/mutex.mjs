import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Does a piece of work while no other process of this machine does it under the same name. flock(1) holds the lock, so
 * that the kernel releases it when this process dies.
 */
export async function exclusively(file, work) {
  mkdirSync(dirname(file), { recursive: true });
  const holder = spawn('flock', [file, 'sh', '-c', 'echo locked; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  await new Promise((resolve, reject) => {
    holder.stdout.once('data', resolve);
    holder.once('error', reject);
    holder.once('exit', (code) => reject(new Error(`flock ${file} ended with ${code}`)));
  });
  try {
    return await work();
  } finally {
    holder.stdin.end();
    if (holder.exitCode === null) await new Promise((resolve) => holder.once('exit', resolve));
  }
}
