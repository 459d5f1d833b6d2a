import { linkSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { chooseExpired, type Kept } from '../../ts-src/collect/choose.ts';
import { collect, type Collected } from '../../ts-src/collect/collect.ts';
import { measure } from '../../ts-src/collect/measure.ts';
import { shareMutex, tryMutex } from '../../ts-src/io/mutex.ts';
import { useLock } from '../../ts-src/sandbox/scratch.ts';
import { unshareDriver } from '../../ts-src/sandbox/unshare.ts';
import { openStore } from '../../ts-src/store/open-store.ts';

const day = 86_400_000;
const kib = 1024;
let state: string;
beforeEach(() => {
  state = mkdtempSync('/var/tmp/slipway-collect-');
});
afterEach(() => rmSync(state, { recursive: true, force: true }));

/** A file below the state, last used some days ago. */
function put(path: string, bytes: number, days = 0): string {
  const file = join(state, path);
  mkdirSync(join(file, '..'), { recursive: true });
  writeFileSync(file, Buffer.alloc(bytes, 7));
  age(path, days);
  return file;
}
function age(path: string, days: number): void {
  const when = new Date(Date.now() - days * day);
  utimesSync(join(state, path), when, when);
}
const name = (n: number, length = 64) => String(n).repeat(length).slice(0, length);
function unpacked(n: number, days: number, bytes = 64 * kib): void {
  put(`unpacked/${name(n)}/opt/file`, bytes, days);
  put(`unpacked/${name(n)}.json`, 10, days);
}
function layer(n: number, days: number, parent?: number): void {
  put(`layers/${name(n, 24)}/root/file`, 64 * kib);
  put(`layers/${name(n, 24)}/layer.json`, 0, days);
  writeFileSync(
    join(state, `layers/${name(n, 24)}/layer.json`),
    JSON.stringify({ set: [], ...(parent === undefined ? {} : { parent: name(parent, 24) }) }),
  );
  age(`layers/${name(n, 24)}/layer.json`, days);
}
const run = (more: { size?: number; days?: number; dryRun?: boolean } = {}): Promise<Collected> =>
  collect({ state, driver: unshareDriver(), size: 1 << 30, days: 30, now: Date.now(), ...more });
const left = (folder: string) => readdirSync(join(state, folder)).filter((n) => !n.includes('.'));
const counts = (of: Collected['removed']) => of.map(({ kind, things }) => `${things} ${kind}`).sort();

describe('what is removed', () => {
  const thing = (used: number, bytes: number, more: Partial<Kept> = {}): Kept => ({
    kind: 'k',
    bytes,
    used,
    until: used + 100,
    ...more,
  });

  it('is what expired, and the least recently used above the size limit', () => {
    const [old, a, b, c] = [thing(0, 1), thing(150, 10), thing(120, 10), thing(160, 10)];
    expect([...chooseExpired([old, a, b, c], 200, 25)]).toEqual([old, b]);
    expect([...chooseExpired([old, a, b, c], 200, 0)]).toEqual([old, b, a, c]);
  });

  it('is never what must be kept, even above the limit', () => {
    const held = thing(0, 100, { held: true, until: Infinity });
    expect([...chooseExpired([held, thing(150, 10)], 200, 50)].map((t) => t.bytes)).toEqual([10]);
  });
});

describe('the size of a thing', () => {
  it('counts a file with hard links elsewhere as 0, and one with two names inside once', () => {
    const file = put('a/one', 64 * kib);
    const folder = measure(join(state, 'a')).bytes - 64 * kib;
    linkSync(file, join(state, 'a/two'));
    expect(measure(join(state, 'a')).bytes).toBe(folder + 64 * kib);
    linkSync(file, join(state, 'elsewhere'));
    expect(measure(join(state, 'a')).bytes).toBe(folder);
  });
});

describe('the state of a machine', () => {
  it('loses what was unused for the set number of days', async () => {
    unpacked(1, 31);
    unpacked(2, 29);
    put('archives/old_1_all.deb', kib, 1000);
    put(`archives/${name(1, 16)}/old_1_all.deb`, kib, 31);
    put(`archives/${name(1, 16)}/new_1_all.deb`, kib, 1);
    put(`archives/${name(1, 16)}/.new-killed/part_1_all.deb`, kib, 31);
    put(`archives/${name(2, 16)}/partial/nothing`, 0, 31);
    for (const part of ['/partial/nothing', '/partial', '']) age(`archives/${name(2, 16)}${part}`, 31);
    age(`archives/${name(1, 16)}/.new-killed`, 31);
    put('runs/20260101000000-1/logs/a.log', kib, 40);
    age('runs/20260101000000-1/logs', 40);
    age('runs/20260101000000-1', 40);
    const done = await run();
    expect(counts(done.removed)).toEqual([
      '1 runs and their logs',
      '1 unpacked packages',
      '2 downloads',
      '2 left over',
    ]);
    expect(left('unpacked')).toEqual([name(2)]);
    expect(readdirSync(join(state, 'archives'))).toEqual([name(1, 16)]);
    expect(readdirSync(join(state, 'archives', name(1, 16)))).toEqual(['new_1_all.deb']);
    expect(readdirSync(state)).not.toContain('trash');
  });

  it('keeps a layer as long as one on top of it', async () => {
    layer(1, 40);
    layer(2, 3, 1);
    layer(3, 40);
    expect(counts((await run()).removed)).toEqual(['1 layers']);
    expect(left('layers')).toEqual([name(1, 24), name(2, 24)]);
    // If room is short, the upper layer is removed first.
    const sized = await run({ size: 100 * kib });
    expect(counts(sized.removed)).toEqual(['1 layers']);
    expect(left('layers')).toEqual([name(1, 24)]);
  });

  it('keeps the newest base of a platform even if room is short', async () => {
    for (const [folder, days] of [
      ['a'.repeat(16) + '-00000000', 20],
      ['b'.repeat(16) + '-00000000', 2],
    ] as const) {
      put(`bases/bookworm-amd64/${folder}/root/file`, 64 * kib);
      age(`bases/bookworm-amd64/${folder}`, days);
    }
    const newest = join(state, `bases/bookworm-amd64/${'b'.repeat(16)}-00000000`);
    put('bases/bookworm-amd64/current.json', 0);
    writeFileSync(join(state, 'bases/bookworm-amd64/current.json'), JSON.stringify({ folder: newest }));
    expect(counts((await run({ size: 1 })).removed)).toEqual(['1 bases']);
    expect(left('bases/bookworm-amd64')).toEqual([`${'b'.repeat(16)}-00000000`]);
  });

  it('is not touched while another slipway uses it, and its lock is released afterwards', async () => {
    unpacked(1, 31);
    const release = await shareMutex(useLock(state));
    const busy = await run();
    expect(busy.busy).toBe(true);
    expect(left('unpacked')).toEqual([name(1)]);
    await release();
    expect(counts((await run()).removed)).toEqual(['1 unpacked packages']);
    const again = await tryMutex(useLock(state));
    expect(again).toBeDefined();
    await again?.();
  });

  it('reports in a dry run what would be removed, and keeps it', async () => {
    unpacked(1, 31);
    const done = await run({ dryRun: true });
    expect(done.removed[0]).toMatchObject({ kind: 'unpacked packages', things: 1 });
    expect(done.removed[0]?.bytes).toBeGreaterThanOrEqual(64 * kib);
    expect(left('unpacked')).toEqual([name(1)]);
  });

  it('continues after a killed clean-up, and keeps folders shared by several states', async () => {
    put(`trash/1234/${name(1)}/file`, kib);
    const elsewhere = mkdtempSync('/var/tmp/slipway-shared-');
    mkdirSync(join(elsewhere, name(4)));
    writeFileSync(join(elsewhere, `${name(4)}.json`), '{}');
    utimesSync(join(elsewhere, `${name(4)}.json`), 0, 0);
    symlinkSync(elsewhere, join(state, 'unpacked'));
    await run();
    expect(readdirSync(state)).not.toContain('trash');
    expect(readdirSync(elsewhere)).toContain(name(4));
    rmSync(elsewhere, { recursive: true });
  });
});

describe('a store in the state', () => {
  const key = (n: number) => name(n);
  async function filled() {
    mkdirSync(join(state, 'store'));
    const store = await openStore(`file:${state}/store`, '/', state, undefined);
    for (const n of [1, 2, 3]) {
      const log = await store.putText('log', `${n} ${'x'.repeat(64 * kib)}`);
      const shared = await store.putText('files.json', 'the same for all');
      await store.writeJson(`docs/${name(n, 2)}/${key(n)}.json`, {
        log,
        facts: shared,
        pages: shared,
        interface: shared,
      });
      await store.writeJson(`runs/2026010100000${n}-1.json`, {
        schema: 1,
        stamp: `2026010100000${n}`,
        finished: n,
        tasks: { a: { key: key(n), state: 'built', reason: '' } },
        objects: [],
      });
      for (const path of [`docs/${name(n, 2)}/${key(n)}.json`, `runs/2026010100000${n}-1.json`])
        age(`store/${path}`, 10 - n);
    }
    for (const part of readdirSync(join(state, 'store/objects')))
      for (const object of readdirSync(join(state, 'store/objects', part))) age(`store/objects/${part}/${object}`, 9);
    return store;
  }
  const records = (kind: string) =>
    readdirSync(join(state, 'store', kind), { recursive: true, encoding: 'utf8' }).filter((n) => n.endsWith('.json'));

  it('loses the oldest runs first with what only they use, and never what the last run uses', async () => {
    const store = await filled();
    const collected = (size: number) =>
      collect({ state, driver: unshareDriver(), store: { store, own: true }, size, days: 30, now: Date.now() });
    await collected(100 * kib);
    expect(
      records('docs')
        .map((n) => n.slice(0, 1))
        .sort(),
    ).toEqual(['2', '3']);
    await collected(1);
    expect(records('docs').map((n) => n.slice(0, 1))).toEqual(['3']);
    expect(records('runs')).toEqual(['20260101000003-1.json']);
    const objects = readdirSync(join(state, 'store/objects'), { recursive: true, encoding: 'utf8' });
    expect(objects.filter((n) => n.includes('/'))).toHaveLength(2);
  });
});
