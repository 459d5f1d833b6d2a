import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, expect, it } from 'vitest';
import { withLock } from '../../ts-src/cli/farm/run-lock.ts';
import { surveyStore } from '../../ts-src/collect/reach.ts';
import { environmentFault } from '../../ts-src/io/faults.ts';
import { defaultRules } from '../../ts-src/model/channels.ts';
import { sha256 } from '../../ts-src/model/digest.ts';
import { readContentsIndex } from '../../ts-src/publish/contents.ts';
import { differenceOf } from '../../ts-src/publish/difference.ts';
import { openEndpoint } from '../../ts-src/publish/endpoints.ts';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';
import { readIndex } from '../../ts-src/publish/package-index.ts';
import { judgePromotion } from '../../ts-src/publish/promotion.ts';
import { sweepRepository } from '../../ts-src/publish/retention.ts';
import { channelFile, openChannel, readState, stateText, type State } from '../../ts-src/publish/state.ts';
import { readShared } from '../../ts-src/sandbox/stored-base.ts';
import { FileBlobs } from '../../ts-src/store/file-blobs.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import { Store } from '../../ts-src/store/store.ts';
import { packIndex, unpackIndex } from '../../ts-src/store/scope-index.ts';
import { parsed, sealed } from '../../ts-src/store/sealed.ts';
import { lockName } from '../../ts-src/farm/run-manifest.ts';
import { each, mutations } from './mutations.ts';
import { folder, publish, store, suitesOf } from './published.ts';

/** What is in the store has any form: another program, a later version or a stranger may have written it. */

const name = 'nightly';
let head: State;
let endpoint: FolderEndpoint;

/** Whether a failure is explained to the user as a fault of the store. */
const explained = async (work: () => Promise<unknown>): Promise<boolean> => {
  try {
    await work();
    return true;
  } catch (e) {
    if (environmentFault(e) === undefined) throw e;
    return false;
  }
};

function write(file: string, data: Buffer): void {
  const path = join(folder, 'store', file);
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, data);
}

/** All that commands do with a channel and its states before they write. */
async function readAll(): Promise<void> {
  const channel = await openChannel(store, name);
  await sweepRepository(store, name, endpoint, { graceDays: 0, now: Date.now(), dryRun: true });
  for (const { id } of channel.file.states) {
    const state = await readState(store, id);
    if (!state) continue;
    differenceOf(head, state);
    await judgePromotion(store, {
      from: channel,
      id,
      state,
      to: { ...channel, head },
      rules: defaultRules(),
      now: Date.now(),
      approvedBy: undefined,
      archives: undefined,
    });
  }
  for (const uri of channel.file.endpoints) await openEndpoint(uri, folder);
  await surveyStore({ store, now: Date.now(), days: 1, grace: 0 });
}

beforeAll(async () => {
  endpoint = new FolderEndpoint(join(folder, 'served'));
  await publish(name, await suitesOf([{ name: 'tool', version: '1.0' }]), endpoint, Date.now(), true);
  const { head: published } = await openChannel(store, name);
  if (!published) throw new Error('nothing was published');
  head = published;
});

it('a channel of any form is read, or its fault is explained, and it is never taken for an empty one', async () => {
  const { file } = await openChannel(store, name);
  for (const { path, value } of mutations(file)) {
    if (value === undefined) continue;
    write(channelFile(name), sealed(value));
    const read = await explained(readAll);
    if (read)
      expect((await openChannel(store, name)).file.states, path).toHaveLength(path.startsWith('/states') ? 0 : 1);
  }
  write(channelFile(name), sealed(file));
}, 120_000);

it('a state of any form is read, or counts as lost', async () => {
  const { file } = await openChannel(store, name);
  const full: State = {
    ...head,
    from: { channel: 'other', state: sha256('other') },
    tests: { 'bookworm-d/amd64': { tool: 'failed' } },
    verdicts: [{ criterion: 'age_hours', passed: true, reason: 'old enough' }],
    lock: Object.values(head.indices)[0],
  };
  // What people say may have several lines, and any length that a command line has.
  const said = stateText({ ...full, who: 'Ada\nLovelace', run: 'x\ny', forced: 'a\nb'.repeat(10_000) });
  write(said.name, said.data);
  expect(await readState(store, said.id)).toMatchObject({ who: 'Ada\nLovelace' });
  for (const { path, value } of each(11, mutations(full))) {
    if (typeof value !== 'object' || value === null) continue;
    const { id, name: at, data } = stateText(value as State);
    write(at, data);
    write(channelFile(name), sealed({ ...file, states: [{ id, when: 1, kind: 'publication' }, ...file.states] }));
    expect(await explained(readAll), path).toBe(true);
    rmSync(join(folder, 'store', at));
  }
  write(channelFile(name), sealed(file));
}, 300_000);

it('an index names only files of the pool', async () => {
  const entry = (filename: string) => `Package: a\nFilename: ${filename}\nSize: 1\nSHA256: ${sha256(filename)}\n\n`;
  const there = await store.putText('Packages', entry('pool/main/a/a/a.deb'));
  expect((await readIndex(store, there))?.entries).toHaveLength(1);
  for (const filename of ['../../../etc/x', '/etc/x', 'dists/x/InRelease', 'pool/../../x', 'pool//x'])
    expect(await readIndex(store, await store.putText('Packages', entry(filename))), filename).toBeUndefined();
});

it('an index of files that is no gzip file, or that never ends, counts as lost', async () => {
  expect(await readContentsIndex(store, await store.putText('Contents.gz', 'x'))).toBeUndefined();
  const endless = join(folder, 'endless.gz');
  writeFileSync(endless, gzipSync(Buffer.alloc(300 << 20), { level: 1 }));
  expect(await readContentsIndex(store, await store.put(endless))).toBeUndefined();
});

it('places that a channel names are checked before they are opened', async () => {
  for (const uri of ['s3://', 's3://UPPER', 'file:', 'ssh://a', 'file:a\u0000b', 'a@b:/x y'])
    await expect(openEndpoint(uri, folder), uri).rejects.toMatchObject({ code: 'ESTORE' });
  expect((await openEndpoint('file:/srv/100%', folder)).where).toBe('/srv/100%');
});

it('records of any form do not end a clean-up', async () => {
  const file = await store.putText('log', 'x');
  const digest = sha256('record');
  const record = { debs: [file], files: file, log: file, junit: file, tar: file, lists: file, archive: digest, digest };
  const kinds = ['tasks', 'tests', 'docs', 'sources', 'bases/shared', 'bases', 'runs/x/results'];
  for (const { value } of each(7, mutations(record))) {
    if (value === undefined) continue;
    for (const kind of kinds) write(`${kind}/${digest}.json`, sealed(value));
    write(`mirror/${digest.slice(0, 16)}/a_1.json`, sealed(value));
    await surveyStore({ store, now: Date.now(), days: 1, grace: 0 });
  }
}, 300_000);

it('an index of records of any form is an empty one', () => {
  for (const value of [
    null,
    1,
    [],
    { schema: 5 },
    { schema: 5, records: 1, tests: {} },
    { schema: 5, records: [null] },
  ])
    expect([...unpackIndex(gzipSync(sealed(value))).builds]).toEqual([]);
  expect([...unpackIndex(packIndex([], [])).tests]).toEqual([]);
});

it('the lock of a run and the base of machines are taken only in their form', async () => {
  for (const value of [null, 1, [], {}, { lock: 5 }]) {
    write(lockName('nightly'), sealed(value));
    const told = await withLock({ like: 'nightly' }, store, { locked: false } as never, folder, join(folder, 'state'));
    expect(told).toMatchObject({ notes: [{ code: 'channel-empty' }] });
  }
  const pointer = 'bases/shared/x.json';
  for (const value of [null, 1, {}, { digest: 1, archive: 2, made: 3 }, { digest: '../x', archive: '', made: 3 }]) {
    write(pointer, sealed(value));
    expect(await readShared(store, pointer)).toBeUndefined();
  }
});

it('an object of an untrusted run is used as it was verified, whatever its place holds later', async () => {
  const state = join(folder, 'untrusted-state');
  const untrusted = await openStore(`file:${join(folder, 'store')}`, folder, state, 'pr');
  const file = join(folder, 'thing.deb');
  writeFileSync(file, 'as it was');
  const stored = await untrusted.putKnown(file, sha256('as it was'));
  const place = join(folder, 'store/untrusted/pr/objects', stored.sha256.slice(0, 2), stored.sha256);
  const opened = await openStore(`file:${join(folder, 'store')}`, folder, state, 'pr');
  const target = join(folder, 'placed.deb');
  expect(await opened.place(stored, target)).toBe(true);
  const path = await opened.path(stored);
  writeFileSync(place, 'replaced!');
  for (const used of [file, target, path ?? '']) expect(readFileSync(used, 'utf8')).toBe('as it was');
  expect(statSync(path ?? '').mode & 0o7000).toBe(0);
  // Neither is one that has no end, or is none.
  rmSync(join(state, 'cache'), { recursive: true });
  for (const make of [() => truncateSync(place, 2 ** 40), () => execFileSync('mkfifo', [place])]) {
    make();
    const again = await openStore(`file:${join(folder, 'store')}`, folder, state, 'pr');
    expect(await explained(async () => expect(await again.path(stored)).toBeUndefined())).toBeDefined();
    rmSync(place);
  }
  expect(readdirSync(join(state, 'cache/objects', stored.sha256.slice(0, 2)))).toEqual([]);
});

it('what a bucket gives for an object has its name only if it is that object', async () => {
  const cache = join(folder, 'bucket-cache');
  const stored = { name: 'a', sha256: sha256('right'), size: 5 };
  const place = join(cache, stored.sha256.slice(0, 2));
  const written: string[] = [];
  const blobs = Object.assign(new FileBlobs(join(folder, 'bucket')), {
    local: () => undefined,
    fetch: (_: string, file: string) => {
      written.push(file);
      writeFileSync(file, 'wrong');
      return Promise.resolve(true);
    },
  });
  expect(await new Store(blobs, { cache }).path(stored)).toBeUndefined();
  expect(written).toHaveLength(2);
  expect(written).not.toContain(join(place, stored.sha256));
  expect(readdirSync(place)).toEqual([]);
});

it('a JSON text with millions of values counts as damaged before it takes the memory', () => {
  const text = (count: number) => Buffer.from(`{"x":[${'[],'.repeat(count)}[]],"long":"${'x'.repeat(20 << 20)}"}`);
  expect(parsed(text(1000))).toBeDefined();
  expect(parsed(text(9_000_000))).toBeUndefined();
});
