import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { holdMutex } from '../../ts-src/io/mutex.ts';
import { sha256 } from '../../ts-src/model/digest.ts';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';
import { sweepRepository } from '../../ts-src/publish/retention.ts';
import { S3Endpoint } from '../../ts-src/publish/s3-endpoint.ts';
import { FileBlobs } from '../../ts-src/store/file-blobs.ts';
import { s3Server } from '../e2e/s3.mjs';
import { publish, store, suitesOf } from './published.ts';

/** Places of publication to which others can write, too. */

const root = mkdtempSync(join(tmpdir(), 'slipway-endpoints-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
const other = 54_321;

/** A folder with a link of another user to a folder of this one. */
function withLink(name: string, at: string): { place: string; victim: string } {
  const [place, victim] = [join(root, name, 'served'), join(root, name, 'victim')];
  mkdirSync(place, { recursive: true });
  mkdirSync(victim);
  writeFileSync(join(victim, 'kept'), 'x');
  symlinkSync(victim, join(place, at));
  lchownSync(join(place, at), other, other);
  return { place, victim };
}

// Only root can make links of another user.
describe.runIf(process.getuid?.() === 0)('a link of another user in a served folder', () => {
  it('is not followed when files are placed, replaced, listed or removed', async () => {
    const { place, victim } = withLink('files', 'pool');
    const data = Buffer.from('x');
    const file = { name: 'pool/main/a', data, sha256: sha256(data) };
    const tried: (() => unknown)[] = [
      () => new FolderEndpoint(place).placeAll([file]),
      () => new FolderEndpoint(place).put('pool/key.asc', data),
      () => new FolderEndpoint(place).putAll([file]),
      () => new FolderEndpoint(place).replace('pool/x', data, undefined),
      () => new FolderEndpoint(place).remove('pool/kept'),
      () => new FolderEndpoint(place).read('pool/kept'),
      () => new FileBlobs(place).put('pool/ab/x', data),
      () => new FileBlobs(place).remove('pool/kept'),
      async () => {
        for await (const found of new FolderEndpoint(place).list('pool')) expect(found).toBeUndefined();
      },
    ];
    for (const work of tried) await expect((async () => work())()).rejects.toThrow('link of another user');
    expect(readdirSync(victim)).toEqual(['kept']);
  });

  it('leads no clean-up to other files', async () => {
    const { place, victim } = withLink('swept', 'elsewhere');
    const endpoint = new FolderEndpoint(place);
    await publish('swept', await suitesOf([{ name: 'tool', version: '1.0' }]), endpoint);
    rmSync(join(place, 'pool'), { recursive: true });
    symlinkSync(victim, join(place, 'pool'));
    lchownSync(join(place, 'pool'), other, other);
    const swept = sweepRepository(store, 'swept', new FolderEndpoint(place), {
      graceDays: 0,
      now: Date.now(),
      dryRun: false,
    });
    await expect(swept).rejects.toMatchObject({ code: 'ESTORE' });
    expect(existsSync(join(victim, 'kept'))).toBe(true);
  });

  it('is followed if this user or root made it', async () => {
    const place = join(root, 'own');
    mkdirSync(join(root, 'disk'));
    mkdirSync(place);
    symlinkSync(join(root, 'disk'), join(place, 'pool'));
    await new FolderEndpoint(place).put('pool/file', Buffer.from('x'));
    expect(readdirSync(join(root, 'disk'))).toEqual(['file']);
  });
});

it('a FIFO in place of a lock is an error', async () => {
  const lock = join(root, 'lock');
  execFileSync('mkfifo', [lock]);
  await expect(holdMutex(lock)).rejects.toMatchObject({ code: 'ENXIO' });
}, 10_000);

it('a lease that never ends holds no publication', async () => {
  const server = await (s3Server as () => Promise<{ endpoint: string; stop: () => void }>)();
  try {
    const endpoint = new S3Endpoint(`s3://bucket/farm?endpoint=${server.endpoint}`, {});
    for (const until of [Number.MAX_SAFE_INTEGER, Date.now() + 1e12, 'x', null])
      for (const purpose of ['clean-up', 'publication', 'x', null]) {
        await endpoint.put('.slipway/leases.json', Buffer.from(JSON.stringify([{ id: 'x', purpose, until }, null, 1])));
        expect(await endpoint.during('publication', () => Promise.resolve('done'))).toBe('done');
        expect(await endpoint.during('clean-up', () => Promise.resolve('done'))).toBe('done');
      }
  } finally {
    server.stop();
  }
}, 60_000);
