import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingMessage, type RequestListener, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeEach, describe, expect, it } from 'vitest';
import { sha256 } from '../../ts-src/model/digest.ts';
import { useGitCredentials } from '../../ts-src/read/git/credentials.ts';
import { LfsServer } from '../../ts-src/read/git/lfs-server.ts';
import { gitBackend } from '../e2e/git-backend.ts';
import { portOf } from '../port.mjs';
import { checkedOut } from './checked-out.ts';
import { containing } from './containing.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-large-'));
const open: { close(): unknown }[] = [];
afterAll(() => {
  for (const server of open) server.close();
  rmSync(folder, { recursive: true, force: true });
});
async function listen(listener: RequestListener): Promise<string> {
  const server = createServer(listener);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({ close: () => (server.close(), server.closeAllConnections()) });
  return `127.0.0.1:${portOf(server)}`;
}

const text = 'a large file\n'.repeat(1000);
const oid = sha256(text);
mkdirSync(join(folder, 'x'));
writeFileSync(join(folder, 'x', '.gitattributes'), '*.bin filter=lfs -text\n');
writeFileSync(
  join(folder, 'x', 'mesh.bin'),
  `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${text.length}\n`,
);
const git = (...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.org', '-c', 'filter.lfs.required=false', ...args], {
    cwd: join(folder, 'x'),
  });
git('init', '-q', '-b', 'main');
git('-c', 'filter.lfs.clean=cat', '-c', 'filter.lfs.process=', 'add', '-A');
git('commit', '-qm', 'one');

const login = `Basic ${Buffer.from('bot:s3cret').toString('base64')}`;
const denied = (response: ServerResponse) => response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
let seen: string[] = [];
let sent = 0;
/** What the server offers, and whether it wants a login. */
let offer: unknown;
let closed = false;
const loggedIn = (request: IncomingMessage) => request.headers.authorization === login;

/** Another host, with a login of this machine. */
const other = await listen((request, response) => {
  seen.push(`other ${request.url} ${loggedIn(request) ? 'login' : 'none'} ${String(request.headers['x-any'])}`);
  if (loggedIn(request)) response.end(text);
  else denied(response);
});
const host = await listen((request, response) => {
  if (request.url?.startsWith('/x/.git/info/lfs/objects/batch')) {
    seen.push(`batch ${loggedIn(request) ? 'login' : 'none'}`);
    if (closed && !loggedIn(request)) denied(response);
    else response.end(typeof offer === 'string' ? offer : JSON.stringify({ objects: [offer] }));
  } else if (request.url === '/object' && closed && !loggedIn(request)) denied(response);
  else if (request.url === '/object') response.end(text);
  else if (request.url === '/away') response.writeHead(307, { location: `http://${other}/redirected` }).end();
  else if (request.url === '/endless') {
    const chunk = Buffer.alloc(1 << 16);
    const more = (): void => {
      while (sent < 1 << 28) {
        sent += chunk.length;
        if (!response.write(chunk)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  } else gitBackend(folder, request, response);
});
[host, other].forEach((name, i) =>
  Object.assign(process.env, {
    [`SLIPWAY_GIT_${i}_HOST`]: name,
    [`SLIPWAY_GIT_${i}_USER`]: 'bot',
    [`SLIPWAY_GIT_${i}_PASSWORD`]: 's3cret',
  }),
);
useGitCredentials(process.env);

/** The text of the file, or the diagnostics. */
async function fileOf(href: string, header: Record<string, unknown> = {}, whole?: unknown): Promise<unknown> {
  offer = whole ?? { oid, size: text.length, actions: { download: { href, header } } };
  const state = mkdtempSync(join(folder, 'state-'));
  const out = await checkedOut(`http://${host}/x/.git`, 'main', state);
  if (out.ok) return readFileSync(join(out.value, 'mesh.bin'), 'utf8');
  const kept = readdirSync(state, { recursive: true }).filter((f) => /\/lfs\/.{75}/.test(String(f)));
  expect(kept).toEqual([]);
  return out;
}
const failing = (message: string) => ({
  ok: false,
  diagnostics: [{ code: 'source-lfs', message: containing(message) }],
});

beforeEach(() => {
  seen = [];
  closed = false;
});

describe('a server of Git LFS', () => {
  it('gets the login of its own host, and may name headers', async () => {
    closed = true;
    expect(await fileOf(`http://${host}/object`)).toBe(text);
    expect(seen).toEqual(['batch none', 'batch login']);
    seen = [];
    expect(await fileOf(`http://${other}/signed`, { Authorization: login, 'X-Any': 'y "\\' })).toBe(text);
    expect(seen).toEqual(['batch none', 'batch login', 'other /signed login y "\\']);
  });

  it('has no login of another host used', async () => {
    expect(await fileOf(`http://${other}/private`)).toMatchObject(failing('allows no access (401)'));
    expect(await fileOf(`http://${host}/away`)).toMatchObject(failing('allows no access (401)'));
    expect(seen.filter((s) => s.startsWith('other'))).toEqual([
      'other /private none undefined',
      'other /redirected none undefined',
    ]);
  });

  it('can not send more than the pointer tells', async () => {
    expect(await fileOf(`http://${host}/endless`)).toMatchObject(failing('it is larger than'));
    expect(sent).toBeLessThan(1 << 26);
  });

  it.each(['file:///etc/passwd', 'http://a:b@127.0.0.1/x', 'ftp://127.0.0.1/x', '-o/x', 'http://127.0.0.1/x\ny'])(
    'may not name the URL %j',
    async (href) => expect(await fileOf(href)).toMatchObject(failing('a URL that is not allowed')),
  );

  it.each<[unknown, string]>([
    ['no JSON', 'the server did not answer in JSON'],
    ['[]', 'the server did not list them'],
    ['{"objects":[null,1,{"oid":2}]}', 'the server does not have it'],
    [{ oid, error: { code: 404, message: 'gone' } }, 'the server says: gone'],
    [{ oid, actions: { download: { href: 5, header: [] } } }, 'the server does not have it'],
  ])('that answers %j is blamed', async (answer, why) => {
    expect(await fileOf('', {}, answer)).toMatchObject(failing(why));
  });

  it('takes no header that changes the request', async () => {
    const header = {
      Host: 'metadata',
      'X-A\r\nX-B': 'y',
      'X-C': 'y\r\nX-D: z',
      '@/etc/passwd': 'x',
      'Content-Length': '5',
    };
    expect(await fileOf(`http://${host}/object`, header)).toBe(text);
  });
});

it("a repository's host names its server of Git LFS over ssh", async () => {
  const ssh = join(folder, 'ssh');
  const answer = (href: string) =>
    writeFileSync(ssh, `#!/bin/sh\necho "$*" > ${folder}/asked\necho '${JSON.stringify({ href, header: {} })}'\n`, {
      mode: 0o755,
    });
  process.env.GIT_SSH_COMMAND = ssh;
  offer = { oid, actions: { download: { href: `http://${host}/object` } } };
  answer(`http://${host}/x/.git/info/lfs`);
  const server = await LfsServer.of("ssh://git@git.example:22/team/it's.git");
  if (typeof server === 'string') throw new Error(server);
  expect(readFileSync(join(folder, 'asked'), 'utf8')).toBe(
    "-p 22 -- git@git.example git-lfs-authenticate '/team/it'\\''s.git' download\n",
  );
  expect(await server.ask([{ oid, size: text.length }])).toMatchObject(
    new Map([[oid, { href: `http://${host}/object` }]]),
  );
  answer('http://git.example/lfs');
  expect(await LfsServer.of('git@git.example:team/x.git')).toContain('without encryption');
  writeFileSync(ssh, '#!/bin/sh\necho "[1"\n');
  expect(await LfsServer.of('git@git.example:team/x.git')).toContain('git-lfs-authenticate');
});

it('a damaged pointer is no content of a package', async () => {
  git('checkout', '-q', '-b', 'damaged');
  writeFileSync(join(folder, 'x', 'mesh.bin'), `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\n`);
  git('-c', 'filter.lfs.clean=cat', '-c', 'filter.lfs.process=', 'commit', '-qam', 'damaged');
  const out = await checkedOut(`http://${host}/x/.git`, 'damaged', mkdtempSync(join(folder, 'state-')));
  expect(out).toMatchObject(failing('mesh.bin begins like a file of Git LFS, but names no content'));
});
