import { spawn, type ChildProcess } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'slipway-clients-'));
const bundle = join(__dirname, '../../resources/slipway.cjs');
let server: ChildProcess;
let port = 0;
/** Files that the server has open without clients. */
let idle = 0;

beforeAll(async () => {
  const root = join(folder, 'out/apt');
  mkdirSync(root, { recursive: true });
  writeFileSync(join(root, 'large'), Buffer.alloc(4 << 20));
  writeFileSync(join(root, 'small'), 'small');
  const script = 'ulimit -n 100; exec node "$1" serve --quiet --output out --port 0';
  server = spawn('sh', ['-c', script, 'sh', bundle], { cwd: folder, stdio: ['ignore', 'pipe', 'inherit'] });
  const line = await new Promise<string>((done) =>
    server.stdout?.once('data', (data: Buffer) => done(data.toString())),
  );
  port = Number(/:(\d+)\/\n/.exec(line)?.[1]);
  idle = open();
});
afterAll(() => {
  server.kill();
  rmSync(folder, { recursive: true, force: true });
});

const open = () => readdirSync(`/proc/${server.pid}/fd`).length;
const status = async () =>
  (await fetch(`http://127.0.0.1:${port}/small`, { signal: AbortSignal.timeout(5000) })).status;

/** Sends requests over one connection. The client takes no answers unless it listens. */
async function send(requests: string[]): Promise<{ socket: Socket; isClosed: () => boolean }> {
  const socket = connect(port, '127.0.0.1');
  let closed = false;
  socket.on('error', () => undefined).on('close', () => (closed = true));
  await new Promise((done) => socket.once('connect', done));
  socket.write(requests.map((path) => `GET /${path} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''));
  return { socket, isClosed: () => closed };
}

it('answers requests that a client sends at once in their order', async () => {
  const { socket } = await send(['small', 'large', 'missing', 'small']);
  let told = '';
  socket.on('data', (d: Buffer) => (told += d.toString('latin1')));
  await expect
    .poll(() => told.match(/HTTP\/1\.1 \d+/g), { timeout: 20_000 })
    .toEqual(['HTTP/1.1 200', 'HTTP/1.1 200', 'HTTP/1.1 404', 'HTTP/1.1 200']);
  socket.destroy();
});

it('keeps one file open for a client that takes no answers, and none when it has left', async () => {
  await expect.poll(open, { timeout: 20_000 }).toBe(idle);
  const { socket } = await send(Array<string>(90).fill('large'));
  await expect.poll(open, { timeout: 5000 }).toBe(idle + 2);
  expect(await status()).toBe(200);
  socket.destroy();
  await expect.poll(open, { timeout: 20_000 }).toBeLessThanOrEqual(idle + 1);
});

it('gives up a client that sends thousands of requests at once', async () => {
  const { socket, isClosed } = await send(Array<string>(20_000).fill('large'));
  socket.on('data', () => undefined);
  await expect.poll(isClosed, { timeout: 20_000 }).toBe(true);
  expect(await status()).toBe(200);
});
