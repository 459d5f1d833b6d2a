import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { asMap, own } from '../read/yaml.ts';
import type { Aws } from '../aws/client.ts';

/** Block size of EBS direct APIs, fixed by their documentation. */
const block = 512 * 1024;
const width = 8;

export interface SnapshotRequest {
  /** A disk, compressed by zstd. */
  file: string;
  description: string;
  /** Idempotency token: the same for the same disk, so that an interrupted snapshot is continued. */
  token: string;
  encrypted: boolean;
  key: string | undefined;
  tags: Record<string, string>;
  signal: AbortSignal;
}

export interface Snapshot {
  id: string;
  gibibytes: number;
}

/** Blocks of a compressed disk; the last one is padded with zeros. */
async function* piecesOf(file: string, signal: AbortSignal): AsyncGenerator<Buffer> {
  const child = spawn('zstd', ['-d', '-c', '--quiet', '--', file], { stdio: ['ignore', 'pipe', 'inherit'], signal });
  const ended = new Promise<number>((resolve) => {
    child.once('error', () => resolve(127));
    child.once('close', (code) => resolve(code ?? 128));
  });
  let held: Buffer[] = [];
  let size = 0;
  for await (const chunk of child.stdout) {
    if (!Buffer.isBuffer(chunk)) continue;
    held.push(chunk);
    size += chunk.length;
    if (size < block) continue;
    let all = Buffer.concat(held);
    for (; all.length >= block; all = all.subarray(block)) yield all.subarray(0, block);
    held = [all];
    size = all.length;
  }
  if (size > 0) yield Buffer.concat([...held, Buffer.alloc(block - size)]);
  const code = await ended;
  if (code !== 0)
    throw Object.assign(new Error(`zstd ended with ${code}: the disk can't be unpacked`), { code: 'ESTORE' });
}

/**
 * Writes a disk into a new snapshot through the EBS direct APIs, which need no instance, bucket or import role. Skips
 * blocks of zeros.
 */
export async function writeSnapshot(aws: Aws, request: SnapshotRequest, size: number): Promise<Snapshot> {
  const gibibytes = Math.max(1, Math.ceil(size / 2 ** 30));
  const json = { 'content-type': 'application/json' };
  const started = await aws.send({
    service: 'ebs',
    method: 'POST',
    path: '/snapshots',
    headers: json,
    body: JSON.stringify({
      VolumeSize: gibibytes,
      Description: request.description,
      ClientToken: request.token,
      Timeout: 60,
      ...(request.encrypted ? { Encrypted: true } : {}),
      ...(request.key === undefined ? {} : { KmsKeyArn: request.key }),
      Tags: Object.entries(request.tags).map(([Key, Value]) => ({ Key, Value })),
    }),
  });
  const id = own(asMap(JSON.parse(started.toString('utf8'))) ?? {}, 'SnapshotId');
  if (typeof id !== 'string' || !/^snap-[0-9a-f]+$/.test(id)) throw new Error('EBS named no snapshot');
  const zero = Buffer.alloc(block);
  let index = 0;
  let changed = 0;
  const running = new Set<Promise<void>>();
  const faults: unknown[] = [];
  for await (const piece of piecesOf(request.file, request.signal)) {
    const at = index++;
    if (piece.equals(zero)) continue;
    changed++;
    const put = putBlock(aws, id, at, Buffer.from(piece))
      .catch((e: unknown) => void faults.push(e))
      .finally(() => running.delete(put));
    running.add(put);
    if (running.size >= width) await Promise.race(running);
    if (faults.length) break;
  }
  await Promise.all(running);
  if (faults.length) throw faults[0];
  await aws.send({
    service: 'ebs',
    method: 'POST',
    path: `/snapshots/completion/${id}`,
    headers: { 'x-amz-ChangedBlocksCount': String(changed) },
  });
  return { id, gibibytes };
}

async function putBlock(aws: Aws, snapshot: string, index: number, data: Buffer): Promise<void> {
  await aws.send({
    service: 'ebs',
    method: 'PUT',
    path: `/snapshots/${snapshot}/blocks/${index}`,
    headers: {
      'x-amz-Data-Length': String(data.length),
      'x-amz-Checksum': createHash('sha256').update(data).digest('base64'),
      'x-amz-Checksum-Algorithm': 'SHA256',
      'content-type': 'application/octet-stream',
    },
    body: new Uint8Array(data),
  });
}
