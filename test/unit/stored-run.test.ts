import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadRun } from '../../ts-src/farm/run-manifest.ts';
import { distroSchema } from '../../ts-src/model/distro.ts';
import { isRunManifest } from '../../ts-src/model/stored-run.ts';
import { parseManifest } from '../../ts-src/read/manifest/manifest.ts';
import { packedManifest } from '../../ts-src/read/manifest/packed-manifest.ts';
import { openStore } from '../../ts-src/store/open-store.ts';

const bundle = join(__dirname, '../../resources/slipway.cjs');
const folder = mkdtempSync(join(tmpdir(), 'slipway-stored-run-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const distro = distroSchema.parse({
  organization: 'acme',
  distributions: { tiny: { platforms: ['bookworm'], folders: ['src'], ros_version: 1 } },
  platforms: { bookworm: { os: 'debian', release: 'bookworm' } },
});
const read = parseManifest(
  `<package format="3"><name>a</name><version>1.0.0</version><description>d</description><maintainer email="a@b.org">m</maintainer><license>BSD</license><depend condition="$X == 1" version_gte="1">b</depend><export><build_type>cmake</build_type><x y="z"/></export></package>`,
  'package.xml',
);
if (!read.ok) throw new Error('it is no manifest');
const packed = packedManifest.write(read.value);
const target = '/usr/lib/tmpfiles.d/x.conf';
const planned = {
  name: 'a',
  repository: 'a',
  version: '1.0.0',
  buildType: 'cmake',
  source: { url: '/src', path: 'a', commit: '0'.repeat(40), tree: '0'.repeat(40) },
  debian: 'acme-tiny-a',
  why: { named: true },
  build: ['b'],
  run: ['b'],
  test: ['b'],
  tools: ['b'],
  systemBuild: ['zlib1g'],
  systemRun: ['zlib1g'],
  systemTest: ['zlib1g'],
  bounds: { b: ['(>= 1)'] },
  systemFiles: [{ path: 'x.conf', installed: false, target, link: { path: target, target: '../x' } }],
  depth: 0,
};
const manifest = {
  schema: 2,
  id: '20260101000000-01234567',
  plan: {
    schema: 'slipway-plan-1',
    organization: 'acme',
    stamp: '20260101000000',
    scopes: [
      {
        distribution: 'tiny',
        platform: 'bookworm',
        rosVersion: 1,
        prefix: '/opt/acme/tiny',
        underlayPrefixes: ['/opt/ros'],
        targets: [
          { platform: 'bookworm', os: 'debian', release: 'bookworm', architecture: 'amd64', variant: 'default' },
        ],
        packages: [
          { ...planned, name: 'b', debian: 'acme-tiny-b', build: [], run: [], test: [], tools: [], bounds: {} },
          planned,
        ],
      },
    ],
  },
  distro,
  files: { 'keys/a.asc': '' },
  distributions: [
    {
      name: 'tiny',
      rosVersion: 1,
      pythonVersion: 3,
      repositories: ['a'],
      packages: ['a', 'b'].map((name) => ({
        name,
        repository: 'a',
        manifest: packed,
        file: 'src/a/package.xml',
        source: { url: '/', path: 'a' },
      })),
      debian: ['acme-tiny-a'],
    },
  ],
  tested: [['a']],
  documentation: 'none',
  partial: false,
  faults: ['x'],
  pipeline: { kind: 'nightly', channel: 'nightly', locked: false, strict: false },
  title: 'main',
  users: { a: ['a'] },
  channel: { name: 'nightly', held: { tiny: { a: '1' } } },
  architectures: ['amd64'],
  begun: 1,
};

/** A value with one place replaced. */
function withPlace(value: unknown, [key, ...rest]: readonly string[], other: unknown): unknown {
  if (key === undefined) return other;
  if (typeof value !== 'object' || value === null) throw new Error(`there is no ${key}`);
  const changed = Object.entries(value).map(([k, v]: [string, unknown]): [string, unknown] => [
    k,
    k === key ? withPlace(v, rest, other) : v,
  ]);
  return Array.isArray(value) ? changed.map(([, v]) => v) : Object.fromEntries(changed);
}

/** All places of a value. */
const placesOf = (value: unknown, at: string[] = []): string[][] =>
  typeof value === 'object' && value !== null
    ? [at, ...Object.entries(value).flatMap(([key, inner]) => placesOf(inner, [...at, key]))]
    : [at];

describe("a run's manifest", () => {
  beforeAll(() => expect(isRunManifest(manifest)).toBe(true));

  it('has the form of its type in each place', () => {
    const free = /^(?:distro|plan\.schema)\b/;
    const taken = placesOf(manifest)
      .filter((path) => !free.test(path.join('.')))
      // No place holds both of these.
      .filter((path) => [1.5e300, [[null]]].some((other) => isRunManifest(withPlace(manifest, path, other))));
    expect(taken.map((path) => path.join('.'))).toEqual([]);
  });

  it('names no path that leads out of a root', () => {
    const scope = ['plan', 'scopes', '0'];
    const file = [...scope, 'packages', '1', 'systemFiles', '0'];
    const paths: [string[], string[]][] = [
      [
        [...scope, 'prefix'],
        ['/opt/../../etc', '/..', 'opt', '/opt//x', '/./x', '', '/', '/usr', '/etc/cron.d'],
      ],
      [
        [...scope, 'underlayPrefixes', '0'],
        ['/../x', 'x'],
      ],
      [
        [...file, 'target'],
        ['/etc/../root/x', '/.docker-image', '/root/.bashrc', 'x', '/usr/lib/tmpfiles.d//x'],
      ],
      [[...file, 'link', 'path'], ['/root/x']],
      [
        [...file, 'link', 'target'],
        ['/root/x', '../../x'],
      ],
      [
        [...file, 'path'],
        ['../x', '/x'],
      ],
    ];
    for (const [place, others] of paths)
      for (const other of others) expect(isRunManifest(withPlace(manifest, place, other)), other).toBe(false);
  });

  it('is loaded only if it is complete, and its distro.yaml valid', async () => {
    const where = `file:${join(folder, 'store')}`;
    let number = 0;
    const load = async (place: string[], other: unknown) => {
      const id = `20260101000000-${String(number++).padStart(8, '0')}`;
      const store = await openStore(where, folder, join(folder, 'state'), undefined);
      const changed = withPlace({ ...manifest, id }, place, other);
      await store.putBlob(`runs/${id}/bundle.gz`, gzipSync(JSON.stringify(changed)));
      return (await loadRun(id, where, folder, join(folder, 'state'), undefined)).ok;
    };
    expect(await load(['title'], 'main')).toBe(true);
    const scope = ['plan', 'scopes', '0'];
    const wrong: [string[], unknown][] = [
      [['distro', 'package_settings'], { a: { patches: ['../../etc/shadow'] } }],
      [['distro', 'platforms'], 1],
      [['distro', 'platforms'], { trixie: distro.platforms.bookworm }],
      [['distro', 'naming', 'prefix'], '/opt/../..'],
      [['distributions'], []],
      [['distributions', '0', 'packages'], []],
      [['distributions', '0', 'packages', '0', 'manifest'], '../..'],
      [['distributions', '0', 'packages', '0', 'manifest'], packed.replace('"name":"x"', '"name":1')],
      [[...scope, 'packages'], [planned]],
      [
        [...scope, 'packages'],
        [planned, planned],
      ],
      [[...scope, 'packages', '0', 'build'], ['b']],
      [[...scope, 'targets', '0', 'variant'], 'other'],
      [[...scope, 'packages', '0', 'buildType'], 'bazel'],
    ];
    for (const [place, other] of wrong) expect(await load(place, other), place.join('.')).toBe(false);
    // A package that can't be built costs no other one.
    const unbuilt = { ...planned, buildType: 'bazel', blocked: "its build type 'bazel' is unknown" };
    expect(await load([...scope, 'packages', '1'], unbuilt)).toBe(true);
  });

  it('of a namespace is trusted by no manifest, and has no copies in common with another run', async () => {
    const [where, state, id] = [`file:${join(folder, 'namespaces')}`, join(folder, 'state'), '20260101000000-aaaaaaaa'];
    const load = async (namespace: string | undefined) => {
      const loaded = await loadRun(id, where, folder, state, namespace);
      return loaded.ok ? [loaded.value.bundle.title, loaded.value.input.distroRoot] : [];
    };
    const put = async (namespace: string | undefined, change: object) => {
      const store = await openStore(where, folder, state, namespace);
      await store.putBlob(`runs/${id}/bundle.gz`, gzipSync(JSON.stringify({ ...manifest, id, ...change })));
    };
    await put('change', { untrusted: undefined, title: 'claims trust' });
    expect(await load('change')).toEqual([]);
    await put('other', { untrusted: 'other', title: 'of a change' });
    await put(undefined, { title: 'trusted' });
    const [untrusted, trusted] = [await load('other'), await load(undefined)];
    expect([untrusted[0], trusted[0]]).toEqual(['of a change', 'trusted']);
    expect(untrusted[1]).not.toBe(trusted[1]);
    await put('third', { untrusted: 'change' });
    expect(await load('third')).toEqual([]);
  });

  it('ends with a failure if a build failed, whatever kind its stored result has', async () => {
    const where = `file:${join(folder, 'reported')}`;
    const store = await openStore(where, folder, join(folder, 'state'), undefined);
    const scope = 'tiny/bookworm-amd64';
    const digest = '0'.repeat(64);
    const file = (name: string) => ({ name, sha256: digest, size: 1 });
    const base = { tar: file('base.tar.gz'), lists: file('lists.tar.gz'), packages: ['libc6=2.36'], made: 1 };
    await store.writeJson(`bases/${digest}-${digest.slice(0, 16)}.json`, base);
    const part = {
      schema: 1,
      architecture: 'amd64',
      first: 0,
      bases: { 'bookworm-amd64': { digest, archive: digest } },
      records: { [scope]: [null, null] },
      tests: { [scope]: [null, null] },
      // The last one is in no plan.
      tasks: [
        [scope, 0],
        [scope, 1],
        [scope, 7],
      ],
      results: {},
      seconds: [1, 1, 1],
      paths: [1, 1, 1],
    };
    await store.putBlob(`runs/${manifest.id}/bundle.gz`, gzipSync(JSON.stringify({ ...manifest, tested: [[]] })));
    await store.putBlob(`runs/${manifest.id}/part-amd64.gz`, gzipSync(JSON.stringify(part)));
    for (const [number, name] of ['b', 'a'].entries()) {
      const result = { id: `${scope}/${name}`, name, kind: 'docs', state: 'failed', reason: '' };
      await store.writeJson(`runs/${manifest.id}/results/${number}.json`, { schema: 1, result });
    }
    const args = ['report', '--run', manifest.id, '--store', where, '--state', join(folder, 'state')];
    const ran = spawnSync('node', [bundle, ...args, '--output', join(folder, 'report')], {
      cwd: folder,
      encoding: 'utf8',
    });
    expect(ran.stderr).toMatch(/^2 packages in .*: 2 stopped$/m);
    expect(ran.status).toBe(1);
  });
});
