import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { noteRun } from '../../ts-src/farm/run-manifest.ts';
import { environmentFault } from '../../ts-src/io/faults.ts';
import { channelNames } from '../../ts-src/publish/state.ts';
import { openStore } from '../../ts-src/store/open-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-store-faults-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
Object.assign(process.env, { AWS_ACCESS_KEY_ID: 'test', AWS_SECRET_ACCESS_KEY: 'secret' });

const told = async (work: () => Promise<unknown>): Promise<string | undefined> => {
  try {
    await work();
    return undefined;
  } catch (e) {
    return environmentFault(e) ?? `internal: ${String(e)}`;
  }
};

/** The message for a server that answers each request this way. */
async function answered(answer: RequestListener): Promise<{ text: string | undefined; requests: number }> {
  let requests = 0;
  const server = createServer((from, to) => {
    requests++;
    from.resume();
    answer(from, to);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' ? address?.port : 0;
  try {
    const store = await openStore(`s3://bucket/farm?endpoint=http://127.0.0.1:${port}`, folder, folder, undefined);
    return { text: await told(() => store.readJson('tasks/x.json')), requests };
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

describe('a server that refuses', () => {
  it.each<[number, string, RegExp, Record<string, string>?]>([
    [404, 'NoSuchBucket', /there is no such bucket: make it, or correct its name/],
    [403, 'ExpiredToken', /the credentials have expired: get new ones/],
    [400, 'ExpiredToken', /the credentials have expired/],
    [403, 'InvalidAccessKeyId', /does not know these credentials: check AWS_ACCESS_KEY_ID/],
    [403, 'SignatureDoesNotMatch', /the secret key does not fit/],
    [
      403,
      'RequestTimeTooSkewed',
      /clock of this machine is wrong, \d+ minutes behind.*: set it/,
      { date: 'Tue, 01 Jan 2120 00:00:00 GMT' },
    ],
    [403, 'AccessDenied', /may not do that: ask for the rights/],
    [
      301,
      'PermanentRedirect',
      /in another region \(eu-west-9\): say so by region=NAME/,
      { 'x-amz-bucket-region': 'eu-west-9' },
    ],
    [307, '', /sends requests elsewhere/, { location: 'http://127.0.0.1:1/' }],
    [507, '', /no room left/],
    [401, '', /refuses it: check/],
  ])('with %i %s is told at once, with what to do', async (status, code, words, headers = {}) => {
    const { text, requests } = await answered((_, to) =>
      to.writeHead(status, headers).end(code ? `<Error><Code>${code}</Code></Error>` : ''),
    );
    expect(text).toMatch(words);
    expect(text).toContain('s3://bucket/farm');
    expect(requests).toBe(1);
  });

  it('is not confused with a missing object', async () => {
    const { text } = await answered((_, to) => to.writeHead(404).end('<Error><Code>NoSuchKey</Code></Error>'));
    expect(text).toBeUndefined();
  });

  it('is reported with its address, whatever escapes a URL has', async () => {
    expect(await told(() => openStore('s3://bucket/%zz?endpoint=nowhere', folder, folder, undefined))).toMatch(
      /no http or https URL/,
    );
    await openStore('file:%zz', folder, folder, undefined);
  });
});

describe('a store in a folder that disappeared', () => {
  it('is reported, neither read as empty nor recreated; another machine, or a new store, may begin', async () => {
    const [share, state] = [join(folder, 'share'), join(folder, 'state')];
    const open = (from = state) => openStore(`file:${share}/store`, folder, from, undefined);
    mkdirSync(share);
    const first = await open();
    await first.writeJson('thing/a.json', { a: 1 });
    renameSync(share, `${share}.unmounted`);
    mkdirSync(share);
    // During a run.
    expect(await told(() => first.writeJson('thing/b.json', { b: 1 }))).toMatch(
      /has gone: .* Is its file system mounted\?/,
    );
    const gone = await told(() => open());
    expect(gone).toMatch(/the store .*share\/store has gone/);
    expect(existsSync(join(share, 'store'))).toBe(false);
    const memory = /remove (\S+) too/.exec(gone ?? '')?.[1] ?? '';
    rmSync(share, { recursive: true });
    renameSync(`${share}.unmounted`, share);
    expect(await (await open()).readJson('thing/a.json')).toEqual({ a: 1 });
    rmSync(share, { recursive: true });
    rmSync(memory);
    await (await open()).writeJson('thing/c.json', { c: 1 });
    await (await open(join(folder, 'other'))).writeJson('thing/c.json', { c: 1 });
  });

  it('of an older slipway gets its marker; one below the state comes and goes with it', async () => {
    const old = join(folder, 'old');
    mkdirSync(join(old, 'objects'), { recursive: true });
    writeFileSync(join(old, 'objects/x'), '');
    const state = join(folder, 'state-2');
    await (await openStore(`file:${old}`, folder, state, undefined)).writeJson('thing/a.json', {});
    expect(existsSync(join(old, 'slipway-store.json'))).toBe(true);
    const own = await openStore(`file:${state}/store`, folder, state, undefined);
    await own.writeJson('thing/a.json', {});
    rmSync(join(state, 'store'), { recursive: true });
    expect(await told(() => own.writeJson('thing/b.json', {}))).toBeUndefined();
  });
});

it('an object that is not JSON counts as lost where JSON is expected', async () => {
  const store = await openStore('file:json', folder, folder, undefined);
  expect(await store.readParsed(await store.putText('a.json', '{"a":1}'))).toEqual({ a: 1 });
  expect(await store.readParsed(await store.putText('b.json', '["a"'))).toBeUndefined();
  expect(await store.readParsed({ name: 'c.json', sha256: '0'.repeat(64), size: 1 })).toBeUndefined();
});

it('an object too large for a string counts as lost', async () => {
  const store = await openStore('file:large', folder, folder, undefined);
  const large = join(folder, 'large.log');
  writeFileSync(large, '');
  truncateSync(large, 600 << 20);
  const file = await store.put(large);
  expect(await store.readText(file)).toBeUndefined();
  expect(await store.path(file)).toBeDefined();
});

describe('a list of a bucket', () => {
  const listed = async (answer: (from: string, to: ServerResponse) => void) => {
    const server = createServer((from, to) => answer(from.url ?? '', to));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : 0;
    const names: string[] = [];
    try {
      const store = await openStore(`s3://bucket/farm?endpoint=http://127.0.0.1:${port}`, folder, folder, undefined);
      const text = await told(async () => {
        for await (const { name } of store.blobs.list('untrusted')) names.push(name);
      });
      return { names, text };
    } finally {
      server.close();
      server.closeAllConnections();
    }
  };
  const entry = (key: string, size = '1', time = '2026-01-01T00:00:00Z') =>
    `<Contents><Key>${key}</Key><Size>${size}</Size><LastModified>${time}</LastModified></Contents>`;
  const list = (text: string) => `<?xml version="1.0"?><ListBucketResult>${text}</ListBucketResult>`;

  it("contains only what lies in the folder: a key with .. would be another object's address", async () => {
    const keys = [
      'farm/untrusted/x/../../channels/nightly.json',
      'farm/untrusted/../channels/nightly.json',
      'farm/untrusted/./a',
      'farm/untrusted//a',
      'farm/untrusted/a\nb',
      'farm/channels/nightly.json',
      'farm/untrusted/',
    ];
    const text = list(keys.map((key) => entry(key)).join('') + '<Contents/>' + entry('farm/untrusted/a', 'x'));
    expect(await listed((_, to) => to.end(text))).toEqual({ names: [], text: undefined });
    const good = list(entry('farm/untrusted/a/b &amp; c') + entry('farm/untrusted/..d'));
    expect((await listed((_, to) => to.end(good))).names).toEqual(['untrusted/a/b & c', 'untrusted/..d']);
    expect((await listed((_, to) => to.end('<ListBucketResult/>'))).text).toBeUndefined();
    const store = await openStore('s3://bucket/farm?endpoint=http://127.0.0.1:1', folder, folder, undefined);
    expect(await told(() => store.blobs.remove('untrusted/../channels/x'))).toMatch(/has no object 'untrusted\/\.\.\//);
  });

  it('that is invalid, or endless, is reported', async () => {
    const bomb = `<!DOCTYPE a [<!ENTITY b "${'c'.repeat(1000)}">]>${list(entry('farm/untrusted/&b;'))}`;
    const again = list(`${entry('farm/untrusted/a')}<NextContinuationToken>t</NextContinuationToken>`);
    for (const text of ['', 'no', '<a', '<html><body>Login</body></html>', bomb, again])
      expect((await listed((_, to) => to.end(text))).text, text.slice(0, 40)).toMatch(
        /answers with no list of farm\/untrusted\/: is it an S3 server\?/,
      );
  });
});

it('a damaged note of the previous run is ignored', async () => {
  const store = await openStore('file:notes', folder, folder, 'pr');
  const run = { id: '20260101000000-00000000', title: 't', untrusted: 'pr', begun: 1 };
  const pipeline = { kind: 'request' as const, channel: undefined, locked: false, strict: false, keep: undefined };
  const note = () => noteRun(store, { ...run, pipeline }, undefined);
  expect(await note()).toBeUndefined();
  expect(await note()).toMatch(/^the run before, 20260101000000-00000000 of 1970/);
  const [name = ''] = await store.names('runs/open');
  for (const begun of [1e300, 'x', null]) {
    await store.writeJson(name, { id: 'x', begun, ended: false });
    expect(await note()).toBeUndefined();
  }
  // Its writers may say anything: a planning machine prints none of it.
  const before = { id: run.id, begun: 1, ended: false };
  for (const other of [{ id: 'x'.repeat(1 << 20) }, { id: ['x'] }, { url: 'a\nkind nightly' }, { url: ['a'] }]) {
    await store.writeJson(name, { ...before, ...other });
    expect(await note()).toBeUndefined();
  }
});

it('a foreign file among the channels is reported with its path', async () => {
  const store = await openStore('file:channels', folder, folder, undefined);
  await store.putBlob('channels/next/arm.json', Buffer.from('{}'));
  expect(await channelNames(store)).toEqual(['next/arm']);
  await store.putBlob('channels/README', Buffer.from('ours'));
  expect(await told(() => channelNames(store))).toBe(
    `channels/README in the store ${join(folder, 'channels')} belongs to no channel: move it away`,
  );
});
