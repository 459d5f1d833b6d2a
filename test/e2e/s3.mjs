// A real S3 API server on loopback (moto, from PyPI in its own environment), optionally behind a proxy that causes
// errors and broken connections.
import { execFile, spawn } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { createServer as listener } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { exclusively } from '../mutex.mjs';
import { cache } from '../setup.mjs';
import { portOf } from '../port.mjs';

const venv = join(cache, 'moto');

/** Test files run in parallel: one makes the environment, the others wait for it. */
const prepareMoto = () =>
  exclusively(`${venv}.lock`, async () => {
    const made = join(venv, 'made');
    if (existsSync(made)) return;
    const execute = promisify(execFile);
    rmSync(venv, { recursive: true, force: true });
    await execute('python3', ['-m', 'venv', venv]);
    await execute(join(venv, 'bin/pip'), ['install', '--quiet', '--no-cache-dir', 'moto[server,s3]==5.2.5']);
    writeFileSync(made, '');
  });

/** A port that nothing listens on now. */
async function freePort() {
  const server = listener();
  await new Promise((resolve) => server.listen({ port: 0, host: '127.0.0.1' }, () => resolve(undefined)));
  const port = portOf(server);
  await new Promise((resolve) => server.close(resolve));
  return port;
}

/** Creates the bucket, which moto answers to once it has started. */
const bucketIsThere = async (port) => {
  try {
    const { ok } = await fetch(`http://127.0.0.1:${port}/bucket`, {
      method: 'PUT',
      headers: { authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request' },
      signal: AbortSignal.timeout(10_000),
    });
    return ok;
  } catch {
    return false;
  }
};

/** Another process may take the port before moto does: then moto ends, and the next port is tried. */
async function startMoto() {
  let output = '';
  for (let tried = 0; tried < 5; tried++) {
    const port = await freePort();
    // A file, since benchmarks block this process: moto would wait for a pipe to be read.
    const file = join(cache, `moto-${port}.log`);
    const log = openSync(file, 'w');
    const moto = spawn(join(venv, 'bin/moto_server'), ['-H', '127.0.0.1', '-p', String(port)], {
      stdio: ['ignore', 'ignore', log],
      // Roles of the farm use AWS's managed policies.
      env: { ...process.env, MOTO_IAM_LOAD_MANAGED_POLICIES: 'true' },
    });
    closeSync(log);
    const end = Date.now() + 300_000;
    while (moto.exitCode === null && Date.now() < end) {
      if (await bucketIsThere(port)) {
        rmSync(file);
        return { moto, port };
      }
      await sleep(200);
    }
    moto.kill('SIGKILL');
    output = readFileSync(file, 'utf8').slice(-4000);
    rmSync(file);
  }
  throw new Error(`moto did not start: ${output}`);
}

/**
 * `erring`: the fraction of answers that are errors, from 0 to 1. The endpoint has an empty bucket `bucket`; `direct`
 * has no errors.
 */
export async function s3Server() {
  await prepareMoto();
  Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'secret' });
  const { moto, port: behind } = await startMoto();
  const server = { erring: 0, requests: 0, endpoint: '', direct: `http://127.0.0.1:${behind}`, stop: () => undefined };
  const proxy = createServer((from, to) => {
    server.requests++;
    const dice = Math.random();
    if (dice < server.erring / 2) return void from.socket.destroy();
    if (dice < server.erring) {
      from.resume();
      return void to.writeHead(500).end('<Error><Code>InternalError</Code></Error>');
    }
    from.pipe(
      request({ host: '127.0.0.1', port: behind, path: from.url, method: from.method, headers: from.headers }, (r) => {
        to.writeHead(r.statusCode, r.headers);
        r.pipe(to);
      }).on('error', () => to.destroy()),
    );
  });
  await new Promise((resolve) => proxy.listen({ port: 0, host: '127.0.0.1' }, () => resolve(undefined)));
  const port = portOf(proxy);
  server.endpoint = `http://127.0.0.1:${port}`;
  server.stop = () => {
    moto.kill('SIGKILL');
    proxy.close();
    proxy.closeAllConnections();
  };
  return server;
}
