// The watcher of spot notices that the Ansible role installs, with a stand-in of AWS's metadata service that requires
// tokens (IMDSv2), like the farm's launch template.
import { spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { root } from './helpers.ts';

const watcher = join(root, 'deploy/ansible/roles/slipway_agent/files/slipway-spot');
const notice = '{"action": "terminate", "time": "2026-11-26T17:00:00Z"}';

let folder: string;
let server: Server;
let child: ChildProcess;
let told: string;
let token: string;
let tokens: number;
let notified: boolean;
let asked: number;
let broken: boolean;

const until = async (what: () => boolean) => {
  for (let i = 0; i < 400 && !what(); i++) await new Promise((r) => setTimeout(r, 25));
  expect(what()).toBe(true);
};
const ended = () => new Promise<number | null>((resolve) => child.once('exit', resolve));
const drain = () => join(folder, 'run', 'drain');

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-spot-'));
  [told, token, tokens, notified, asked, broken] = ['', 'first', 0, false, 0, false];
  server = createServer((request, reply) => {
    const answer = (status: number, text = '') => {
      reply.statusCode = status;
      reply.end(text);
    };
    if (broken) return answer(500);
    if (request.url === '/latest/api/token') {
      const lifetime = request.headers['x-aws-ec2-metadata-token-ttl-seconds'];
      if (request.method !== 'PUT' || lifetime === undefined) return answer(405);
      tokens++;
      return answer(200, token);
    }
    if (request.headers['x-aws-ec2-metadata-token'] !== token) return answer(401);
    if (request.url !== '/latest/meta-data/spot/instance-action') return answer(404);
    asked++;
    return notified ? answer(200, notice) : answer(404, '<html>404 - Not Found</html>');
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  child = spawn('sh', [watcher], {
    env: {
      PATH: process.env.PATH,
      // A company machine's proxy, which must not be used for the metadata service.
      http_proxy: 'http://127.0.0.1:9/',
      SLIPWAY_METADATA: `http://127.0.0.1:${port}`,
      SLIPWAY_DRAIN_FILE: drain(),
      SLIPWAY_SPOT_PAUSE: '0.05',
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  for (const stream of [child.stdout, child.stderr])
    stream?.setEncoding('utf8').on('data', (text: string) => {
      told += text;
    });
});
afterEach(async () => {
  child.kill();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  rmSync(folder, { recursive: true, force: true });
});

it('writes the drain file after the notice, and not before', async () => {
  await until(() => asked > 2);
  expect(existsSync(drain())).toBe(false);
  expect(tokens).toBe(1);
  notified = true;
  expect(await ended()).toBe(0);
  expect(readFileSync(drain(), 'utf8')).toBe(`${notice}\n`);
  expect(told).toBe(`AWS takes this instance back: ${notice}\n`);
});

it('renews an expired token', async () => {
  await until(() => asked > 0);
  token = 'second';
  const before = asked;
  await until(() => asked > before);
  expect(tokens).toBe(2);
  notified = true;
  expect(await ended()).toBe(0);
});

it('continues after the service was missing or broken for a time', async () => {
  await until(() => asked > 0);
  broken = true;
  await new Promise((r) => setTimeout(r, 400));
  expect(existsSync(drain())).toBe(false);
  expect(child.exitCode).toBe(null);
  broken = false;
  notified = true;
  expect(await ended()).toBe(0);
  expect(existsSync(drain())).toBe(true);
});
