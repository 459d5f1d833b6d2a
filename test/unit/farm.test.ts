import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { prepareHarness } from '../jenkins/harness.mjs';
import { gitBackend } from '../e2e/git-backend.ts';
import { channelPart, runPolicyOf } from '../../ts-src/plan/branch-policy.ts';
import { usersOf } from '../../ts-src/plan/closure.ts';
import { parseManifest } from '../../ts-src/read/manifest/manifest.ts';
import { packedManifest } from '../../ts-src/read/manifest/packed-manifest.ts';
import { useGitCredentials } from '../../ts-src/read/git/credentials.ts';
import { jobNames } from '../../ts-src/render/jobs.ts';
import { parseResults } from '../../ts-src/inspect/test-results.ts';
import { distributionsIn, distributionsOf } from '../../ts-src/farm/run-distributions.ts';
import type { RunManifest } from '../../ts-src/farm/run-manifest.ts';
import { plainUrl } from '../../ts-src/farm/changed-repository.ts';
import type { Distro } from '../../ts-src/model/distro.ts';
import type { Manifest } from '../../ts-src/model/manifest.ts';
import type { DistributionInput, Plan, Scope } from '../../ts-src/model/plan.ts';
import { portOf } from '../port.mjs';
import { at, first } from '../../ts-src/model/lists.ts';
import { entry } from '../../ts-src/model/maps.ts';

const classPath = prepareHarness as () => Promise<string>;
const folder = mkdtempSync(join(tmpdir(), 'slipway-farm-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const bundle = join(__dirname, '../../resources/slipway.cjs');
const write = (path: string, text: string): void => {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), text);
};
const git = (cwd: string, ...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.org', ...args], {
    cwd: join(folder, cwd),
    encoding: 'utf8',
  });

describe('the policy of a ref', () => {
  const of = (ref: Parameters<typeof runPolicyOf>[1], tracks: unknown[] = [], primary?: boolean) => {
    const p = runPolicyOf({ tracks: tracks as never }, ref, primary);
    return [p.kind, p.channel, p.locked];
  };
  it('follows from its name, and from the tracks of the distro file', () => {
    expect(of({ branch: 'main' })).toEqual(['nightly', 'nightly', false]);
    expect(of({ branch: 'main' }, [], false)[0]).toBe('experiment');
    expect(of({ branch: 'devel' }, [], true)).toEqual(['nightly', 'nightly', false]);
    expect(of({ tag: 'v1.0' })).toEqual(['release', 'release/v1.0', true]);
    expect(of({ branch: 'main', request: '7' })).toEqual(['request', undefined, false]);
    const tracks = [{ branch: 'release/*', channel: 'candidate/{name}', locked: true, strict: true, keep: 3 }];
    expect(of({ branch: 'release/2' }, tracks)).toEqual(['experiment', `candidate/${channelPart('release/2')}`, true]);
    expect(of({ branch: 'released' }, tracks)[1]).toBe('experiment/released');
  });
  it("with a hostile name is one part of a channel's name; different refs never share one", () => {
    const names = ['a/b', 'a-b', 'A-b', '../../x', '..', '.x', '$(id)', 'a b', 'ä', ''];
    const parts = names.map(channelPart);
    expect(new Set(parts).size).toBe(names.length);
    for (const p of parts) expect(p).toMatch(/^(?!\.)(?!.*\.\.)[a-z0-9._-]*$/);
  });
});

it('a repository is recognized by all its addresses', () => {
  const all = [
    'https://example.org/team/robot.git',
    'http://user:secret@example.org/team/robot',
    'git@example.org:team/robot.git',
    'ssh://git@example.org:2222/team/robot.git/',
    'ssh://git@example.org/team/robot/',
  ];
  expect([...new Set(all.map(plainUrl))]).toEqual(['example.org/team/robot']);
});

it('packages rebuilt after a change are those that have the changed one in their build root', () => {
  const packages = [
    ['a', [], []],
    ['b', [], ['a']],
    ['c', ['b'], []],
    ['d', [], ['c']],
  ].map(([name, build, run]) => ({ name, build, run, test: [] }));
  expect(usersOf([{ packages } as unknown as Scope], new Set(['a', 'd']))).toEqual({ a: ['c'], d: [] });
});

it('an agent gets the whole manifest, parsed or cached', () => {
  const text =
    '<package format="3"><name>a</name><version>1.0.0</version><description>d</description><maintainer email="a@b.org">A</maintainer><license>BSD</license><depend>b</depend><export><build_type>cmake</build_type></export></package>';
  const read = parseManifest(text, 'a/package.xml');
  if (!read.ok) throw new Error('it is no manifest');
  const distro = { organization: 'acme', naming: { package: 'acme-{distribution}-{name}' } } as unknown as Distro;
  const plan = { scopes: [{ distribution: 'd', packages: [{ name: 'a' }] }] } as unknown as Plan;
  const given = [read.value, packedManifest.read(packedManifest.write(read.value))].map((manifest) => {
    const input: DistributionInput = {
      name: 'd',
      rosVersion: 2,
      pythonVersion: 3,
      repositories: ['r'],
      packages: new Map([
        [
          'a',
          {
            name: 'a',
            repository: 'r',
            manifest,
            file: 'a/package.xml',
            source: { url: 'file:///r', path: '' },
            released: '1.0.0-1',
          },
        ],
      ]),
    };
    const [got] = distributionsIn(
      JSON.parse(JSON.stringify(distributionsOf(plan, distro, [input]))) as RunManifest['distributions'],
    );
    const { manifest: m, ...rest } = { ...entry(got!.packages, 'a') };
    expect(rest).toEqual({
      name: 'a',
      repository: 'r',
      file: 'a/package.xml',
      source: { url: 'file:///r', path: '' },
      released: '1.0.0-1',
    });
    return Object.fromEntries(Object.keys(read.value).map((key) => [key, m[key as keyof Manifest]]));
  });
  expect(given).toEqual([read.value, read.value]);
});

describe('test results', () => {
  it('of every runner are read as cases; invalid or hostile files are not', () => {
    const gtest =
      '<testsuites tests="2"><testsuite name="S" tests="2"><testcase name="a" status="run" time="0.5" classname="S"/><testcase name="b" classname="S"><failure message="1 &lt; 2" type=""><![CDATA[text]]></failure></testcase></testsuite></testsuites>';
    expect(parseResults(gtest, 'x')!.map((c) => [c.suite, c.name, c.result, c.seconds])).toEqual([
      ['S', 'a', 'passed', 0.5],
      ['S', 'b', 'failed', 0],
    ]);
    const ctest =
      '<Site><Testing><TestList/><Test Status="passed"><Name>t</Name></Test><Test Status="failed"><Name>u</Name></Test><Test Status="notrun"><Name>v</Name></Test></Testing></Site>';
    expect(parseResults(ctest, 'x')!.map((c) => [c.name, c.result])).toEqual([
      ['t', 'passed'],
      ['u', 'failed'],
      ['v', expect.stringMatching(/failed|skipped/)],
    ]);
    expect(parseResults('<html/>', 'x')).toBeUndefined();
    expect(parseResults('<testsuite><testcase name="a">', 'x')).toBeUndefined();
    const bomb = `<!DOCTYPE t [<!ENTITY a "ha">${Array.from({ length: 20 }, (_, i) => `<!ENTITY a${i} "${`&a${i ? i - 1 : ''};`.repeat(10)}">`).join('')}]><testsuite><testcase name="&a19;"/></testsuite>`;
    const begun = Date.now();
    const read = parseResults(bomb, 'x');
    expect(Date.now() - begun).toBeLessThan(20_000);
    expect((read?.[0]?.name ?? '').length).toBeLessThan(1_000_000);
  });
});

describe('slipway jobs', () => {
  type Call = [string, ...(string | Call[])[]];
  const found = (calls: Call[], name: string): Call[] =>
    calls.flatMap((c) => [
      ...(c[0] === name ? [c] : []),
      ...c.slice(1).flatMap((a) => (Array.isArray(a) ? found(a, name) : [])),
    ]);
  /** Runs a script twice on a model of the plugins' reference. */
  const dsl = async (script: string, ...plugins: string[]) => {
    write('jobs/script.groovy', script);
    const reference = join(__dirname, '../jenkins/harness/jobdsl.txt');
    const args = ['-cp', await classPath(), 'Dsl', join(folder, 'jobs/script.groovy'), reference, plugins.join(',')];
    return spawnSync('java', args, { encoding: 'utf8' });
  };
  it('writes a job for each repository, whatever its name and address, as a script and as code; pull requests on the distro repository have their own', async () => {
    write(
      'jobs/distro.yaml',
      'organization: acme\ndistributions: {d: {platforms: [bookworm], repos: [a.repos], ros_version: 2}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\n',
    );
    write(
      'jobs/a.repos',
      'repositories:\n  core: {type: git, url: "https://github.com/acme/core.git", version: main}\n  tools: {type: git, url: "ssh://git@example.org/it\'s/${x}.git", version: main}\n',
    );
    const jobs = (...args: string[]) =>
      spawnSync('node', [bundle, 'jobs', '--distro-url', 'https://github.com/acme/distro.git#main', ...args], {
        cwd: join(folder, 'jobs'),
        encoding: 'utf8',
      });
    const script = jobs('--credentials', 'reader');
    expect(script.status, script.stderr).toBe(0);
    const seeded = await dsl(script.stdout, 'git', 'github-branch-source', 'folder-properties');
    expect(seeded.stderr).toBe('');
    const { calls: run, kept } = JSON.parse(seeded.stdout) as { calls: Call[]; kept: string[] };
    const made = found(run, 'multibranchPipelineJob');
    expect(made.map((j) => j[1])).toEqual(['acme/publish/distro', 'acme/distro-requests', 'acme/core', 'acme/tools']);
    // Credentials added after the first run are kept by the second.
    expect(kept).toEqual(['acme', 'acme/publish']);
    const traits = made.map((j) => found([j], 'traits').flatMap((t) => (t[1] as Call[]).map((c) => c[0])));
    expect(traits).toEqual([
      ['gitHubBranchDiscovery', 'gitHubTagDiscovery'],
      ['gitHubPullRequestDiscovery', 'gitHubForkDiscovery'],
      ['gitHubBranchDiscovery', 'gitHubTagDiscovery', 'gitHubPullRequestDiscovery', 'gitHubForkDiscovery'],
      ['gitBranchDiscovery', 'gitTagDiscovery'],
    ]);
    expect(new Set(found(run, 'id').map((c) => c[1])).size).toBe(4);
    expect(found(run, 'repositoryUrl').map((c) => c[1])).toEqual([
      'https://github.com/acme/distro',
      'https://github.com/acme/distro',
      'https://github.com/acme/core',
    ]);
    expect(found([at(made, 3)], 'remote')).toEqual([['remote', "ssh://git@example.org/it's/${x}.git"]]);
    const told = ['https://github.com/acme/distro.git#main', '/acme/publish/distro/main'];
    expect(found(run, 'stringProperty').map((p) => first(found([p], 'value'))[1])).toEqual(told);
    // Without the plugin for folder properties all jobs are created, and the folder's description says what to set.
    const plain = JSON.parse((await dsl(script.stdout, 'git', 'github-branch-source')).stdout) as { calls: Call[] };
    expect(found(plain.calls, 'multibranchPipelineJob')).toHaveLength(4);
    for (const value of told) expect(String(at(found(plain.calls, 'description'), 1)[1])).toContain(value);
    const lacking = await dsl(script.stdout.replace(/^ *repositoryUrl.*$/gm, ''), 'git', 'github-branch-source');
    expect(lacking.stderr).toContain('the following options are required and must be specified: repositoryUrl');
    const tags = jobs('--build-tags').stdout;
    expect((await dsl(tags, 'git', 'github-branch-source')).stderr).toContain('buildRegularBranches');
    const strategies = await dsl(tags, 'git', 'github-branch-source', 'basic-branch-build-strategies');
    expect(found((JSON.parse(strategies.stdout) as { calls: Call[] }).calls, 'buildTags')).toHaveLength(1);
    expect(script.stdout).toContain("credentialsId('reader')");
    // The farm's folder has its own job, and no other job changes.
    const farm = jobs('--credentials', 'reader', '--farm-url', 'https://github.com/acme/farm.git');
    expect(farm.stdout.startsWith(script.stdout.trimEnd())).toBe(true);
    const withFarm = await dsl(farm.stdout, 'git', 'github-branch-source', 'folder-properties');
    expect(withFarm.stderr).toBe('');
    const last = found((JSON.parse(withFarm.stdout) as { calls: Call[] }).calls, 'multibranchPipelineJob').at(-1);
    expect(last?.[1]).toBe('acme/agents-image');
    expect(last && found([last], 'repositoryUrl').map((c) => c[1])).toEqual(['https://github.com/acme/farm']);
    expect(jobs('--credentials', 'reader', '--farm-url', '').stdout).toBe(script.stdout);
    expect(jobs('--farm-url', 'https://git.example.org/a b').status).toBe(2);
    const casc = jobs('--format', 'casc');
    expect(casc.stdout).toMatch(/^jobs:\n/m);
    expect(jobs('--format', 'xml').status).toBe(2);
    expect(jobNames(['a/b', 'a-b', 'A-B', '..', 'distro'])).toEqual(['a-b', 'a-b-2', 'A-B-3', 'repository', 'distro']);
  });
});

describe('credentials of git', () => {
  it('are used for repositories that need a login, for their host only, and appear in no command line', async () => {
    write(
      'private/p/package.xml',
      '<package format="3"><name>p</name><version>1.0.0</version><description>d</description><maintainer email="a@b.org">m</maintainer><license>BSD</license></package>',
    );
    git('private', 'init', '-q', '-b', 'main');
    git('private', 'add', '-A');
    git('private', 'commit', '-qm', 'x');
    const seen: string[] = [];
    const server = createServer((request, response) => {
      seen.push(request.headers.authorization ?? 'none');
      if (request.headers.authorization !== `Basic ${Buffer.from('robot:top secret').toString('base64')}`) {
        response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        return;
      }
      gitBackend(folder, request, response);
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const host = `127.0.0.1:${portOf(server)}`;
    const remote = `http://${host}/private/.git`;
    const ls = (env: NodeJS.ProcessEnv) =>
      new Promise<{ code: number; text: string }>((resolve) => {
        const child = spawn('git', ['ls-remote', remote, 'main'], {
          env: { ...env, GIT_TERMINAL_PROMPT: '0', GIT_TRACE: '1' },
        });
        let text = '';
        child.stdout.on('data', (d: Buffer) => (text += d.toString()));
        child.stderr.on('data', (d: Buffer) => (text += d.toString()));
        child.on('close', (code) => resolve({ code: code ?? 1, text }));
      });
    try {
      expect((await ls(process.env)).code).not.toBe(0);
      const env: NodeJS.ProcessEnv = {
        ...process.env,
        SLIPWAY_GIT_0_HOST: host,
        SLIPWAY_GIT_0_USER: 'robot',
        SLIPWAY_GIT_0_PASSWORD: 'top secret',
      };
      useGitCredentials(env);
      const got = await ls(env);
      expect(got.code, got.text).toBe(0);
      expect(got.text).toMatch(/refs\/heads\/main/);
      expect(got.text).not.toContain('top secret');
      const other: NodeJS.ProcessEnv = {
        ...process.env,
        SLIPWAY_GIT_0_HOST: 'example.org',
        SLIPWAY_GIT_0_USER: 'robot',
        SLIPWAY_GIT_0_PASSWORD: 'top secret',
      };
      useGitCredentials(other);
      seen.length = 0;
      expect((await ls(other)).code).not.toBe(0);
      expect(seen.every((s) => s === 'none')).toBe(true);
      const hostile: NodeJS.ProcessEnv = { SLIPWAY_GIT_0_HOST: 'a;touch x', SLIPWAY_GIT_0_PASSWORD: 'p' };
      useGitCredentials(hostile);
      expect(hostile.GIT_CONFIG_COUNT).toBeUndefined();
    } finally {
      server.close();
      server.closeAllConnections();
    }
    expect(readFileSync(join(folder, 'private/.git/config'), 'utf8')).not.toContain('secret');
  });
});
