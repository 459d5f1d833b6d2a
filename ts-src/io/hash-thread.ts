import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { Worker } from 'node:worker_threads';

/** A part of what is hashed: a file by its path, or bytes. */
export type HashedPart = string | Uint8Array;

/** Runs in the thread. It gets lists of parts and answers with a digest for each list. */
const program = `
const { closeSync, openSync, readSync } = require('node:fs');
const { createHash } = require('node:crypto');
const { parentPort, workerData } = require('node:worker_threads');
const buffer = Buffer.alloc(1 << 20);
parentPort.postMessage(workerData.map((parts) => {
  const hash = createHash('sha256');
  for (const part of parts) {
    if (typeof part !== 'string') { hash.update(part); continue; }
    const file = openSync(part, 'r');
    for (let n = readSync(file, buffer); n > 0; n = readSync(file, buffer)) hash.update(buffer.subarray(0, n));
    closeSync(file);
  }
  return hash.digest('hex');
}));
`;

/** SHA-256 of each list of parts, joined. A thread of its own computes them, while the caller goes on. */
export async function sha256InThread(lists: readonly (readonly HashedPart[])[]): Promise<string[]> {
  const digests = await new Promise<unknown>((done) => {
    const worker = new Worker(program, { eval: true, workerData: lists });
    worker.once('message', done);
    worker.once('error', () => done(undefined));
  });
  // Errors of a thread lose their code: the same file fails here with a proper one.
  return Array.isArray(digests) ? digests.map(String) : Promise.all(lists.map(sha256Here));
}

async function sha256Here(parts: readonly HashedPart[]): Promise<string> {
  const hash = createHash('sha256');
  for (const part of parts) {
    const chunks: AsyncIterable<Uint8Array> | Uint8Array[] = typeof part === 'string' ? createReadStream(part) : [part];
    for await (const chunk of chunks) hash.update(chunk);
  }
  return hash.digest('hex');
}
