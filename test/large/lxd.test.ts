// The example's image as a container of LXD: made, launched by a daemon of the test's own, published with an index of
// simplestreams, and the same bytes when it is made anew.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { cache, discard, example, execute, slipway } from '../e2e/helpers.ts';
import { installTools } from '../setup.mjs';
import { checkArtifact } from '../../ts-src/images/check.ts';
import { checkLimits } from '../../ts-src/images/check-limits.ts';
import { imageLists, listImages, readRecord } from '../../ts-src/images/record.ts';
import { imageSchema } from '../../ts-src/model/images.ts';
import { openStore } from '../../ts-src/store/open-store.ts';

const item = z.object({ ftype: z.string(), path: z.string(), sha256: z.string() });
const streams = z.object({
  products: z.record(
    z.string(),
    z.object({
      aliases: z.string(),
      versions: z.record(
        z.string(),
        z.object({
          items: z.object({ 'lxd.tar.xz': item.extend({ combined_squashfs_sha256: z.string() }), squashfs: item }),
        }),
      ),
    }),
  ),
});

let folder: string;
let work: string;
let daemon: ChildProcess;
let env: NodeJS.ProcessEnv;
let server: Server;
let remote: string;
const lxc = (...args: string[]) => execute('lxc', args, { env });
const image = (...args: string[]) => slipway(['image', ...args, '--local'], folder, { env });
const digest = (...files: string[]) => {
  const all = createHash('sha256');
  for (const file of files) all.update(readFileSync(file));
  return all.digest('hex');
};

beforeAll(async () => {
  installTools(['lxd', 'mksquashfs', 'xz']);
  work = mkdtempSync(join(cache, 'lxd-'));
  const [key, certificate] = [join(work, 'key.pem'), join(work, 'cert.pem')];
  env = { LXD_DIR: join(work, 'lxd'), HOME: work, SSL_CERT_FILE: certificate };
  mkdirSync(join(work, 'lxd'));
  const request = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  const subject = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  execFileSync('openssl', [...request, ...subject, '-keyout', key, '-out', certificate], { stdio: 'ignore' });
  server = createServer({ key: readFileSync(key), cert: readFileSync(certificate) }, (from, to) => {
    createReadStream(join(folder, 'published/images', from.url ?? ''))
      .on('error', () => to.writeHead(404).end())
      .pipe(to);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  remote = `https://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`;
  daemon = spawn('lxd', ['--group', 'root'], { env: { ...process.env, ...env }, stdio: 'ignore' });
  for (let i = 0; i < 120 && (await lxc('info')).code !== 0; i++) await sleep(500);
  for (const words of [
    ['storage', 'create', 'default', 'dir'],
    ['profile', 'device', 'add', 'default', 'root', 'disk', 'path=/', 'pool=default'],
    ['profile', 'set', 'default', 'security.privileged=true'],
  ]) {
    const ran = await lxc(...words);
    expect(ran.code, ran.stderr).toBe(0);
  }
  folder = example('lxd');
  const file = join(folder, 'distro.yaml');
  writeFileSync(
    file,
    `${readFileSync(file, 'utf8')}
  container:
    channel: nightly
    distribution: mini
    packages: [acme_drive]
    kinds: [lxd]
    check: [[drive, "4"]]
  bare:
    channel: nightly
    distribution: mini
    packages: []
    system: [less]
    kinds: [lxd]
`,
  );
  const built = await slipway(['build', '--distribution', 'mini'], folder);
  expect(built.code, built.stderr).toBe(0);
});
afterAll(async () => {
  server?.close();
  server?.closeAllConnections();
  if (daemon) {
    await execute('lxd', ['shutdown', '--timeout', '30'], { env });
    daemon.kill('SIGTERM');
  }
  const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
  for (const at of mounts
    .map((l) => l.split(' ')[1] ?? '')
    .filter((p) => p.startsWith(work))
    .reverse())
    execFileSync('umount', ['--lazy', at]);
  rmSync(work, { recursive: true, force: true });
  await discard(folder);
});

it('is launched before it is published, with a simplestreams index, and leaves nothing there', async () => {
  const made = await image('build', 'container');
  expect(made.code, made.stderr).toBe(0);
  const [metadata = '', root = ''] = made.stdout.trim().split('\n');
  const published = join(folder, 'published');
  const done = await image('publish', 'container', '--to', `file://${published}/apt`);
  expect(done.code, done.stderr).toBe(0);
  expect((await lxc('list', '--format', 'csv')).stdout).toBe('');
  expect((await lxc('image', 'list', '--format', 'csv')).stdout).toBe('');
  const index = streams.parse(JSON.parse(readFileSync(join(published, 'images/streams/v1/images.json'), 'utf8')));
  const [product] = Object.values(index.products);
  const [version] = Object.values(product?.versions ?? {});
  expect(product?.aliases).toContain('container');
  expect(version?.items['lxd.tar.xz'].combined_squashfs_sha256).toBe(digest(metadata, root));
  for (const file of [version?.items['lxd.tar.xz'], version?.items.squashfs])
    expect(digest(join(published, 'images', file?.path ?? ''))).toBe(file?.sha256);
  // The index has the fingerprint that LXD computes, and the image's program runs.
  expect((await lxc('image', 'import', metadata, root, '--alias', 'robot')).code).toBe(0);
  expect((await lxc('image', 'info', 'robot')).stdout).toContain(`Fingerprint: ${digest(metadata, root)}`);
  expect((await lxc('launch', 'robot', 'arm')).code).toBe(0);
  const said = await lxc('exec', 'arm', '--', 'bash', '-lc', 'drive 4; hostname');
  expect(said.stdout).toContain('<twist frame="base"');
  expect(said.stdout).toContain('arm\n');
  await lxc('delete', '--force', 'arm');
  await lxc('image', 'delete', 'robot');
});

it('is launched from the published folder as a simplestreams server', async () => {
  const added = await lxc('remote', 'add', 'acme', remote, '--protocol', 'simplestreams');
  expect(added.code, added.stderr).toBe(0);
  const launched = await lxc('launch', 'acme:container', 'leg');
  expect(launched.code, launched.stderr).toBe(0);
  const said = await lxc('exec', 'leg', '--', 'bash', '-lc', 'drive 4');
  expect(said.stdout, said.stderr).toContain('<twist frame="base"');
  await lxc('delete', '--force', 'leg');
  await lxc('image', 'delete', (await lxc('image', 'list', '--format', 'csv', '--columns', 'f')).stdout.trim());
});

it('is not published if its check fails', async () => {
  const file = join(folder, 'distro.yaml');
  const before = readFileSync(file, 'utf8');
  writeFileSync(
    file,
    before.replace('kinds: [lxd]\n    check: [[drive, "4"]]', 'kinds: [lxd]\n    check: [["false"]]'),
  );
  expect((await image('build', 'container')).code).toBe(0);
  const refused = await image('publish', 'container', '--to', `file://${folder}/other/apt`);
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain("the lxd image of 'container' is not good");
  expect(existsSync(join(folder, 'other/images/streams'))).toBe(false);
  expect((await lxc('list', '--format', 'csv')).stdout).toBe('');
  writeFileSync(file, before);
});

it('is stopped if its check takes too long, and leaves no container', async () => {
  const store = await openStore('file:.slipway/store', folder, join(folder, '.slipway'), undefined);
  const [channel = ''] = await imageLists(store);
  const [newest] = await listImages(store, channel);
  const record = await readRecord(store, newest?.key ?? '');
  const artifact = record?.artifacts.find((a) => a.kind === 'lxd');
  if (!record || !artifact) throw new Error('there is no image');
  const saved = { ...process.env };
  Object.assign(process.env, env);
  Object.assign(checkLimits, { check: 10 });
  const input = { store, state: join(folder, '.slipway'), record, log: join(work, 'log'), progress: () => undefined };
  const spec = imageSchema.parse({ channel: 'nightly', kinds: ['lxd'] });
  const { diagnostics } = await checkArtifact({ ...input, spec, signal: new AbortController().signal }, artifact);
  process.env = saved;
  expect(diagnostics.map((d) => d.message).join('\n')).toContain('its check: it did not end in 0.01 seconds');
  expect((await lxc('list', '--format', 'csv')).stdout).toBe('');
  expect((await lxc('image', 'list', '--format', 'csv')).stdout).toBe('');
});

it('can be without packages of the distribution, and is reproducible', async () => {
  const made = await image('build', 'bare');
  expect(made.code, made.stderr).toBe(0);
  const before = made.stdout
    .trim()
    .split('\n')
    .map((f) => digest(f));
  for (const name of ['images', 'image-lists']) rmSync(join(folder, '.slipway/store', name), { recursive: true });
  rmSync(join(folder, 'out/images'), { recursive: true });
  const again = await image('build', 'bare');
  expect(
    again.stdout
      .trim()
      .split('\n')
      .map((f) => digest(f)),
    again.stderr,
  ).toEqual(before);
  expect(before).toHaveLength(2);
});
