import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { createServer as createTcp, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { constants, deflateRawSync } from 'node:zlib';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { onSlow } from '../../ts-src/io/slow.ts';
import { sha256 } from '../../ts-src/model/digest.ts';
import { archiveFault } from '../../ts-src/read/git/archive-size.ts';
import { nameRepositories, useGitCredentials } from '../../ts-src/read/git/credentials.ts';
import { checkout, fetchArchive, fetchCommit, resolveRef } from '../../ts-src/read/git/git.ts';
import { gitBackend } from '../e2e/git-backend.ts';
import { portOf } from '../port.mjs';
import { zipOf } from '../zip.ts';
import { containing } from './containing.ts';

vi.hoisted(() => Object.assign(process.env, { SLIPWAY_STALL_SECONDS: '4', SLIPWAY_SILENCE_SECONDS: '1' }));

const folder = mkdtempSync(join(tmpdir(), 'slipway-fetching-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const open: { close(): unknown }[] = [];
afterEach(() => open.splice(0).forEach((s) => s.close()));

const write = (path: string, text: string | Buffer): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const git = (at: string, ...args: string[]): string =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.org', '-c', 'protocol.file.allow=always', ...args], {
    cwd: join(folder, at),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }).trim();
function repository(name: string, files: Record<string, string>): string {
  for (const [path, text] of Object.entries(files)) write(`${name}/${path}`, text);
  git(name, 'init', '-q', '-b', 'main');
  git(name, 'config', 'uploadpack.allowAnySHA1InWant', 'true');
  git(name, 'add', '-A');
  git(name, 'commit', '-qm', 'one');
  return git(name, 'rev-parse', 'HEAD');
}
/** Adds a submodule with an unchecked URL, as an attacker would. */
function submodule(name: string, url: string, commit: string, more = ''): void {
  write(`${name}/.gitmodules`, `[submodule "inner"]\n\tpath = inner\n\turl = ${url}\n${more}`);
  git(name, 'update-index', '--add', '--cacheinfo', `160000,${commit},inner`);
  git(name, 'add', '.gitmodules');
  git(name, 'commit', '-qm', 'submodule');
}
const listen = async (server: Server): Promise<string> => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  open.push({ close: () => (server.close(), server.closeAllConnections()) });
  return `127.0.0.1:${portOf(server)}`;
};
/** Serves the repositories of `folder`; those whose name begins with `private` require the login. */
const serve = (seen: string[] = []): Promise<string> =>
  listen(
    createServer((request, response) => {
      const login = request.headers.authorization;
      seen.push(`${request.url!.split('/')[1]!.split('?')[0]} ${login === undefined ? 'none' : 'login'}`);
      if (request.url!.startsWith('/private') && login !== `Basic ${Buffer.from('bot:s3cret').toString('base64')}`)
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
      else gitBackend(folder, request, response);
    }),
  );
const fetched = async (url: string, state: string) => {
  const commit = await resolveRef(url, 'main');
  return commit.ok ? fetchCommit(url, commit.value, join(folder, state)) : commit;
};

describe('submodules of a repository elsewhere', () => {
  const secret = repository('host', { id_rsa: 'of the host' });

  it.each(['a path', 'a file URL', 'a relative path that is one'])('may not be on this machine: %s', async (what) => {
    const url =
      { 'a path': join(folder, 'host'), 'a file URL': `file://${folder}/host` }[what] ?? `/../..${folder}/host`;
    const name = `pub-${what.replaceAll(' ', '-')}`;
    repository(name, { 'package.xml': '<x/>' });
    submodule(name, url, secret);
    const got = await fetched(`http://${await serve()}/${name}/.git`, `s-${what}`);
    expect(got).toMatchObject({ ok: false, diagnostics: [{ code: 'source-submodule' }] });
  });

  it('come from .gitmodules only, not from files that it includes', async () => {
    write('included', `[submodule "inner"]\n\turl = ${join(folder, 'host')}\n`);
    repository('including', { 'package.xml': '<x/>' });
    write(
      'including/.gitmodules',
      `[include]\n\tpath = ${join(folder, 'included')}\n[submodule "inner"]\n\tpath = inner\n`,
    );
    git('including', 'update-index', '--add', '--cacheinfo', `160000,${secret},inner`);
    git('including', 'add', '.gitmodules');
    git('including', 'commit', '-qm', 'x');
    for (const url of [join(folder, 'including'), `http://${await serve()}/including/.git`]) {
      const got = await fetched(url, 's-included');
      if (!got.ok) throw new Error(JSON.stringify(got));
      expect((await checkout(got.value, got.value.tree, join(folder, `out-${sha256(url)}`))).ok).toBe(true);
      expect(readdirSync(join(folder, `out-${sha256(url)}`), { recursive: true })).not.toContain('inner/id_rsa');
    }
  });

  it('get no login of this machine, unless distro.yaml names them', async () => {
    const commit = repository('private-secret', { key: 'of another team' });
    repository('team', { 'package.xml': '<x/>' });
    const seen: string[] = [];
    const host = await serve(seen);
    submodule('team', `http://${host}/private-secret/.git`, commit);
    for (const name of ['SLIPWAY_GIT_0_HOST', 'SLIPWAY_GIT_0_USER', 'SLIPWAY_GIT_0_PASSWORD']) delete process.env[name];
    Object.assign(process.env, {
      SLIPWAY_GIT_0_HOST: host,
      SLIPWAY_GIT_0_USER: 'bot',
      SLIPWAY_GIT_0_PASSWORD: 's3cret',
    });
    useGitCredentials(process.env);
    expect((await resolveRef(`http://${host}/private-secret/.git`, 'main')).ok).toBe(true);
    seen.length = 0;
    const refused = await fetched(`http://${host}/team/.git`, 's-login');
    expect(refused).toMatchObject({
      ok: false,
      diagnostics: [{ code: 'source-unreachable', hint: containing('submodules') }],
    });
    expect(seen.filter((s) => s.startsWith('private'))).toContain('private-secret none');
    expect(seen).not.toContain('private-secret login');
    nameRepositories([], [`http://${host}/private-secret/`]);
    expect((await fetched(`http://${host}/team/.git`, 's-login')).ok).toBe(true);
  });
});

describe('a URL with a login', () => {
  it('is requested with it, and appears nowhere in plain text', async () => {
    repository('private-url', { 'package.xml': '<x/>' });
    const url = `http://bot:s3cret@${await serve()}/private-url/.git`;
    const got = await fetched(url, 's-url');
    if (!got.ok) throw new Error(JSON.stringify(got));
    expect(readFileSync(join(got.value.gitDir, 'config'), 'utf8')).not.toContain('s3cret');
    const failed = await fetched(url.replace('private-url', 'none'), 's-url');
    expect(JSON.stringify(failed)).not.toContain('s3cret');
    expect(failed).toMatchObject({ ok: false, diagnostics: [{ code: 'source-unreachable' }] });
  });
});

describe('a server that says nothing', () => {
  it('is reported, and given up', async () => {
    const sockets: Socket[] = [];
    const silent = createTcp((socket) => void sockets.push(socket));
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    open.push({ close: () => (sockets.forEach((s) => s.destroy()), silent.close()) });
    const host = `127.0.0.1:${portOf(silent)}`;
    const said: string[] = [];
    onSlow((text) => said.push(text));
    const begun = Date.now();
    const got = await resolveRef(`http://${host}/x.git`, 'main');
    expect(got).toMatchObject({ ok: false, diagnostics: [{ code: 'source-unreachable' }] });
    const archive = await fetchArchive(
      { type: 'tar', url: '', sha256: '0'.repeat(64) },
      `http://${host}/x.tar`,
      folder,
    );
    expect(archive).toMatchObject({ ok: false, diagnostics: [{ code: 'source-unreachable' }] });
    expect(Date.now() - begun).toBeLessThan(120_000);
    expect(said[0]).toMatch(new RegExp(`^still waiting for ${host} \\(\\d+ s\\)$`));
  });
});

describe('archives', () => {
  const archive = (name: string, files: Record<string, string>, command = 'tar czf') => {
    for (const [path, text] of Object.entries(files)) write(`${name}/${path}`, text);
    execFileSync('sh', ['-c', `${command} ../${name}.archive *  .g* 2>/dev/null || ${command} ../${name}.archive *`], {
      cwd: join(folder, name),
    });
    return sha256(readFileSync(join(folder, `${name}.archive`)));
  };
  it('report missing submodules', async () => {
    const digest = archive('lacking', {
      'package.xml': '<x/>',
      '.gitmodules': '[submodule "a"]\n\tpath = a\n\turl = ../a\n',
    });
    const got = await fetchArchive(
      { type: 'tar', url: '', sha256: digest },
      join(folder, 'lacking.archive'),
      join(folder, 's'),
    );
    expect(got).toMatchObject({ ok: true, diagnostics: [{ code: 'source-submodule', severity: 'warning' }] });
  });
  it('are not unpacked if they would fill the disk', async () => {
    write('bomb.archive', '');
    execFileSync('sh', ['-c', 'truncate -s 3G zeros && tar cf - --sparse zeros | gzip -1 > bomb.archive && rm zeros'], {
      cwd: folder,
    });
    const digest = sha256(readFileSync(join(folder, 'bomb.archive')));
    const got = await fetchArchive(
      { type: 'tar', url: '', sha256: digest },
      join(folder, 'bomb.archive'),
      join(folder, 's'),
    );
    expect(got).toMatchObject({
      ok: false,
      diagnostics: [{ code: 'source-archive', message: containing('3.0 GiB') }],
    });
  });
});

/** A zip archive of a file of zeros that is much larger than it claims. */
function lyingZip(mebibytes: number): Buffer {
  const part = deflateRawSync(Buffer.alloc(64 << 20), { finishFlush: constants.Z_SYNC_FLUSH });
  const data = Buffer.concat([...Array<Buffer>(mebibytes / 64).fill(part), Buffer.from([3, 0])]);
  return zipOf('a', data);
}

it('a zip archive with false sizes is not unpacked, nor one of too many files', async () => {
  const file = join(folder, 'lying.zip');
  writeFileSync(file, lyingZip(256));
  const most = { bytes: 128 << 20, files: 100 };
  expect(await archiveFault(file, 'zip', most)).toMatch(/^would unpack to more than 0\.1 GiB/);
  expect(await archiveFault(file, 'zip', { ...most, bytes: 300 << 20 })).toBeUndefined();
  expect(await archiveFault(file, 'zip', { ...most, files: 0 })).toMatch(/^would unpack to 1 files/);
});

describe('Git LFS', () => {
  it('fetches the files, and never leaves pointers', async () => {
    const large = 'a large file\n'.repeat(1000);
    const pointer = `version https://git-lfs.github.com/spec/v1\noid sha256:${sha256(large)}\nsize ${large.length}\n`;
    repository('large', {
      '.gitattributes': '*.bin filter=lfs diff=lfs merge=lfs -text\n',
      'mesh.bin': pointer,
      'package.xml': '<x/>',
    });
    let offered = true;
    const host = await listen(
      createServer((request, response) => {
        if (request.url === '/large/.git/info/lfs/objects/batch') {
          const at = { href: `http://${request.headers.host}/object` };
          const object = {
            oid: sha256(large),
            size: large.length,
            ...(offered ? { actions: { download: at } } : { error: { code: 404, message: 'gone' } }),
          };
          response.writeHead(200, { 'content-type': 'application/vnd.git-lfs+json' });
          response.end(JSON.stringify({ transfer: 'basic', objects: [object] }));
        } else if (request.url === '/object') response.end(large);
        else gitBackend(folder, request, response);
      }),
    );
    const got = await fetched(`http://${host}/large/.git`, 's-lfs');
    if (!got.ok) throw new Error(JSON.stringify(got));
    expect(await checkout(got.value, got.value.tree, join(folder, 'large-out'))).toMatchObject({ ok: true });
    expect(readFileSync(join(folder, 'large-out/mesh.bin'), 'utf8')).toBe(large);
    offered = false;
    rmSync(join(got.value.gitDir, 'lfs'), { recursive: true, force: true });
    expect(await checkout(got.value, got.value.tree, join(folder, 'large-out2'))).toMatchObject({
      ok: false,
      diagnostics: [{ code: 'source-lfs' }],
    });
  });
});
