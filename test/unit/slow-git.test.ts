import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it, vi } from 'vitest';
import { targetCommit } from '../../ts-src/cli/farm/target-commit.ts';
import { Gathered } from '../../ts-src/io/gathered.ts';
import { run } from '../../ts-src/io/process.ts';
import { fetchCommit, resolveRef } from '../../ts-src/read/git/git.ts';
import { portOf } from '../port.mjs';
import { containing } from './containing.ts';

vi.hoisted(() => {
  process.env.SLIPWAY_FETCH_MINUTES = '0.05';
});

const commit = 'a'.repeat(40);
const line = (bytes: Buffer | string): string => {
  const text = bytes.toString('latin1');
  return (text.length + 4).toString(16).padStart(4, '0') + text;
};
const service = `${line('# service=git-upload-pack\n')}0000`;
const refs = `${service}${line(`${commit} refs/heads/main\0side-band-64k allow-tip-sha1-in-want\n`)}0000`;

/** A server of git that goes on sending a little: refs, or messages to show. */
const server = createServer((request, response) => {
  request.resume();
  const asked = request.method === 'GET';
  response.writeHead(200, {
    'content-type': `application/x-git-upload-pack-${asked ? 'advertisement' : 'result'}`,
  });
  if (asked && request.url?.startsWith('/messages') === true) return void response.end(refs, 'latin1');
  response.write(asked ? service : line('NAK\n'));
  const more = asked ? line(`${commit} refs/heads/x\n`) : line(Buffer.from([2, 10])).repeat(10);
  const timer = setInterval(() => response.write(more), 50);
  response.on('close', () => clearInterval(timer));
});
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
const host = `http://127.0.0.1:${portOf(server)}`;
const folder = mkdtempSync(join(tmpdir(), 'slipway-slow-git-'));
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

const late = { ok: false, diagnostics: [{ message: containing('took longer than 0.05 minutes') }] };
const left = (): string[] =>
  execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .split('\n')
    .filter((args) => args.includes(host));

it('a server of git that sends bit by bit is given up, with all programs that ask it', async () => {
  expect(await resolveRef(`${host}/refs`, 'main')).toMatchObject(late);
  expect(left()).toEqual([]);
  expect(await fetchCommit(`${host}/messages`, commit, folder)).toMatchObject(late);
  expect(left()).toEqual([]);
  const checkout = join(folder, 'checkout');
  execFileSync('git', ['init', '--quiet', checkout]);
  execFileSync('git', ['-C', checkout, 'remote', 'add', 'origin', `${host}/refs`]);
  expect(await targetCommit(checkout, 'main')).toMatchObject(late.diagnostics[0] ?? {});
  expect(left()).toEqual([]);
});

it('what a program left running does not keep its caller, if it is not to run on', async () => {
  const script = 'trap "" TERM; (trap "" TERM; sleep 61) & exit 0';
  const begun = Date.now();
  await run('sh', ['-c', script], { signal: AbortSignal.timeout(200) });
  expect(Date.now() - begun).toBeLessThan(20_000);
});

it('messages in small pieces take the memory of their bytes', async () => {
  const gathered = new Gathered(10_000);
  for (let i = 0; i < 6000; i++) gathered.add(Buffer.from('ab'));
  expect(gathered.whole().toString()).toBe('ab'.repeat(5000));
  const flood = await run('sh', ['-c', 'yes | head -c 40000000 >&2']);
  expect(flood.stderr.length).toBeLessThanOrEqual(16 << 20);
});
