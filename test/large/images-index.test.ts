// npm run e2e:images: a docker image of two architectures in a real registry: one index by digest, tags of version and
// channel, which come when all architectures are there. The arm64 root is Debian's, unpacked but not built by slipway;
// everything from the store to the registry is the product's own.
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { ociConfig, writeDockerTar } from '../../ts-src/images/docker.ts';
import { addToList, listImages, readRecord, writeRecord, type ImageRecord } from '../../ts-src/images/record.ts';
import { folderChannel } from '../../ts-src/publish/channel.ts';
import { imageFile, imageVersion } from '../../ts-src/model/names.ts';
import { sha256 } from '../../ts-src/model/digest.ts';
import { FileBlobs } from '../../ts-src/store/file-blobs.ts';
import { Store } from '../../ts-src/store/store.ts';
import { cache, discard, example, slipway } from '../e2e/helpers.ts';
import { debianMirror } from '../mirror.mjs';
import { installTools } from '../setup.mjs';
import { startDocker } from './docker.mjs';

const described = z.object({ digest: z.string(), size: z.number() });
const indexes = z.object({
  manifests: z.array(
    described.extend({ platform: z.object({ architecture: z.string(), variant: z.string().optional() }) }),
  ),
});
const manifests = z.object({ config: described, layers: z.array(described) });
const tagLists = z.object({ tags: z.array(z.string()).nullable() });

const host = '127.0.0.1:15079';
const types = ['index', 'manifest'].map((t) => `application/vnd.oci.image.${t}.v1+json`);
let folder: string;
let work: string;
let store: Store;
let registry: ChildProcess;
let engine: Awaited<ReturnType<typeof startDocker>>;

const image = (...args: string[]) =>
  slipway(['image', ...args, '--local'], folder, { env: { DOCKER_HOST: engine.host } });
const publish = (name: string) => image('publish', name, '--to', `file://${join(folder, 'published/apt')}`);
const manifest = async (name: string, reference: string) => {
  const answer = await fetch(`http://${host}/v2/acme/${name}/manifests/${reference}`, {
    headers: { accept: types.join(', ') },
  });
  const text = await answer.text();
  return { status: answer.status, type: answer.headers.get('content-type'), text, digest: `sha256:${sha256(text)}` };
};
const tags = async (name: string) => {
  const answer = await fetch(`http://${host}/v2/acme/${name}/tags/list`);
  return answer.ok ? (tagLists.parse(await answer.json()).tags ?? []).sort() : [];
};
const architecturesAt = async (name: string, reference: string) =>
  indexes.parse(JSON.parse((await manifest(name, reference)).text)).manifests.map((m) => m.platform.architecture);

beforeAll(async () => {
  installTools(['dockerd', 'docker', 'docker-registry']);
  work = mkdtempSync(join(cache, 'index-'));
  writeFileSync(
    join(work, 'registry.yml'),
    `version: 0.1\nstorage: {filesystem: {rootdirectory: ${join(work, 'registry')}}}\nhttp: {addr: "${host}"}\n`,
  );
  registry = spawn('docker-registry', ['serve', join(work, 'registry.yml')], { stdio: 'ignore' });
  engine = await startDocker(work);
  folder = example('images-index');
  const distro = readFileSync(join(folder, 'distro.yaml'), 'utf8');
  const of = (name: string, architectures: string) =>
    `  ${name}:\n    channel: nightly\n    distribution: mini\n    packages: [acme_drive]\n` +
    `    architectures: ${architectures}\n    repository: ${host}/acme/${name}\n    check: [[drive, "4"]]\n`;
  writeFileSync(
    join(folder, 'distro.yaml'),
    distro.replace('architectures: [amd64]', 'architectures: [amd64, arm64]') +
      of('pair', '[amd64, arm64]') +
      of('later', '[amd64]'),
  );
  const built = await slipway(['build', '--distribution', 'mini', '--architecture', 'amd64'], folder);
  expect(built.code, built.stderr).toBe(0);
  store = new Store(new FileBlobs(join(folder, '.slipway/store')), { cache: join(work, 'cache') });
  execFileSync('mmdebstrap', [
    '--variant=extract',
    '--architectures=arm64',
    '--include=busybox-static',
    '--quiet',
    'bookworm',
    join(work, 'arm64.tar'),
    `deb ${debianMirror()} bookworm main`,
  ]);
});
afterAll(async () => {
  registry.kill();
  await engine.stop();
  rmSync(work, { recursive: true, force: true });
  await discard(folder);
});

/** Puts an image of arm64 into the store, as an agent of that architecture does; `checked`: it was started there. */
async function builtOnArm64(name: string, checked: boolean): Promise<void> {
  const channel = folderChannel(join(folder, 'out'));
  const listed = (await listImages(store, channel)).find((i) => i.name === name && i.architecture === 'amd64');
  const beside = listed && (await readRecord(store, listed.key));
  if (!beside?.docker) throw new Error(`${name} was not built`);
  const key = sha256(`${beside.key} arm64`);
  const version = imageVersion(beside.version.replace(/-.*/, ''), key);
  const layer = await store.put(join(work, 'arm64.tar'));
  const about = { architecture: 'arm64', ...beside.docker };
  const layers = [{ diffId: layer.sha256, tar: join(work, 'arm64.tar'), size: layer.size, what: 'base' }];
  const file = join(work, imageFile(name, version, 'arm64', 'docker.tar'));
  const written = await writeDockerTar({ ...about, layers }, [`${host}/acme/${name}:${version}`], file);
  expect(written.id).toBe(`sha256:${sha256(ociConfig({ ...about, layers }))}`);
  const record: ImageRecord = {
    ...beside,
    key,
    version,
    architecture: 'arm64',
    layers: [{ what: 'base', file: layer }],
    artifacts: [
      { kind: 'docker', files: [await store.put(file)], id: written.id, ...(checked ? { checked: Date.now() } : {}) },
    ],
  };
  await writeRecord(store, record);
  await addToList(store, record);
}

it('is not published until each architecture was built and started', async () => {
  expect((await image('build', 'pair', '--architecture', 'amd64')).code).toBe(0);
  const early = await publish('pair');
  expect(early.code).toBe(1);
  expect(early.stderr).toMatch(/'pair' was not built from the state \w+ for arm64/);
  await builtOnArm64('pair', false);
  const unstarted = await publish('pair');
  expect(unstarted.code).toBe(1);
  expect(unstarted.stderr).toContain("the docker image of 'pair' is not good");
  if (unstarted.stderr.includes('exec format error')) expect(unstarted.stderr).toContain('qemu-user-static');
  expect(await tags('pair')).toEqual([]);
});

it('is one index of both, pushed by digest, to which the tags of version and channel point', async () => {
  await builtOnArm64('pair', true);
  const done = await publish('pair');
  expect(done.code, done.stderr).toBe(0);
  const digest = /@(sha256:\w+)/.exec(done.stdout)?.[1] ?? '';
  const index = await manifest('pair', digest);
  expect([index.status, index.type, index.digest]).toEqual([200, types[0], digest]);
  const { manifests: found } = indexes.parse(JSON.parse(index.text));
  expect(found.map((m) => m.platform)).toMatchObject([
    { architecture: 'amd64' },
    { architecture: 'arm64', variant: 'v8' },
  ]);
  for (const one of found) {
    const held = await manifest('pair', one.digest);
    expect([held.digest, held.text.length]).toEqual([one.digest, one.size]);
    const { config, layers } = manifests.parse(JSON.parse(held.text));
    for (const blob of [config, ...layers]) {
      const there = await fetch(`http://${host}/v2/acme/pair/blobs/${blob.digest}`, { method: 'HEAD' });
      expect([there.status, Number(there.headers.get('content-length'))]).toEqual([200, blob.size]);
    }
  }
  const all = await tags('pair');
  expect(all).toEqual([expect.stringMatching(/^\d{14}-[0-9a-f]{8}$/), 'local']);
  for (const tag of all) expect((await manifest('pair', tag)).digest).toBe(digest);
  for (const architecture of ['arm64', 'amd64']) {
    const reference = `${host}/acme/pair@${digest}`;
    const pulled = await engine.docker('pull', '--quiet', '--platform', `linux/${architecture}`, reference);
    expect(pulled.code, pulled.told).toBe(0);
    const told = await engine.docker('image', 'inspect', '--format', '{{.Architecture}}', reference);
    expect(told.told.trim()).toBe(architecture);
    // Docker 20.10 keeps one architecture of a digest.
    if (architecture === 'arm64') expect((await engine.docker('rmi', '--force', reference)).code).toBe(0);
  }
  const ran = await engine.docker('run', '--rm', '--network=none', `${host}/acme/pair@${digest}`, 'drive', '4');
  expect(ran.told).toContain('angular="-2.2831853071795862"');
});

it('never moves a version that is something else, nor the tag of the channel then', async () => {
  const [version = ''] = await tags('pair');
  const before = await manifest('pair', version);
  const put = (text: string, type: string) =>
    fetch(`http://${host}/v2/acme/pair/manifests/${version}`, {
      method: 'PUT',
      headers: { 'content-type': type },
      body: text,
    });
  const [first] = indexes.parse(JSON.parse(before.text)).manifests;
  const other = await manifest('pair', first?.digest ?? '');
  expect((await put(other.text, types[1] ?? '')).status).toBe(201);
  const refused = await publish('pair');
  expect(refused.code).toBe(1);
  expect(refused.stderr).toContain(`${version} already is a different image`);
  expect((await manifest('pair', version)).digest).toBe(other.digest);
  expect((await manifest('pair', 'local')).digest).toBe(before.digest);
  expect((await put(before.text, types[0] ?? '')).status).toBe(201);
  expect((await publish('pair')).code).toBe(0);
});

it('has an architecture that is added later in its next version; the former one stays', async () => {
  expect((await image('build', 'later')).code).toBe(0);
  const one = await publish('later');
  expect(one.code, one.stderr).toBe(0);
  const [former = ''] = await tags('later');
  const before = await manifest('later', former);
  expect(await architecturesAt('later', 'local')).toEqual(['amd64']);
  const distro = readFileSync(join(folder, 'distro.yaml'), 'utf8');
  writeFileSync(
    join(folder, 'distro.yaml'),
    distro.replace('architectures: [amd64]\n    repository', 'architectures: [amd64, arm64]\n    repository'),
  );
  expect((await image('build', 'later', '--architecture', 'amd64')).code).toBe(0);
  expect((await publish('later')).code).toBe(1);
  expect(await architecturesAt('later', 'local')).toEqual(['amd64']);
  await builtOnArm64('later', true);
  const two = await publish('later');
  expect(two.code, two.stderr).toBe(0);
  expect(await architecturesAt('later', 'local')).toEqual(['amd64', 'arm64']);
  expect((await manifest('later', former)).digest).toBe(before.digest);
});
