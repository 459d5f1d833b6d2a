import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { gitBackend } from '../e2e/git-backend.ts';
import { folder, bundle, write, git, manifest, slipway } from './sample-distro.ts';
import { portOf } from '../port.mjs';
import { packagesIn } from '../told-plan.ts';

describe('a repository on a server', () => {
  it('gets one request, sends only trees and manifests, and is given time if it asks for it', async () => {
    // Large data that plans do not need.
    write('core/big.bin', Array.from({ length: 40_000 }, (_, i) => (i * 2654435761) % 4294967296).join(''));
    git('core', 'add', '-A');
    git('core', 'commit', '-qm', 'big');
    git('core', 'config', 'uploadpack.allowFilter', 'true');
    let refusals = 2;
    const requests: string[] = [];
    const server = createServer((request, response) => {
      const url = new URL(request.url!, 'http://x');
      requests.push(`${request.method} ${url.pathname}`);
      if (refusals-- > 0) {
        response.writeHead(429).end('slow down');
        return;
      }
      gitBackend(folder, request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const port = portOf(server);
    write(
      'served/distro.yaml',
      'organization: acme\ndistributions: {d: {platforms: [bookworm], repos: [a.repos], ros_version: 2}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\nrosdep: [rosdep.yaml]\n',
    );
    write('served/rosdep.yaml', 'zlib: {debian: [zlib1g-dev]}\n');
    write(
      'served/a.repos',
      `repositories:\n  core: {type: git, url: "http://127.0.0.1:${port}/core/.git", version: main}\n`,
    );
    const plan = () =>
      new Promise<{ code: number; stderr: string; stdout: string }>((resolve) => {
        const child = spawn('node', [bundle, 'plan'], { cwd: join(folder, 'served') });
        let [stdout, stderr] = ['', ''];
        child.stdout.on('data', (d: Buffer) => (stdout += d.toString()));
        child.stderr.on('data', (d: Buffer) => (stderr += d.toString()));
        child.on('close', (code) => resolve({ code: code ?? 128, stdout, stderr }));
      });
    try {
      const first = await plan();
      expect([first.code, first.stdout.split('\n').length], first.stderr).toEqual([0, 4]);
      expect(first.stderr).toBe(
        `127.0.0.1:${port} allows no more requests for now: trying again in 2 s\n127.0.0.1:${port} allows no more requests for now: trying again in 8 s\n`,
      );
      const size = Number(
        execFileSync('du', ['-sk', join(folder, 'served/.slipway/git')], { encoding: 'utf8' }).split('\t')[0],
      );
      expect(size).toBeLessThan(300);
      requests.length = 0;
      expect((await plan()).code).toBe(0);
      // One ls-remote: the advertisement, and the requested refs.
      expect(requests).toEqual(['GET /core/.git/info/refs', 'POST /core/.git/git-upload-pack']);
    } finally {
      server.close();
    }
  });
});

it('a distribution of releases without a cache is read from its release repository, and cached', () => {
  for (const [name, body] of [
    ['base', ''],
    ['lib', '<depend>base</depend>\n'],
  ] as const) {
    write('core-release/package.xml', manifest(name, body, '0.9.0'));
    if (name === 'base') git('core-release', 'init', '-q', '-b', 'main');
    git('core-release', 'add', '-A');
    git('core-release', 'commit', '-qm', name);
    git('core-release', 'tag', `release/${name}/0.9.0-1`);
  }
  write(
    'distro/distro.yaml',
    readFileSync(join(folder, 'distro/distro.yaml'), 'utf8').replace(
      '{platforms: [bookworm]}',
      '{platforms: [bookworm], sources: release}',
    ),
  );
  const ran = slipway('plan', '--json');
  expect(ran.status, ran.stderr).toBe(0);
  expect(packagesIn(ran.stdout).map((p) => [p.name, p.version, p.source.ref, p.source.commit])).toEqual(
    ['base', 'lib'].map((n) => [
      n,
      '0.9.0',
      `release/${n}/0.9.0-1`,
      git('core-release', 'rev-parse', `release/${n}/0.9.0-1`),
    ]),
  );
  execFileSync('cp', ['-r', join(folder, 'core'), join(folder, 'mine')]);
  write('mine/lib/package.xml', manifest('lib', '', '5.0.0'));
  expect(slipway('plan', '--json', '--override', 'core=../mine').stdout).toContain('5.0.0');
  expect(slipway('lock', '-o', '../release.yaml').status).toBe(0);
  git('core-release', 'tag', '-d', 'release/lib/0.9.0-1');
  expect(slipway('plan').stderr).toContain("has no branch or tag 'release/lib/0.9.0-1' [source-ref]");
  const locked = slipway('plan', '--lock', '../release.yaml');
  expect([locked.status, locked.stdout.split('\n').length], locked.stderr).toEqual([0, 4]);
});

describe('the parse cache', () => {
  const cache = (versions: Record<string, string>): string => `distribution_file:
- repositories:
    all:
      release: {url: ../core-release, version: 1.0.0-1, packages: [${Object.keys(versions).join(', ')}], tags: {release: "r/{package}"}}
  type: distribution
  version: 2
name: d
release_package_xmls:
${Object.entries(versions)
  .map(
    ([n, v], i) =>
      `  ${n}: ${JSON.stringify(manifest(n, i ? `<depend>p${i - 1}</depend>\n<depend>zlib</depend>\n` : '', v))}`,
  )
  .join('\n')}
type: cache
version: 2
`;
  const versions = (changed: Record<string, string> = {}) => ({
    ...Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`p${i}`, '1.0.0'])),
    ...changed,
  });
  const plan = (where: string) =>
    spawnSync('node', [bundle, 'plan', '--json'], { cwd: join(folder, where), encoding: 'utf8' });
  const bytes = (ran: { stdout: string; stderr: string }) => [ran.stdout.replace(/"stamp":"\d+"/, ''), ran.stderr];
  const remembered = () => readdirSync(join(folder, 'remembering/.slipway/parsed')).sort();

  it('is not written without a state; else the next plan reads only changes, even if it is damaged', () => {
    const files = {
      'distro.yaml':
        'organization: acme\nindex: index-v4.yaml\ndistributions: {d: {platforms: [bookworm], sources: release, cache: cache.yaml}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\nrosdep: [rosdep.yaml]\n',
      'index-v4.yaml':
        'distributions:\n  d: {distribution: [d.yaml], distribution_type: ros2, python_version: 3}\ntype: index\nversion: 4\n',
      'rosdep.yaml': 'zlib: {debian: [zlib1g-dev]}\nother: {debian: [x]}\n',
    };
    for (const where of ['remembering', 'forgetting'])
      for (const [name, text] of Object.entries(files)) write(`${where}/${name}`, text);
    const both = (text: string) => {
      for (const where of ['remembering', 'forgetting']) write(`${where}/cache.yaml`, text);
      const [a, b] = [plan('remembering'), plan('forgetting')];
      expect(bytes(a)).toEqual(bytes(b));
      return a;
    };
    expect(both(cache(versions())).status).toBe(0);
    expect(existsSync(join(folder, 'remembering/.slipway'))).toBe(false);
    mkdirSync(join(folder, 'remembering/.slipway'));
    both(cache(versions()));
    expect(remembered()).toEqual([expect.stringMatching(/^cache-[0-9a-f]{16}$/), 'distro', 'index-d', 'rosdep']);
    expect(both(cache(versions())).status).toBe(0);
    expect(both(cache(versions({ p3: '2.0.0' }))).stdout).toContain('"version":"2.0.0"');
    both(cache(versions({ p8: '1.0.0' })));
    // A fault is reported each time, and no longer after it is fixed.
    expect(both(cache(versions({ p3: 'x' }))).stderr).toContain("version 'x' is not three numbers");
    expect(both(cache(versions({ p3: 'x' }))).stderr).toContain("version 'x' is not three numbers");
    expect(both(cache(versions())).status).toBe(0);
    for (const name of remembered()) {
      const path = join(folder, 'remembering/.slipway/parsed', name);
      writeFileSync(path, readFileSync(path).subarray(0, 40));
      expect(both(cache(versions({ p2: '1.5.0' }))).status).toBe(0);
      both(cache(versions()));
    }
    // Another program's cache is not used, even of the same version.
    const heads = () =>
      remembered().map(
        (name) => readFileSync(join(folder, 'remembering/.slipway/parsed', name), 'utf8').split('\n')[0],
      );
    const before = heads();
    const other = join(folder, 'other.cjs');
    const digest = /^\S+ ([0-9a-f]{64})$/.exec(before[0] ?? '')?.[1] ?? 'no digest';
    writeFileSync(other, readFileSync(bundle, 'utf8').replaceAll(digest, '0'.repeat(64)));
    spawnSync('node', [other, 'plan', '--json'], { cwd: join(folder, 'remembering') });
    for (const [i, head] of heads().entries()) expect(head).not.toBe(before[i]);
    write('remembering/rosdep.yaml', 'zlib: {debian: [zlib1g-dev, more]}\nother: {debian: [x]}\n');
    write('forgetting/rosdep.yaml', 'zlib: {debian: [zlib1g-dev, more]}\nother: {debian: [x]}\n');
    expect(both(cache(versions())).stdout).toContain('"more"');
  });
});
