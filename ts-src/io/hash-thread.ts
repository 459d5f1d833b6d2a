import { Worker } from 'node:worker_threads';
import { sha256File } from './files.ts';

/** Runs in the thread. It gets paths and answers with digests, in the same order. */
const program = `
const { closeSync, openSync, readSync } = require('node:fs');
const { createHash } = require('node:crypto');
const { parentPort, workerData } = require('node:worker_threads');
const buffer = Buffer.alloc(1 << 20);
parentPort.postMessage(workerData.map((path) => {
  const hash = createHash('sha256');
  const file = openSync(path, 'r');
  for (let n = readSync(file, buffer); n > 0; n = readSync(file, buffer)) hash.update(buffer.subarray(0, n));
  closeSync(file);
  return hash.digest('hex');
}));
`;

/** SHA-256 of large files, computed in a thread of their own while the caller goes on. */
export async function sha256InThread(paths: readonly string[]): Promise<string[]> {
  const digests = await new Promise<unknown>((done) => {
    const worker = new Worker(program, { eval: true, workerData: paths });
    worker.once('message', done);
    worker.once('error', () => done(undefined));
  });
  // Errors of a thread lose their code: the same file fails here with a proper one.
  return Array.isArray(digests) ? digests.map(String) : Promise.all(paths.map(sha256File));
}
