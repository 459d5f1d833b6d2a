import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { openStore } from '../../ts-src/store/open-store.ts';
import { s3Server } from '../e2e/s3.mjs';

const folder = mkdtempSync(join(tmpdir(), 'slipway-s3-'));
interface Server {
  erring: number;
  requests: number;
  endpoint: string;
  stop: () => void;
}

describe('a store in a bucket', () => {
  let server: Server;
  beforeAll(async () => {
    server = await (s3Server as () => Promise<Server>)();
  });
  afterAll(() => {
    server.stop();
    rmSync(folder, { recursive: true, force: true });
  });
  const open = (cache: string, untrusted?: string) =>
    openStore(`s3://bucket/farm?endpoint=${server.endpoint}`, folder, join(folder, cache), untrusted);

  for (const rate of [0, 0.5]) {
    it(`keeps and gives back what was put, whole and checked, where ${rate * 100} % of the answers are errors`, async () => {
      server.erring = rate;
      const store = await open(`a${rate}`);
      const file = join(folder, `file${rate}`);
      writeFileSync(file, `content ${rate} ${'x'.repeat(100_000)}`);
      const stored = await store.put(file);
      await store.writeJson(`thing/${rate}.json`, { rate });
      const other = await open(`b${rate}`);
      const path = await other.path(stored);
      expect(readFileSync(path!, 'utf8')).toBe(readFileSync(file, 'utf8'));
      expect(await other.readJson(`thing/${rate}.json`)).toEqual({ rate });
      expect(await other.readJson('thing/none.json')).toBeUndefined();
      expect(await other.names('thing')).toContain(`thing/${rate}.json`);
      truncateSync(path!, 10);
      expect(readFileSync((await (await open(`b${rate}`)).path(stored))!, 'utf8')).toBe(readFileSync(file, 'utf8'));
    });
  }

  it('refuses a writer that has not read the last state', async () => {
    server.erring = 0;
    const store = await open('c');
    const { tag } = await store.readTagged('channels/x.json');
    expect(await store.replaceJson('channels/x.json', { n: 1 }, tag)).toBe(true);
    expect(await store.replaceJson('channels/x.json', { n: 2 }, tag)).toBe(false);
    const now = await store.readTagged<{ n: number }>('channels/x.json');
    expect(now.value).toEqual({ n: 1 });
    expect(await store.replaceJson('channels/x.json', { n: 3 }, now.tag)).toBe(true);
  });

  it("reads no more of an object than its record says, and removes none because of a record's size", async () => {
    const store = await open('g');
    const file = join(folder, 'long');
    writeFileSync(file, 'y'.repeat(3_000_000));
    const stored = await store.put(file);
    const copy = join(folder, 'copy');
    expect(await store.blobs.fetch(`objects/${stored.sha256.slice(0, 2)}/${stored.sha256}`, copy, 1000)).toBe(true);
    expect(statSync(copy).size).toBe(0);
    const stranger = await open('h', 'pr-2');
    expect(await stranger.path({ ...stored, size: 1000 })).toBeUndefined();
    expect(await (await open('i')).path(stored)).toBeDefined();
    const local = await openStore('file:local', folder, join(folder, 'j'), undefined);
    const kept = await local.put(file);
    const other = await openStore('file:local', folder, join(folder, 'j'), 'pr-3');
    expect(await other.path({ ...kept, size: 1000 })).toBeUndefined();
    expect(await other.path(kept)).toBeDefined();
  });

  it('serves nothing damaged; untrusted runs read the trusted namespace, but not vice versa', async () => {
    const store = await open('d');
    const file = join(folder, 'damaged');
    writeFileSync(file, 'what was meant');
    const stored = await store.put(file);
    await store.blobs.put(`objects/${stored.sha256.slice(0, 2)}/${stored.sha256}`, Buffer.from('something else'));
    expect(await (await open('e')).path(stored)).toBeUndefined();
    const stranger = await open('f', 'pr-1');
    await stranger.writeJson('tasks/of.json', { from: 'stranger' });
    expect(await store.readJson('tasks/of.json')).toBeUndefined();
    await store.writeJson('tasks/trusted.json', { from: 'us' });
    expect(await stranger.readJson('tasks/trusted.json')).toEqual({ from: 'us' });
  });
});
