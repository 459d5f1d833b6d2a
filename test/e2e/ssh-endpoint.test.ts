import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../ts-src/model/digest.ts';
import { rehearsePublication } from '../../ts-src/publish/rehearsal.ts';
import { sweepRepository } from '../../ts-src/publish/retention.ts';
import { SshEndpoint } from '../../ts-src/publish/ssh-endpoint.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import { makePublisher } from '../large/publish-driver.ts';
import { AptClient, makeDeb } from './apt-client.ts';
import { cache, execute, type Ran } from './helpers.ts';
import { makeKey, startSshHost, type SshHost } from './ssh-host.ts';

mkdirSync(cache, { recursive: true });
const folder = mkdtempSync(join(cache, 'ssh-'));
const driver = join(folder, 'driver.cjs');
const served = join(folder, 'srv/apt');
let host: SshHost;
let store: Awaited<ReturnType<typeof openStore>>;

beforeAll(async () => {
  host = await startSshHost(join(folder, 'sshd'));
  await makePublisher(folder);
  store = await openStore(`file:${join(folder, 'store')}`, folder, join(folder, 'state'), undefined);
  await listOf('one', '1.0');
  await listOf('two', '2.0');
});
afterAll(() => {
  host.stop();
  execFileSync('gpgconf', ['--homedir', join(folder, 'gpg'), '--kill', 'all']);
  rmSync(folder, { recursive: true, force: true });
});

/** A list for the driver: one package changes, the other does not. */
async function listOf(name: string, version: string): Promise<void> {
  const debs = [
    { name: 'tool', version },
    { name: 'same', version: '1.0' },
  ];
  const files = await Promise.all(debs.map((deb) => store.put(makeDeb(folder, deb))));
  writeFileSync(join(folder, `${name}.json`), JSON.stringify({ 'bookworm-d/amd64': files }));
}

const publish = (list: string, env: NodeJS.ProcessEnv = {}): Promise<Ran> =>
  execute(process.execPath, [driver, folder, 'c', join(folder, `${list}.json`), host.place(served)], { env });

/** The version of the tool that a new client gets from the host; tries every download. */
async function seen(): Promise<string> {
  const client = AptClient.below(folder);
  client.sources(
    `Types: deb\nURIs: file://${served}\nSuites: bookworm-d\nComponents: main\nSigned-By: ${served}/key.asc\n`,
  );
  const updated = await client.run('apt-get', 'update');
  expect(updated.code, updated.stderr).toBe(0);
  const got = await client.run('apt-get', 'install', '--download-only', 'tool', 'same');
  expect(got.code, got.stderr).toBe(0);
  return /Candidate: (\S+)/.exec((await client.run('apt-cache', 'policy', 'tool')).stdout)?.[1] ?? '';
}

/** Wrappers of `ssh` and `rsync` that kill their caller before or after the call with the given number. */
function killing(): string {
  const bin = join(folder, 'bin');
  mkdirSync(bin, { recursive: true });
  for (const program of ['ssh', 'rsync']) {
    writeFileSync(
      join(bin, program),
      `#!/bin/sh
# rsync's own ssh is a part of its call.
[ -z "$SLIPWAY_INSIDE" ] || exec /usr/bin/${program} "$@"
export SLIPWAY_INSIDE=1
echo . >> "$KILL_COUNT"
n=$(wc -l < "$KILL_COUNT")
if [ "$n" -eq $((KILL_AT / 2)) ] && [ $((KILL_AT % 2)) -eq 0 ]; then kill -9 $PPID; exit 1; fi
/usr/bin/${program} "$@"
code=$?
if [ "$n" -eq $((KILL_AT / 2)) ]; then kill -9 $PPID; fi
exit $code
`,
    );
    chmodSync(join(bin, program), 0o755);
  }
  return bin;
}

/** Number of kills, spread over all calls: `npm run e2e:publish` tries all. */
const kills = Number(process.env.SLIPWAY_KILLS ?? '4');

describe('a repository of a host that is reached by ssh', () => {
  it('serves apt, and stays unchanged when the same is published again', async () => {
    expect(await publish('one')).toMatchObject({ code: 0 });
    expect(await seen()).toBe('1.0');
    const before = readFileSync(join(served, 'dists/bookworm-d/InRelease'), 'utf8');
    expect(await publish('one')).toMatchObject({ code: 0 });
    expect(readFileSync(join(served, 'dists/bookworm-d/InRelease'), 'utf8')).toBe(before);
    expect(readdirSync(join(served, 'dists/states'))).toHaveLength(1);
    expect(readdirSync(join(served, '.slipway/incoming'))).toEqual([]);
  });

  it('is consistent after a kill at any call, and the next run finishes', async () => {
    const kept = join(folder, 'kept');
    const parts = ['store', 'srv'];
    for (const part of parts) cpSync(join(folder, part), join(kept, part), { recursive: true });
    const bin = killing();
    const count = join(folder, 'count');
    const killedAt = (at: number) =>
      publish('two', { PATH: `${bin}:${process.env.PATH}`, KILL_AT: String(at), KILL_COUNT: count });
    const restore = () => {
      for (const part of parts) {
        rmSync(join(folder, part), { recursive: true });
        cpSync(join(kept, part), join(folder, part), { recursive: true });
      }
      rmSync(count, { force: true });
    };
    expect(await killedAt(0)).toMatchObject({ code: 0 });
    const calls = readFileSync(count, 'utf8').trim().split('\n').length;
    const every = Math.max(1, Math.floor((2 * calls) / kills));
    let [tried, killed] = [0, 0];
    for (let at = 2; at <= 2 * calls + 1; at += every) {
      restore();
      tried++;
      if ((await killedAt(at)).code !== 0) killed++;
      expect(['1.0', '2.0']).toContain(await seen());
      const next = await publish('two');
      expect(next.code, next.stderr).toBe(0);
      expect(await seen()).toBe('2.0');
    }
    restore();
    // Killing after the last call, or while the lock is released, does not undo the publication.
    expect(killed).toBeGreaterThan(tried / 2);
  }, 3_600_000);

  it('lets one of two writers win, and overwrites nothing', async () => {
    const [a, b] = [new SshEndpoint(host.place(served)), new SshEndpoint(host.place(served))];
    const first = await a.read('dists/bookworm-d/InRelease');
    const written = await Promise.all([
      a.replace('dists/race', Buffer.from('a'), undefined),
      b.replace('dists/race', Buffer.from('b'), undefined),
    ]);
    expect(written.filter(Boolean)).toHaveLength(1);
    expect(await a.replace('dists/bookworm-d/InRelease', Buffer.from('x'), 'stale')).toBe(false);
    expect((await b.read('dists/bookworm-d/InRelease'))?.tag).toBe(first?.tag);
    const data = Buffer.from('other bytes, and more of them');
    const pool = 'pool/main/o/other/other_1.0_amd64.deb';
    const file = { name: pool, data, sha256: sha256(data) };
    expect(await a.placeAll([file])).toEqual(['written']);
    expect(await b.placeAll([file])).toEqual(['there']);
    const changed = Buffer.from('other bytes, but not the same');
    expect(await b.placeAll([{ name: pool, data: changed, sha256: sha256(changed) }])).toEqual(['other']);
    expect(readFileSync(join(served, pool), 'utf8')).toBe(data.toString());
    expect(await a.read('nothing/of the kind')).toBeUndefined();
    // As after a kill: the name is a link to the file already.
    const again = { name: 'dists/again', data, like: pool };
    for (const _ of [1, 2]) await a.putAll([again]);
    expect((await a.read('dists/again'))?.data.toString()).toBe(data.toString());
  });

  it('keeps publications of the host itself and others apart, and is cleaned up', async () => {
    const order: string[] = [];
    const [a, b] = [new SshEndpoint(host.place(served)), new SshEndpoint(host.place(served))];
    const one = a.during('publication', async () => {
      order.push('a begins');
      await new Promise((resolve) => setTimeout(resolve, 1500));
      order.push('a ends');
    });
    await new Promise((resolve) => setTimeout(resolve, 1000));
    await Promise.all([one, b.during('clean-up', () => Promise.resolve(order.push('b')))]);
    expect(order).toEqual(['a begins', 'a ends', 'b']);
    expect(await publish('two')).toMatchObject({ code: 0 });
    const orphan = join(served, 'pool/main/o/orphan');
    mkdirSync(orphan, { recursive: true });
    writeFileSync(join(orphan, 'orphan_1.0_amd64.deb'), 'x');
    const swept = await sweepRepository(store, 'c', a, { graceDays: 0, now: Date.now(), dryRun: false });
    expect(swept?.removed.map((r) => r.name)).toContain('pool/main/o/orphan/orphan_1.0_amd64.deb');
    expect(existsSync(orphan)).toBe(false);
    expect(await seen()).toBe('2.0');
  });
});

describe("a host that can't be published to", () => {
  const key = { kind: 'keyring' as const, home: join(folder, 'gpg'), keys: ['acme'] };
  const told = async (uri: string): Promise<string> =>
    (await rehearsePublication(key, [new SshEndpoint(uri)], Date.now())).map((d) => d.message).join('\n');

  it('is reported before anything is built, with the reason', async () => {
    makeKey(join(folder, 'stranger'));
    const place = host.place(served);
    expect(await told(place)).toBe('');
    expect(await told(place.replace(/key=[^&]+/, `key=${join(folder, 'stranger')}`))).toContain('refuses the key');
    expect(await told(place.replace(/:\d+\//, ':1/'))).toContain('nothing answers at that port');
    expect(await told(place.replace(/known_hosts=.*/, 'known_hosts=/dev/null'))).toContain(
      "the host's key is not known",
    );
    expect(await told(place.replace('127.0.0.1', 'no-such-host.invalid'))).toContain(
      'the name of the host is not known',
    );
  });

  it('lacks rsync', async () => {
    const bin = join(folder, 'poor');
    mkdirSync(bin);
    for (const program of ['sh', 'flock', 'sha256sum', 'stat', 'find', 'mkdir'])
      execFileSync('ln', ['-s', `/usr/bin/${program}`, bin]);
    const poor = await startSshHost(join(folder, 'poor-sshd'), `PATH=${bin}`);
    try {
      expect(await told(poor.place(join(folder, 'poor-apt')))).toContain('the host lacks rsync');
    } finally {
      poor.stop();
    }
  });
});
