import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { patience, Registry } from '../../ts-src/images/registry.ts';
import { portOf } from '../port.mjs';

let server: Server;
let answer: (from: IncomingMessage, to: ServerResponse) => void = () => undefined;
const asked: (string | undefined)[] = [];
const usual = { ...patience };
const folder = mkdtempSync(join(tmpdir(), 'slipway-registry-'));

beforeAll(async () => {
  server = createServer((from, to) => {
    asked.push(from.method);
    from.resume();
    answer(from, to);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  Object.assign(patience, { answer: 300, request: 500, pause: 10 });
});
afterAll(() => {
  Object.assign(patience, usual);
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

/** Sends a byte now and then. */
function drip(socket: { write(text: string): unknown; on(event: 'close', then: () => void): unknown }): void {
  const timer = setInterval(() => socket.write(' '), 50);
  socket.on('close', () => clearInterval(timer));
}
const registry = (): Registry => new Registry(`127.0.0.1:${portOf(server)}/acme/robot`);
const blob = { digest: `sha256:${'a'.repeat(64)}`, size: 3, data: Buffer.from('abc') };

describe('a registry that sends bit by bit', () => {
  it.each<[string, typeof answer, number]>([
    ['before its answer', ({ socket }) => (socket.write('HTTP/1.1 200 OK\r\nx: '), drip(socket)), 5],
    ['in its answer', (_, to) => (to.writeHead(500), drip(to)), 5],
    [
      'where an upload begins',
      (from, to) => (from.method === 'HEAD' ? to.writeHead(404).end() : drip((to.writeHead(500), to))),
      6,
    ],
  ])('is given up: %s', async (_, way, requests) => {
    answer = way;
    asked.length = 0;
    const begun = performance.now();
    await expect(registry().pushBlob(blob)).rejects.toThrow();
    expect(performance.now() - begun).toBeLessThan(15_000);
    expect(asked).toHaveLength(requests);
  });

  it('gets a login only by https, where it is reached by it', async () => {
    const host = `127.0.0.1:${portOf(server)}`;
    writeFileSync(join(folder, 'config.json'), JSON.stringify({ auths: { [host]: { auth: 'c2VjcmV0' } } }));
    const before = process.env.DOCKER_CONFIG;
    process.env.DOCKER_CONFIG = folder;
    const logins: unknown[] = [];
    answer = (from, to) => {
      logins.push(from.headers.authorization);
      to.writeHead(401, { 'www-authenticate': `Bearer realm="http://localhost:${portOf(server)}/token"` }).end();
    };
    await expect(registry().tag('latest')).rejects.toThrow('401');
    process.env.DOCKER_CONFIG = before ?? '';
    if (before === undefined) delete process.env.DOCKER_CONFIG;
    expect(logins).toEqual([undefined]);
  });
});
