import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { mayUseCredentials, nameRepositories, useGitCredentials } from '../../ts-src/read/git/credentials.ts';
import { patiently } from '../../ts-src/read/git/process.ts';
import { gitBackend } from '../e2e/git-backend.ts';
import { portOf } from '../port.mjs';
import { checkedOut } from './checked-out.ts';
import { containing } from './containing.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-redirects-'));
const open: { close(): unknown }[] = [];
afterAll(() => {
  for (const server of open) server.close();
  rmSync(folder, { recursive: true, force: true });
});

const login = `Basic ${Buffer.from('bot:s3cret').toString('base64')}`;
for (const name of ['public', 'private']) {
  mkdirSync(join(folder, name));
  writeFileSync(join(folder, name, 'text'), `of a ${name} repository`);
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.org', ...args], { cwd: join(folder, name) });
  git('init', '-q', '-b', 'main');
  git('add', '-A');
  git('commit', '-qm', 'one');
}

async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({ close: () => (server.close(), server.closeAllConnections()) });
  return `127.0.0.1:${portOf(server)}`;
}

/** A host whose `private` needs a login. `old-NAME` is redirected to `NAME` there, for `old-private` with a login. */
const host = await listen((request, response) => {
  const path = request.url ?? '';
  const old = /^\/old-(\w+)(.*)$/.exec(path);
  if (path.includes('private') && request.headers.authorization !== login)
    response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
  else if (old) response.writeHead(301, { location: `/${old[1]}${old[2]}` }).end();
  else gitBackend(folder, request, response);
});
/** Redirects to that host. */
const elsewhere = await listen((request, response) => {
  response.writeHead(302, { location: `http://${host}${request.url}` }).end();
});
const endless = await listen((request, response) => {
  response.writeHead(302, { location: `/x${request.url}` }).end();
});
Object.assign(process.env, { SLIPWAY_GIT_0_HOST: host, SLIPWAY_GIT_0_USER: 'bot', SLIPWAY_GIT_0_PASSWORD: 's3cret' });
useGitCredentials(process.env);

async function textOf(url: string): Promise<unknown> {
  const out = await checkedOut(url, 'main', mkdtempSync(join(folder, 'state-')));
  return out.ok ? readFileSync(join(out.value, 'text'), 'utf8') : out;
}

it('a redirect to another host is followed without a login', async () => {
  expect(await textOf(`http://${elsewhere}/public/.git`)).toBe('of a public repository');
  expect(await textOf(`http://${elsewhere}/old-public/.git`)).toBe('of a public repository');
  for (const name of ['private', 'old-private'])
    expect(await textOf(`http://${elsewhere}/${name}/.git`)).toMatchObject({
      ok: false,
      diagnostics: [{ code: 'source-unreachable', hint: containing(`redirects to http://${host}/${name}/.git`) }],
    });
});

it('a redirect on the same host is followed with its login', async () => {
  expect(await textOf(`http://${host}/old-private/.git`)).toBe('of a private repository');
  expect(await textOf(`http://bot:s3cret@${host}/old-private/.git/`)).toBe('of a private repository');
});

it('redirects without end are given up', async () => {
  expect(await textOf(`http://${endless}/public/.git`)).toMatchObject({
    ok: false,
    diagnostics: [{ code: 'source-unreachable' }],
  });
});

it('a login for a folder of submodules is not used above it', () => {
  nameRepositories([], ['https://git.example/team/', 'git@git.example:team/']);
  const may = (path: string) =>
    [`https://git.example/${path}`, `git@git.example:${path}`].map((u) => mayUseCredentials(u, true));
  expect(may('team/x.git')).toEqual([true, true]);
  for (const path of ['../x', '%2e%2e/x', '.%2E/x', '..%2fx', '%252e%252e/x', 'a/..', '..\\x'])
    expect(may(`team/${path}`), path).toEqual([false, false]);
});

it('ssh gives up a silent host, with a key, without one, and for submodules', async () => {
  const log = join(folder, 'ssh.log');
  writeFileSync(join(folder, 'ssh'), `#!/bin/sh\necho "$*" >> ${log}\nexit 1\n`, { mode: 0o755 });
  const before = process.env.PATH;
  process.env.PATH = `${folder}:${before}`;
  Object.assign(process.env, { SLIPWAY_GIT_0_HOST: 'git.example', SLIPWAY_GIT_0_KEY: '/key' });
  useGitCredentials(process.env);
  const command = process.env.GIT_SSH_COMMAND;
  for (const [url, submodule] of [
    ['git@git.example:x', false],
    ['git@other.example:x', false],
    ['git@other.example:x', true],
  ] as const)
    await patiently((at) => ['ls-remote', '--', at], {}, { url, submodule, reporter: {} });
  process.env.PATH = before;
  delete process.env.GIT_SSH_COMMAND;
  const calls = readFileSync(log, 'utf8').trim().split('\n');
  expect(command).toContain('git.example)');
  expect(calls.map((c) => / -i \/key /.test(c))).toEqual([true, false, false]);
  for (const call of calls) expect(call).toMatch(/ConnectTimeout=20.*ServerAliveInterval=15/);
});
