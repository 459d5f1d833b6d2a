import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { publishAmi } from '../../ts-src/images/ami.ts';
import { Aws, itemsOf, textIn } from '../../ts-src/aws/client.ts';
import type { ImageRecord } from '../../ts-src/images/record.ts';
import { retire, retiring } from '../../ts-src/images/retire.ts';
import { imageSchema } from '../../ts-src/model/images.ts';
import { FileBlobs } from '../../ts-src/store/file-blobs.ts';
import { Store } from '../../ts-src/store/store.ts';
import * as z from 'zod';
import { s3Server } from '../e2e/s3.mjs';

const region = 'eu-central-1';
const blocks = z.object({ Blocks: z.array(z.object({ BlockIndex: z.number(), BlockToken: z.string() })) });
let server: Awaited<ReturnType<typeof s3Server>>;
let folder: string;
let store: Store;
const raw = Buffer.alloc(3 << 20);
beforeAll(async () => {
  server = await s3Server();
  folder = mkdtempSync(join(tmpdir(), 'ami-'));
  store = new Store(new FileBlobs(join(folder, 'store')), { cache: join(folder, 'cache') });
  raw.write('first block');
  raw.write('last block', raw.length - 100);
  writeFileSync(join(folder, 'disk.raw'), raw);
  execFileSync('zstd', ['-q', join(folder, 'disk.raw'), '-o', join(folder, 'disk.raw.zst')]);
});
afterAll(() => {
  server.stop();
  rmSync(folder, { recursive: true, force: true });
});

const digest = (text: string) => createHash('sha256').update(text).digest('hex');
const settings = (more: object = {}) => {
  const { ami } = imageSchema.parse({ ami: { region, endpoint: server.endpoint, parameter: '/acme/robot', ...more } });
  if (!ami) throw new Error('no settings');
  return ami;
};
/** A server that answers some requests itself and forwards all others. */
async function forwarding(target: string, answer: (body: string) => string | undefined) {
  const server = createServer((request, reply) => {
    void (async () => {
      const parts: Buffer[] = [];
      for await (const part of request) parts.push(part as Buffer);
      const body = Buffer.concat(parts);
      const own = answer(body.toString('latin1'));
      if (own !== undefined) return reply.end(own);
      const headers = Object.fromEntries(
        Object.entries(request.headers).flatMap(([k, v]) =>
          typeof v === 'string' && !['connection', 'content-length'].includes(k) ? [[k, v]] : [],
        ),
      );
      const got = await fetch(target + request.url, {
        method: request.method ?? 'GET',
        headers,
        ...(body.length ? { body } : {}),
      });
      reply.writeHead(got.status, { 'content-type': got.headers.get('content-type') ?? '' });
      return reply.end(Buffer.from(await got.arrayBuffer()));
    })();
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  return { endpoint: `http://127.0.0.1:${port}`, stop: () => server.close().closeAllConnections() };
}
async function record(n: number, architecture = 'amd64'): Promise<ImageRecord> {
  const file = await store.put(join(folder, 'disk.raw.zst'));
  const version = `2026010${n}000000-${digest(String(n)).slice(0, 8)}`;
  return {
    schema: 1,
    key: digest(`key ${n} ${architecture}`),
    name: 'robot',
    channel: 'nightly',
    state: digest('state'),
    version,
    platform: 'bookworm',
    architecture,
    distribution: 'mini',
    spec: digest('spec'),
    base: digest('base'),
    own: {},
    system: {},
    layers: [],
    artifacts: [{ kind: 'ami', files: [file], bytes: statSync(join(folder, 'disk.raw')).size }],
    made: 0,
    milliseconds: 0,
  };
}
const publish = async (n: number, more: object = {}) => {
  const done = await publishAmi(store, 'acme', settings(more), await record(n), new AbortController().signal);
  if (!done.ok) throw new Error(done.diagnostics.map((d) => d.message).join());
  return done.value;
};
const parameter = async (): Promise<string | undefined> => {
  const found: unknown = (await new Aws(region, server.direct).ssm('GetParameter', { Name: '/acme/robot' })).Parameter;
  return typeof found === 'object' && found !== null ? textIn({ ...found }, 'Value') : undefined;
};

it('writes a disk by EBS direct, registers it and moves the parameter last', async () => {
  const [ami] = await publish(1, { copies: ['eu-west-1'], share: ['123456789012'] });
  expect(ami).toMatchObject({ region, architecture: 'amd64' });
  const aws = new Aws(region, server.direct);
  const [image] = itemsOf((await aws.query('ec2', 'DescribeImages', { 'ImageId.1': ami?.id ?? '' })).imagesSet);
  expect(image?.name).toMatch(/^acme-robot-20260101000000-/);
  // moto stores another snapshot in the image than the one that was registered.
  const all = itemsOf((await aws.query('ec2', 'DescribeSnapshots', { 'Owner.1': 'self' })).snapshotSet);
  const own = all.find((s) => /^acme-robot-20260101000000-\S+ \(slipway\)$/.test(textIn(s, 'description') ?? ''));
  const snapshot = (own && textIn(own, 'snapshotId')) ?? '';
  const listed = blocks.parse(
    JSON.parse((await aws.send({ service: 'ebs', method: 'GET', path: `/snapshots/${snapshot}/blocks` })).toString()),
  );
  // Blocks of zeros are left out. moto lists blocks in their order of arrival.
  expect(listed.Blocks.map((b) => b.BlockIndex).sort((a, b) => a - b)).toEqual([0, 5]);
  for (const b of listed.Blocks) {
    const path = `/snapshots/${snapshot}/blocks/${b.BlockIndex}?blockToken=${encodeURIComponent(b.BlockToken)}`;
    const data = await aws.send({ service: 'ebs', method: 'GET', path });
    expect(data.equals(raw.subarray(b.BlockIndex << 19, (b.BlockIndex + 1) << 19))).toBe(true);
  }
  expect(await parameter()).toBe(ami?.id);
  const there = await new Aws('eu-west-1', server.direct).query('ec2', 'DescribeImages', { 'Owner.1': 'self' });
  expect(itemsOf(there.imagesSet).length).toBe(1);
  // Publishing again finds the existing image.
  expect((await publish(1, { copies: ['eu-west-1'] }))[0]?.id).toBe(ami?.id);
});

it('continues if the service fails or limits requests, and keeps the parameter if publishing fails', async () => {
  server.erring = 0.3;
  const [ami] = await publish(2);
  server.erring = 0;
  expect(await parameter()).toBe(ami?.id);
  const refused = await publishAmi(
    store,
    'acme',
    settings({ endpoint: 'http://127.0.0.1:9' }),
    await record(3),
    AbortSignal.timeout(1),
  );
  expect(refused.ok).toBe(false);
  expect(await parameter()).toBe(ami?.id);
});

it('retires unused images, and nothing else', async () => {
  const amis = [(await publish(3))[0], (await publish(4))[0], (await publish(5))[0]];
  const aws = new Aws(region, server.direct);
  await aws.query('ec2', 'CreateLaunchTemplate', {
    LaunchTemplateName: 'robots',
    'LaunchTemplateData.ImageId': amis[0]?.id ?? '',
  });
  const found = await retiring(settings(), 'robot', 'nightly', 1);
  const inRegion = found.filter((a) => a.region === region);
  expect(inRegion.map((a) => [a.version.slice(0, 8), a.kept])).toEqual([
    ['20260105', 'one of the newest'],
    ['20260104', undefined],
    ['20260103', expect.stringMatching(/^the launch template .* uses it$/)],
    ['20260102', undefined],
    ['20260101', undefined],
  ]);
  const done = await retire(settings(), found);
  expect(done.ok && done.value).toBe(3);
  const left = itemsOf((await aws.query('ec2', 'DescribeImages', { 'Owner.1': 'self' })).imagesSet);
  expect(left.map((i) => textIn(i, 'imageId')).sort()).toEqual([amis[0]?.id, amis[2]?.id].sort());
});

it('has a parameter, tags and newest images per architecture', async () => {
  const own = settings({
    parameter: '/acme/agents/{architecture}/image',
    tags: { farm: 'acme', 'slipway-agent': '{architecture}' },
  });
  const ids: Record<string, string | undefined> = {};
  for (const [n, architecture] of [
    [6, 'amd64'],
    [6, 'arm64'],
    [7, 'arm64'],
    [8, 'arm64'],
  ] as const) {
    const made = { ...(await record(n, architecture)), name: 'agent' };
    const done = await publishAmi(store, 'acme', own, made, new AbortController().signal);
    if (!done.ok) throw new Error(done.diagnostics.map((d) => d.message).join());
    ids[`${architecture} ${n}`] = done.value[0]?.id;
  }
  const aws = new Aws(region, server.direct);
  for (const [architecture, id] of [
    ['amd64', ids['amd64 6']],
    ['arm64', ids['arm64 8']],
  ] as const) {
    const named = await aws.ssm('GetParameter', { Name: `/acme/agents/${architecture}/image` });
    expect(named.Parameter).toMatchObject({ Value: id });
    const query = { 'Filter.1.Name': 'tag:slipway-agent', 'Filter.1.Value.1': architecture };
    const found = itemsOf((await aws.query('ec2', 'DescribeImages', query)).imagesSet);
    expect(found.map((i) => textIn(i, 'imageId'))).toContain(id);
  }
  // amd64 has one image; newer ones of arm64 do not count against it.
  const found = await retiring(own, 'agent', 'nightly', 1);
  expect(new Map(found.map((a) => [a.id, a.kept]))).toEqual(
    new Map([
      [ids['arm64 8'], 'one of the newest'],
      [ids['arm64 7'], undefined],
      [ids['arm64 6'], undefined],
      [ids['amd64 6'], 'one of the newest'],
    ]),
  );
});

const trial = { types: { amd64: 't3.small' } };
/** States of the trial instances of images. */
async function trials(): Promise<(string | undefined)[]> {
  const asked = { 'Filter.1.Name': 'tag-key', 'Filter.1.Value.1': 'slipway:trial' };
  const found = await new Aws(region, server.direct).query('ec2', 'DescribeInstances', asked);
  return itemsOf(found.reservationSet)
    .flatMap((r) => itemsOf(r.instancesSet))
    .map((i) => textIn(itemsOf({ item: i.instanceState })[0] ?? {}, 'name'));
}

it('starts one instance if a trial is configured, and terminates it', async () => {
  const [ami] = await publish(6, { trial });
  expect(await parameter()).toBe(ami?.id);
  expect(await trials()).toEqual(['terminated']);
  // No instance type is configured for another architecture.
  expect(imageSchema.safeParse({ ami: { region, trial: { types: { riscv64: 't3.small' } } } }).success).toBe(false);
});

it('keeps the parameter if the instance does not come up, shows its console, and terminates it', async () => {
  const before = await parameter();
  // moto's instances are always healthy: AWS's answer for one that is not.
  const status =
    '<DescribeInstanceStatusResponse><instanceStatusSet><item><instanceState><code>16</code><name>running</name></instanceState>' +
    '<systemStatus><status>ok</status></systemStatus><instanceStatus><status>impaired</status></instanceStatus></item></instanceStatusSet></DescribeInstanceStatusResponse>';
  const text = Buffer.from('booting\nKernel panic - not syncing: no init\n').toString('base64');
  const answers: Record<string, string> = {
    DescribeInstanceStatus: status,
    GetConsoleOutput: `<GetConsoleOutputResponse><output>${text}</output></GetConsoleOutputResponse>`,
  };
  const between = await forwarding(server.direct, (body) => answers[new URLSearchParams(body).get('Action') ?? '']);
  try {
    const made = await publishAmi(
      store,
      'acme',
      settings({ endpoint: between.endpoint, trial }),
      await record(7),
      AbortSignal.timeout(60_000),
    );
    expect(made.ok).toBe(false);
    expect(made.diagnostics[0]?.message).toMatch(
      /failed its trial: its instance does not answer\n {2}booting\n {2}Kernel panic/,
    );
  } finally {
    between.stop();
  }
  expect(await parameter()).toBe(before);
  expect(await trials()).toEqual(['terminated', 'terminated']);
});
