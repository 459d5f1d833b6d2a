import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { WorkFolders } from '../../ts-src/engine/work-folders.ts';

describe("a task's work folder", () => {
  const state = mkdtempSync(join(tmpdir(), 'slipway-work-'));
  afterAll(() => rmSync(state, { recursive: true }));

  const folders = (remove: (folder: string) => Promise<void>, notes: string[] = []): WorkFolders =>
    new WorkFolders({ state, driver: { remove }, note: (text) => notes.push(text) });

  it('is removed after the result is there', async () => {
    const removed: string[] = [];
    let begin = (): void => undefined;
    const begun = new Promise<void>((resolve) => (begin = resolve));
    const one = folders(async (folder) => {
      await begun;
      removed.push(folder);
    });
    const used: string[] = [];
    const outcome = await one.use((folder) => {
      used.push(folder);
      return Promise.resolve('result');
    });
    expect(outcome).toEqual('result');
    expect(removed).toEqual([]);
    const all = one.removed();
    begin();
    await all;
    expect(removed).toEqual(used);
  });

  it('that stays is told, and costs no result', async () => {
    const notes: string[] = [];
    const one = folders(
      (folder) => Promise.reject(Object.assign(new Error('busy'), { code: 'EBUSY', path: folder, syscall: 'rm' })),
      notes,
    );
    expect(await one.use(() => Promise.resolve('result'))).toEqual('result');
    await one.removed();
    expect(notes).toHaveLength(1);
    expect(notes[0]).toMatch(/is left: /);
  });

  it('is removed after a fault, too', async () => {
    const removed: string[] = [];
    const one = folders((folder) => Promise.resolve(void removed.push(folder)));
    await expect(one.use(() => Promise.reject(new Error('a fault')))).rejects.toThrow('a fault');
    await one.removed();
    expect(removed).toHaveLength(1);
  });
});
