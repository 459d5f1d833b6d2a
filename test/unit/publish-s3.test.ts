import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { moveChannel } from '../../ts-src/publish/publication.ts';
import { sweepRepository } from '../../ts-src/publish/retention.ts';
import { S3Endpoint } from '../../ts-src/publish/s3-endpoint.ts';
import { withSigner } from '../../ts-src/publish/signing.ts';
import { openChannel } from '../../ts-src/publish/state.ts';
import type { Suites } from '../../ts-src/publish/suites.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import type { Store } from '../../ts-src/store/store.ts';
import { AptClient, makeDeb, type MadeDeb } from '../e2e/apt-client.ts';
import { s3Server } from '../e2e/s3.mjs';

const folder = mkdtempSync(join(tmpdir(), 'slipway-publish-s3-'));
const home = join(folder, 'gpg');
interface Server {
  erring: number;
  requests: number;
  endpoint: string;
  direct: string;
  stop: () => void;
}
let server: Server;
let store: Store;
beforeAll(async () => {
  mkdirSync(home, { mode: 0o700 });
  const gpg = ['--batch', '--homedir', home, '--pinentry-mode', 'loopback', '--passphrase', ''];
  execFileSync('gpg', [...gpg, '--quick-generate-key', 'acme', 'rsa2048', 'sign', 'never'], { stdio: 'ignore' });
  server = await s3Server();
  // Readers of a repository have no credentials.
  const statement = { Effect: 'Allow', Principal: '*', Action: 's3:GetObject', Resource: 'arn:aws:s3:::bucket/*' };
  const policy = await fetch(`${server.direct}/bucket?policy`, {
    method: 'PUT',
    headers: { authorization: 'AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request' },
    body: JSON.stringify({ Version: '2012-10-17', Statement: [statement] }),
  });
  expect(policy.ok).toBe(true);
  store = await openStore('file:store', folder, join(folder, 'state'), undefined);
});
afterAll(() => {
  server.stop();
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  rmSync(folder, { recursive: true, force: true });
});

async function suitesOf(debs: MadeDeb[]): Promise<Suites> {
  const suites: Suites = {};
  for (const deb of debs) {
    const file = await store.put(makeDeb(folder, deb));
    (suites['bookworm-d/amd64'] ??= {})[deb.name] = {
      version: deb.version,
      key: file.sha256,
      files: [file],
      abi: '',
      requires: [],
    };
  }
  return suites;
}

const endpointAt = (name: string) => new S3Endpoint(`s3://bucket/${name}/apt?endpoint=${server.endpoint}`, process.env);

async function publish(name: string, suites: Suites, channel?: Awaited<ReturnType<typeof openChannel>>) {
  const read = channel ?? (await openChannel(store, name));
  return withSigner({ kind: 'keyring', home, keys: ['acme'] }, (signer) =>
    moveChannel(
      read,
      { kind: 'publication', suites, tests: {}, stamp: '20260101000000', who: 'me', verdicts: [] },
      {
        store,
        endpoints: [endpointAt(name)],
        signer,
        settings: { organization: 'acme', sha512: false, validDays: undefined },
        now: Date.now(),
      },
    ),
  );
}

async function client(name: string): Promise<AptClient> {
  const made = AptClient.below(folder);
  const key = (await endpointAt(name).read('key.asc'))!.data.toString('utf8');
  const inline = key
    .trim()
    .split('\n')
    .map((l) => ` ${l.trim() || '.'}`)
    .join('\n');
  made.sources(
    `Types: deb\nURIs: ${server.direct}/bucket/${name}/apt\nSuites: bookworm-d\nComponents: main\nSigned-By:\n${inline}\n`,
  );
  return made;
}

async function installs(of: AptClient, name: string): Promise<void> {
  const update = await of.run('apt-get', 'update');
  expect(update.code, update.stderr).toBe(0);
  const got = await of.run('apt-get', 'install', '--download-only', name);
  expect(got.code, got.stderr).toBe(0);
}

describe('a channel in a bucket', () => {
  for (const rate of [0, 0.3]) {
    it(`is what apt takes, with cache headers, where ${rate * 100} % of the answers are errors`, async () => {
      server.erring = rate;
      const name = `errors-${rate * 100}`;
      expect(await publish(name, await suitesOf([{ name: 'tool', version: '1.0' }]))).toMatchObject({ ok: true });
      const second = [
        { name: 'tool', version: '2.0' },
        { name: 'more', version: '1.0' },
      ];
      expect(await publish(name, await suitesOf(second))).toMatchObject({ ok: true, value: { lost: [] } });
      server.erring = 0;
      const robot = await client(name);
      await installs(robot, 'tool');
      const cache = async (path: string) =>
        (await fetch(`${server.direct}/bucket/${name}/apt/${path}`)).headers.get('cache-control');
      expect(await cache('dists/bookworm-d/InRelease')).toBe('public, max-age=60, must-revalidate');
      expect(await cache('pool/main/t/tool/tool_1.0_amd64.deb')).toBe('public, max-age=31536000, immutable');
    });
  }

  it('needs few requests for small changes, and never lists the bucket', async () => {
    const many = Array.from({ length: 20 }, (_, i) => ({ name: `p${i}`, version: '1.0' }));
    await publish('little', await suitesOf(many));
    const before = server.requests;
    await publish('little', await suitesOf([...many.slice(1), { name: 'p0', version: '2.0' }]));
    expect(server.requests - before).toBeLessThan(40);
  });

  it('refuses a second writer, and readers do not notice', async () => {
    await publish('two', await suitesOf([{ name: 'tool', version: '1.0' }]));
    const read = await openChannel(store, 'two');
    const [a, b] = await Promise.all([
      publish('two', await suitesOf([{ name: 'tool', version: '2.0' }]), read),
      publish('two', await suitesOf([{ name: 'tool', version: '3.0' }]), read),
    ]);
    expect([a.ok, b.ok].sort()).toEqual([false, true]);
    expect([...a.diagnostics, ...b.diagnostics]).toMatchObject([{ code: 'channel-moved' }]);
    await installs(await client('two'), 'tool');
  });

  it('is cleaned up after the grace period, except during a publication', async () => {
    await publish('swept', await suitesOf([{ name: 'tool', version: '1.0' }]));
    const endpoint = endpointAt('swept');
    await endpoint.put('pool/main/s/stranger.deb', Buffer.from('x'));
    expect(
      await endpoint.during('publication', () =>
        sweepRepository(store, 'swept', endpointAt('swept'), { graceDays: 0, now: 0, dryRun: false }),
      ),
    ).toBeUndefined();
    const now = Date.now();
    expect(await sweepRepository(store, 'swept', endpoint, { graceDays: 7, now, dryRun: false })).toMatchObject({
      removed: [],
      waiting: 1,
    });
    const later = await sweepRepository(store, 'swept', endpoint, {
      graceDays: 7,
      now: now + 8 * 86_400_000,
      dryRun: false,
    });
    expect(later!.removed.map((f) => f.name)).toEqual(['pool/main/s/stranger.deb']);
    await installs(await client('swept'), 'tool');
  });
});
