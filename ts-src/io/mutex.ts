import { spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * Holds a lock between processes while `work` runs. The kernel keeps it (flock(1), which ends when its standard input
 * does), so a killed process leaves none behind.
 */
export async function withMutex<T>(path: string, work: () => Promise<T>, waiting?: () => void): Promise<T> {
  const release = await holdMutex(path, waiting);
  try {
    return await work();
  } finally {
    release();
  }
}

/** Takes the lock; it is let go by what this gives, or when we end. Holding it keeps nothing running. */
export function holdMutex(path: string, waiting?: () => void): Promise<() => void> {
  mkdirSync(dirname(path), { recursive: true });
  return new Promise((resolve, reject) => {
    const holder = spawn('flock', ['--exclusive', '--no-fork', path, 'cat'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      detached: true,
    });
    const timer = waiting && setTimeout(waiting, 1000);
    holder.on('error', reject);
    holder.on('exit', (code) => reject(new Error(`flock ended with ${code}`)));
    holder.stdin.on('error', () => undefined);
    // cat gives it back once it runs, which is when the lock is held.
    holder.stdin.write('\n');
    holder.stdout.once('data', () => {
      clearTimeout(timer);
      holder.removeAllListeners('exit');
      holder.unref();
      for (const pipe of [holder.stdin, holder.stdout]) (pipe as unknown as { unref(): void }).unref();
      resolve(() => void holder.stdin.end());
    });
  });
}
