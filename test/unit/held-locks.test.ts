import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { lockHolder } from '../../ts-src/io/lock-holder.ts';
import { holdMutex, StoppedWait, withMutex } from '../../ts-src/io/mutex.ts';
import { onSlow } from '../../ts-src/io/slow.ts';
import { openScratch } from '../../ts-src/sandbox/scratch.ts';
import { unshareDriver } from '../../ts-src/sandbox/unshare.ts';
import { containing } from './containing.ts';

vi.hoisted(() => (process.env.SLIPWAY_SILENCE_SECONDS = '1'));
const folder = mkdtempSync(join(tmpdir(), 'slipway-held-'));
const lock = join(folder, 'lock');
let holder: ChildProcess | undefined;
afterEach(() => holder?.kill('SIGKILL'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Another program that holds the lock. */
async function hold(): Promise<number> {
  const child = spawn('flock', ['--no-fork', lock, 'sh', '-c', 'echo held; exec sleep 60']);
  holder = child;
  await new Promise((resolve) => child.stdout.once('data', resolve));
  return child.pid ?? 0;
}

describe('a lock that another process holds', () => {
  it('is waited for within a limit, and the message names file and holder', async () => {
    const pid = await hold();
    const wait = withMutex(lock, () => Promise.resolve(1), { most: 300 });
    await expect(wait).rejects.toMatchObject({
      code: 'ESTORE',
      message: `the wait ended after 1 minutes for the lock ${lock}: process ${pid} (sleep) of user ${process.getuid?.()} holds it`,
    });
    // The waiting flock(1) is gone: the lock is free as soon as its holder ends.
    holder?.kill('SIGKILL');
    expect(await withMutex(lock, () => Promise.resolve(1), { most: 5000 })).toBe(1);
  });

  it('is told of while the wait lasts', async () => {
    const pid = await hold();
    const said: string[] = [];
    onSlow((text) => said.push(text));
    const wait = withMutex(lock, () => Promise.resolve(1), { most: 2500 });
    await expect(wait).rejects.toMatchObject({ code: 'ESTORE' });
    onSlow(() => undefined);
    const text = `still waiting for the lock ${lock}, which process ${pid} (sleep) of user ${process.getuid?.()} holds`;
    expect(said.slice(0, 1)).toEqual([`${text} (1 s)`]);
  });

  it("names Slipway's process, not the child that holds it", async () => {
    const release = await holdMutex(lock);
    const holding = lockHolder(lock);
    await release();
    expect(holding).toContain(`process ${process.pid} (`);
    expect(lockHolder(lock)).toBeUndefined();
  });

  it('is not waited for once the process is to end', async () => {
    await hold();
    const before = process.listenerCount('SIGHUP');
    const waits = [1, 2].map(() => withMutex(lock, () => Promise.resolve(1)));
    const ends = Promise.allSettled(waits);
    process.kill(process.pid, 'SIGHUP');
    for (const end of await ends)
      expect(end).toMatchObject({ reason: { message: containing('stopped while waiting') } });
    await expect(waits[0]).rejects.toBeInstanceOf(StoppedWait);
    expect(process.listenerCount('SIGHUP')).toBe(before);
  });
});

it('a FIFO in place of the lock of an earlier run is an error', async () => {
  const state = join(folder, 'state');
  mkdirSync(join(state, 'work', '1-aa'), { recursive: true });
  execFileSync('mkfifo', [join(state, 'work', '1-aa.lock')]);
  writeFileSync(join(state, 'work', '1-aa', 'x'), '');
  await expect(openScratch(state, unshareDriver())).rejects.toMatchObject({ code: 'ENXIO' });
  expect(readdirSync(join(state, 'work'))).toEqual(['1-aa', '1-aa.lock']);
});
