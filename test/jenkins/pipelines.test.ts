import { execFileSync } from 'node:child_process';
import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { discard, example, mountsUnder, processesIn, shareState, slipway, sources } from '../e2e/helpers.ts';
import { jenkins as runJenkins } from './harness.mjs';
import { resultsIn, type Result } from '../results.ts';

interface Built {
  result: string;
  failure: string | null;
  description: string;
  steps: number;
  flowNodes: number;
  logBytes: number;
  programBytes: number;
  serialisations: number;
  junit: string[];
  log: string;
  home: string;
  trace: string;
  triggered: { job: string; wait: boolean; quietPeriod: number }[];
  mails: { to: string; subject: string }[];
  properties: Record<string, unknown>[];
}
const jenkins = runJenkins as (folder: string, name: string, build: Record<string, unknown>) => Promise<Built>;
const git = (cwd: string, ...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=Acme', '-c', 'user.email=robots@example.org', ...args], {
    cwd,
    encoding: 'utf8',
  });

/** A new secret key with the passphrase `open sesame`, as text. */
function signingKey(home: string): string {
  mkdirSync(home, { mode: 0o700, recursive: true });
  const gpg = (...args: string[]) =>
    execFileSync(
      'gpg',
      ['--homedir', home, '--batch', '--pinentry-mode', 'loopback', '--passphrase', 'open sesame', ...args],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    );
  gpg('--quick-generate-key', 'Acme releases', 'rsa3072', 'sign', 'never');
  const secret = gpg('--armor', '--export-secret-keys');
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  return secret;
}

/**
 * The example's distro repository and package repositories, and two agents that share nothing but the store. The
 * library is a folder's, in the sandbox, but where a build says `trusted`.
 */
describe("the pipelines on Jenkins' interpreter, in its sandbox, end to end", () => {
  let folder: string;
  let agents: { name: string; labels: string; env: Record<string, string> }[];
  /** Of every nightly here: where it publishes, and with what. */
  let publishes: string;
  let credentials: Record<string, unknown>;
  let count = 0;
  const distro = (build: Record<string, unknown>) => {
    const { env, ...rest } = build;
    return jenkins(folder, `${++count}`, {
      jenkinsfile: `distroPipeline(lanes: 2, ${publishes})`,
      credentials,
      scmUrl: join(folder, 'distro'),
      scmRef: 'refs/heads/main',
      job: 'distro',
      agents,
      env: { BRANCH_NAME: 'main', BRANCH_IS_PRIMARY: 'true', JOB_NAME: 'acme/distro/main', ...(env as object) },
      ...rest,
    });
  };
  const robot = (build: Record<string, unknown>) => {
    const { env, ...rest } = build;
    return jenkins(folder, `${++count}`, {
      jenkinsfile: 'packagePipeline(lanes: 2, quietPeriod: 60)',
      scmUrl: join(folder, 'distro/repositories/robot'),
      scmRef: 'refs/heads/main',
      job: 'robot',
      agents,
      env: {
        BRANCH_NAME: 'main',
        BRANCH_IS_PRIMARY: 'true',
        JOB_NAME: 'acme/robot/main',
        SLIPWAY_DISTRO: `${join(folder, 'distro')}#main`,
        SLIPWAY_DISTRO_JOB: '/acme/distro/main',
        ...(env as object),
      },
      ...rest,
    });
  };
  const resultsOf = (b: Built) => resultsIn(join(b.home, 'artifacts/slipway-report/result.json'));
  const built = (b: Built) =>
    resultsOf(b)
      .filter((t) => t.state === 'built')
      .map((t) => t.name)
      .sort();
  const good = (b: Built) => expect(b.result, `${b.failure}\n${b.trace}\n${b.log.slice(-4000)}`).toBe('SUCCESS');

  beforeAll(() => {
    const made = example('jenkins');
    folder = made;
    const d = join(folder, 'distro');
    mkdirSync(d);
    for (const f of readdirSync(folder))
      if (!['distro', '.slipway'].includes(f)) execFileSync('mv', [join(folder, f), d]);
    for (const name of ['mini', 'classic']) {
      const file = join(d, 'rosdistro', name, 'distribution.yaml');
      writeFileSync(file, readFileSync(file, 'utf8').replaceAll('./repositories', join(d, 'repositories')));
    }
    // One distribution is enough for most of this; its packages get tests.
    writeFileSync(
      join(d, 'distro.yaml'),
      readFileSync(join(d, 'distro.yaml'), 'utf8').replace(/ {2}classic:[^]*?\n(?=platforms:)/, '') +
        `store: file:${join(folder, 'store')}\n`,
    );
    const math = join(d, 'src/robot/acme_math');
    appendFileSync(
      join(math, 'CMakeLists.txt'),
      '\nif(BUILD_TESTING)\n  enable_testing()\n  add_executable(test_angle test/test_angle.cpp)\n  target_link_libraries(test_angle acme_math)\n  add_test(NAME angle COMMAND test_angle)\nendif()\n',
    );
    mkdirSync(join(math, 'test'));
    writeFileSync(
      join(math, 'test/test_angle.cpp'),
      '#include <acme_math/angle.hpp>\n#include <cmath>\nint main() { return std::fabs(acme_math::normalize(7.0) - 0.716814692820414) < 1e-9 ? 0 : 1; }\n',
    );
    sources(d);
    git(d, 'init', '-q', '-b', 'main', '.');
    writeFileSync(join(d, '.gitignore'), 'repositories\nsrc\n.slipway\n');
    git(d, 'add', '.');
    git(d, 'commit', '-qm', 'distro');
    agents = ['one', 'two'].map((name) => ({
      name,
      labels: 'slipway amd64 linux',
      // Each agent's user has a home of its own; the first agent alone has bases that other tests made.
      env: { XDG_STATE_HOME: join(folder, 'agents', name, 'home') },
    }));
    shareState(join(folder, 'agents/one/home/slipway'));
    publishes = `repository: '${join(folder, 'apt')}', signingKey: 'key', signingPassphrase: 'pass'`;
    credentials = { key: { content: signingKey(join(folder, 'gpg')) }, pass: { secret: 'open sesame' } };
  });
  afterAll(() => discard(folder));

  let first: Built;
  it('a nightly builds, tests and publishes everything over two agents; the program survives being written out at every step', async () => {
    first = await distro({});
    good(first);
    expect(first.description).toBe('main: 8 built, tests of 8 packages passed');
    expect(built(first)).toHaveLength(8);
    expect(first.serialisations).toBe(first.steps);
    expect(new Set(first.log.match(/^Running on \w+/gm))).toEqual(new Set(['Running on one', 'Running on two']));
    expect(
      readFileSync(join(first.home, 'junit/slipway-report/junit/mini/bookworm-amd64/acme_math.xml'), 'utf8'),
    ).toContain('<testcase classname="acme_math.angle" name="angle"');
    expect(JSON.stringify(first.properties)).toContain('H 1 * * *');
    expect(existsSync(join(folder, 'apt/nightly/apt/dists/bookworm-mini/InRelease'))).toBe(true);
    expect(first.log).toContain('fetching the base system of bookworm (amd64) from the store');
  });

  it('makes the same bytes as slipway build on a laptop', async () => {
    const lock = join(first.home, 'artifacts/slipway-report/lock.yaml');
    const d = join(folder, 'laptop');
    execFileSync('git', ['clone', '-q', join(folder, 'distro'), d]);
    writeFileSync(join(d, 'distro.yaml'), readFileSync(join(d, 'distro.yaml'), 'utf8').replace(/^store: .*$/m, ''));
    shareState(join(d, '.slipway'));
    const ran = await slipway(['build', '--lock', lock], d);
    expect(ran.code, ran.stderr).toBe(0);
    const bytes = (results: Result[]) =>
      Object.fromEntries(results.flatMap((r) => (r.debs ?? []).map((x) => [x.name, x.sha256])));
    expect(bytes(resultsIn(join(d, 'out/result.json')))).toEqual(bytes(resultsOf(first)));
  });

  it('a second nightly where nothing changed takes one agent, once', async () => {
    const b = await distro({ trusted: true });
    good(b);
    expect(b.description).toBe('main: 8 cached, tests of 8 packages passed');
    expect(b.log.match(/^Running on /gm)).toHaveLength(1);
  });

  it('builds a sample of a nightly once more, and compares every byte', async () => {
    const b = await distro({ jenkinsfile: `distroPipeline(lanes: 2, reproducible: 1, ${publishes})` });
    good(b);
    expect(b.description).toBe('main: 8 cached, tests of 8 packages passed');
    expect(b.log).toContain('built twice: 1 package, 1 equal to the byte');
    const told = readFileSync(join(b.home, 'artifacts/slipway-reproducible/reproducible.json'), 'utf8');
    expect(JSON.parse(told)).toMatchObject([{ id: 'mini/bookworm-amd64', state: 'equal', differences: [] }]);
  });

  it('an agent that knows nothing yet plans the same run: the base and every key are the same', async () => {
    const keys = (b: Built) => Object.fromEntries(resultsOf(b).map((t) => [t.id, t.key]));
    const b = await distro({
      agents: [{ name: 'three', labels: 'slipway amd64', env: { XDG_STATE_HOME: join(folder, 'agents/three/home') } }],
    });
    good(b);
    expect(b.description).toBe('main: 8 cached, tests of 8 packages passed');
    expect(b.log).not.toContain('making the base system');
    expect(keys(b)).toEqual(keys(first));
    // The state of an agent is one folder, outside its workspaces.
    expect(existsSync(join(folder, 'agents/three/home/slipway/bases'))).toBe(true);
    expect(execFileSync('find', [join(folder, 'agents/three/workspace'), '-name', 'bases'], { encoding: 'utf8' })).toBe(
      '',
    );
  });

  it('a commit in a package repository builds and tests it with the rest as in the last nightly, publishes nothing, and triggers the nightly, coalesced', async () => {
    appendFileSync(join(folder, 'distro/src/robot/acme_math/src/angle.cpp'), '// a change\n');
    sources(join(folder, 'distro'));
    const channel = readFileSync(join(folder, 'store/channels/nightly.json'), 'utf8');
    // The folder's properties say where the distro repository is, as `slipway jobs` writes them.
    const b = await robot({
      env: { SLIPWAY_DISTRO: '', SLIPWAY_DISTRO_JOB: '' },
      folderProperties: { SLIPWAY_DISTRO: `${join(folder, 'distro')}#main`, SLIPWAY_DISTRO_JOB: '/acme/distro/main' },
    });
    good(b);
    expect(built(b)).toEqual(['acme_math']);
    expect(
      resultsOf(b)
        .filter((t) => t.kind === 'test')
        .map((t) => t.name)
        .sort(),
    ).toEqual(['acme_drive', 'acme_math', 'acme_teleop']);
    expect(b.triggered).toEqual([{ job: '/acme/distro/main', wait: false, quietPeriod: 60 }]);
    expect(readFileSync(join(folder, 'store/channels/nightly.json'), 'utf8')).toBe(channel);
    // What a change built lies in a place of its own, and no trusted run takes it from there.
    expect(readdirSync(join(folder, 'store/untrusted')).length).toBe(1);
    const plan = await distro({ env: { BRANCH_NAME: 'main' } });
    good(plan);
    expect(built(plan)).toEqual(['acme_math']);
  });

  it('a pull request builds what is downstream too, and says that it broke what was good before', async () => {
    const repository = join(folder, 'distro/repositories/messages');
    git(repository, 'checkout', '-q', '-b', 'said');
    // A repository may say itself where its distro repository is, but not in a pull request.
    writeFileSync(join(repository, '.slipway-distro'), `${join(folder, 'distro')}#main\n`);
    git(repository, 'add', '.');
    git(repository, 'commit', '-qm', 'say it');
    git(repository, 'checkout', '-qb', 'break');
    const message = join(repository, 'acme_msgs/msg/Twist.msg');
    writeFileSync(message, readFileSync(message, 'utf8').replace('angular', 'turning'));
    writeFileSync(join(repository, '.slipway-distro'), 'https://stranger.example.org/distro.git\n');
    git(repository, 'commit', '-qam', 'rename');
    git(repository, 'checkout', '-q', 'main');
    const b = await robot({
      scmUrl: repository,
      scmRef: 'refs/heads/break',
      job: 'messages',
      env: { SLIPWAY_DISTRO: '', CHANGE_ID: '7', CHANGE_TARGET: 'said', BRANCH_NAME: 'PR-7', BRANCH_IS_PRIMARY: '' },
    });
    expect(b.result).toBe('FAILURE');
    expect(b.description).toContain('failed: acme_drive');
    expect(b.triggered).toEqual([]);
    expect(built(b)).toEqual(['acme_msgs']);
    expect(resultsOf(b).find((t) => t.name === 'acme_drive' && t.kind === 'build')!.state).toBe('failed');
    expect(b.log).toMatch(
      /FAILED mini\/bookworm-amd64\/acme_drive: .*\n {4}this change broke it: it was good in the last run without the change/,
    );
    expect(b.log).toMatch(/error: .*has no member named .angular/);
    expect(b.log).toMatch(
      /acme_msgs on bookworm amd64: this changes the ABI \(\S+ → \S+\); rebuilt for it: acme_drive(?:, \S+)*\n\d+ files? that others see differ/,
    );
    expect(b.description).toContain('ABI of acme_msgs changes');
  });

  it('a pull request on the distro repository shows the difference and publishes nothing', async () => {
    const d = join(folder, 'distro');
    git(d, 'checkout', '-q', '-b', 'settings');
    appendFileSync(join(d, 'distro.yaml'), 'package_settings:\n  acme_teleop: {environment: {TELEOP: "1"}}\n');
    git(d, 'commit', '-qam', 'settings');
    git(d, 'checkout', '-q', 'main');
    // It asks for a key that there is not: a run that bound it would fail.
    const b = await distro({
      jenkinsfile: 'distroPipeline(lanes: 2, signingKey: "none", repository: "/nowhere", publish: true)',
      scmRef: 'refs/heads/settings',
      env: { CHANGE_ID: '3', CHANGE_TARGET: 'main', BRANCH_NAME: 'PR-3', BRANCH_IS_PRIMARY: '' },
    });
    expect(b.log).toContain('what this changes:');
    expect(b.description).toMatch(/^pull request 3 into main: /);
    expect(b.log).not.toContain('{ (Publish)');
    expect(b.result, b.log).not.toBe('FAILURE');
  });

  it('a tag without a lock is refused with what to do; with one it is a release of its own channel', async () => {
    const d = join(folder, 'distro');
    git(d, 'tag', 'v1');
    const refused = await distro({
      scmRef: 'refs/tags/v1',
      env: { TAG_NAME: 'v1', BRANCH_NAME: 'v1', BRANCH_IS_PRIMARY: '' },
    });
    expect(refused.result).toBe('FAILURE');
    expect(refused.failure).toContain(
      'a tag is built from its committed lockfile, but there is no lock.yaml beside distro.yaml',
    );
    writeFileSync(join(d, 'lock.yaml'), readFileSync(join(first.home, 'artifacts/slipway-report/lock.yaml')));
    git(d, 'add', 'lock.yaml');
    git(d, 'commit', '-qm', 'lock');
    git(d, 'tag', 'v2');
    const b = await distro({
      scmRef: 'refs/tags/v2',
      env: { TAG_NAME: 'v2', BRANCH_NAME: 'v2', BRANCH_IS_PRIMARY: '' },
    });
    good(b);
    expect(b.description).toBe('v2: 8 cached, tests of 8 packages passed');
    expect(existsSync(join(folder, 'store/channels/release/v2.json'))).toBe(true);
    git(d, 'rm', '-q', 'lock.yaml');
    git(d, 'commit', '-qm', 'no lock');
  });

  it('an experiment branch goes into its own channel; a hostile name of it goes nowhere else', async () => {
    const d = join(folder, 'distro');
    const name = 'experiment/../..;touch $(id)';
    git(d, 'checkout', '-q', '-b', 'experiment');
    git(d, 'checkout', '-q', 'main');
    const b = await distro({ scmRef: 'refs/heads/experiment', env: { BRANCH_NAME: name, BRANCH_IS_PRIMARY: '' } });
    good(b);
    const channels = execFileSync('find', [join(folder, 'store/channels'), '-name', '*.json'], { encoding: 'utf8' });
    expect(channels).toMatch(/channels\/experiment\/experiment-[.-]+touch-id-+[0-9a-f]{6}\.json/);
  });

  const changeTool = (file: string, line: string) =>
    appendFileSync(join(folder, 'distro/src/bootstrap/ament_cmake_core', file), `${line}\n`);

  it('an agent that is killed in the middle of a task costs that task alone, which runs again elsewhere', async () => {
    appendFileSync(join(folder, 'distro/src/bootstrap/ament_package/setup.py'), '# a change of the build tool\n');
    changeTool('cmake/ament_cmake_coreConfig.cmake', 'set(ament_change 1)');
    // Jenkins shows a line up to seconds later: the task must still run then.
    changeTool('CMakeLists.txt', 'execute_process(COMMAND sleep 5)');
    sources(join(folder, 'distro'));
    const b = await distro({
      events: [{ when: 'building mini/bookworm-amd64/ament_cmake_core\n', wait: 300, do: 'kill-agent' }],
    });
    good(b);
    expect(b.log).toMatch(/Agent \w+ went away/);
    expect(b.log.match(/^building mini\/bookworm-amd64\/ament_cmake_core$/gm)).toHaveLength(2);
    expect(b.log.match(/^building mini\/bookworm-amd64\/acme_drive$/gm)).toHaveLength(1);
  });

  it('an agent that vanishes while it plans costs that plan alone', async () => {
    const b = await distro({ events: [{ when: '[Pipeline] sh\n', wait: 300, do: 'kill-agent' }] });
    good(b);
    expect(b.log).toMatch(/Agent \w+ went away/);
    expect(b.description).toBe('main: 8 cached, tests of 8 packages passed');
    expect(b.log.match(/^Running on \w+/gm)).toHaveLength(2);
  });

  it('a controller that is restarted in the middle goes on with what runs', async () => {
    changeTool('cmake/ament_cmake_coreConfig.cmake', 'set(ament_change 2)');
    sources(join(folder, 'distro'));
    const b = await distro({
      events: [
        { when: 'building mini/bookworm-amd64/ament_cmake_core\n', wait: 200, do: 'restart' },
        { when: 'building mini/bookworm-amd64/acme_math\n', do: 'restart' },
      ],
    });
    good(b);
    expect(b.log.match(/Resuming build after Jenkins restart/g)).toHaveLength(2);
    expect(b.log.match(/^building mini\/bookworm-amd64\/ament_cmake_core$/gm)).toHaveLength(1);
  });

  it('an abort stops the processes on the agents, leaves no mount, and loses nothing that was done', async () => {
    changeTool('cmake/ament_cmake_coreConfig.cmake', 'set(ament_change 3)');
    sources(join(folder, 'distro'));
    const b = await distro({
      events: [{ when: 'building mini/bookworm-amd64/ros_workspace\n', wait: 300, do: 'abort' }],
    });
    expect(b.result).toBe('ABORTED');
    expect(processesIn(folder)).toEqual([]);
    expect(mountsUnder(folder)).toEqual([]);
    const next = await distro({});
    good(next);
    expect(built(next)).not.toContain('ament_cmake_core');
  });

  it('an abort that comes while a lane is between two steps ends that lane too', async () => {
    changeTool('cmake/ament_cmake_coreConfig.cmake', 'set(ament_change 4)');
    appendFileSync(join(folder, 'distro/src/bootstrap/ros_workspace/CMakeLists.txt'), '# another\n');
    sources(join(folder, 'distro'));
    const b = await distro({
      events: [{ when: 'building mini/bookworm-amd64/ament_cmake_core\n', do: 'abort', sparing: true }],
    });
    expect(b.result).toBe('ABORTED');
    expect(b.log).not.toContain('building mini/bookworm-amd64/acme_drive');
    expect(processesIn(folder)).toEqual([]);
  });

  it("a publication signs with a key from Jenkins' credentials, which is in no log and no file that stays", async () => {
    const b = await distro({
      jenkinsfile: `distroPipeline(lanes: 1, signingKey: "key", signingPassphrase: "pass", repository: "${join(folder, 'signed')}")`,
    });
    good(b);
    expect(b.log).not.toContain('open sesame');
    const keys = join(folder, 'signed/nightly/apt/key.asc');
    expect(execFileSync('gpg', ['--show-keys', keys], { encoding: 'utf8' })).toContain('Acme releases');
    expect(
      execFileSync(
        'sh',
        [
          '-c',
          `grep -rl --exclude-dir=bases --exclude-dir=layers --exclude-dir=archives 'open sesame\\|BEGIN PGP PRIVATE KEY' ${folder}/agents ${folder}/store ${folder}/apt ${folder}/signed 2>/dev/null || true`,
        ],
        { encoding: 'utf8' },
      ),
    ).toBe('');
  });

  it('promotes what a nightly published, where the promotion is from its channel', async () => {
    const promote = "[[to: 'candidate/next', from: 'other'], [to: 'staging', approval: true]]";
    const b = await distro({
      jenkinsfile: `distroPipeline(lanes: 2, promote: ${promote}, ${publishes})`,
      approver: 'ada',
    });
    good(b);
    expect(existsSync(join(folder, 'apt/staging/apt/dists/bookworm-mini/InRelease')), b.log).toBe(true);
    expect(existsSync(join(folder, 'apt/candidate'))).toBe(false);
  });

  it('a run that would publish without a key, or to a folder of an agent, is refused before anything is built', async () => {
    const b = await distro({ jenkinsfile: 'distroPipeline(repository: "out")' });
    expect(b.result).toBe('FAILURE');
    expect(b.failure).toContain("this run publishes to 'out', which is another folder on each agent [publish-place]");
    expect(b.failure).toContain("this run publishes the channel 'nightly', and no signing key is named [publish-key]");
    expect(b.failure).toContain("distroPipeline(signingKey: 'ID')");
    expect(b.log).not.toContain('base system');
    good(await distro({ jenkinsfile: 'distroPipeline(publish: false)' }));
  });

  it('a run whose key does not sign is refused before anything is built, wherever it would be published', async () => {
    const source = join(folder, 'distro/src/robot/acme_math/src/angle.cpp');
    const before = readFileSync(source);
    appendFileSync(source, '// not to be published\n');
    sources(join(folder, 'distro'));
    for (const label of ['', ", publishLabel: 'linux'"]) {
      const b = await distro({
        jenkinsfile: `distroPipeline(lanes: 2, ${publishes}${label})`,
        credentials: { ...credentials, pass: { secret: 'wrong' } },
      });
      expect(b.result).toBe('FAILURE');
      expect(b.failure).toMatch(/gpg could not sign: .*\n.*the passphrase of the key is wrong or missing/);
      expect(b.description).toContain('planning failed');
      expect(b.log).not.toMatch(/^building /m);
      expect(b.log).not.toContain('{ (Build and test)');
    }
    writeFileSync(source, before);
    sources(join(folder, 'distro'));
  });

  it('says what is wrong where options or the distro repository are wrong', async () => {
    const unknown = await distro({ jenkinsfile: 'distroPipeline(lane: 2)' });
    expect(unknown.result).toBe('FAILURE');
    expect(unknown.failure).toContain("distroPipeline: unknown option 'lane'; did you mean 'lanes'?");
    const lost = await robot({ env: { SLIPWAY_DISTRO: '' } });
    expect(lost.failure).toContain('the distro repository of this package is not configured');
    const d = join(folder, 'distro');
    git(d, 'checkout', '-q', '-b', 'broken');
    writeFileSync(
      join(d, 'distro.yaml'),
      readFileSync(join(d, 'distro.yaml'), 'utf8').replace('organization:', 'organisation:'),
    );
    git(d, 'commit', '-qam', 'broken');
    git(d, 'checkout', '-q', 'main');
    const broken = await distro({ scmRef: 'refs/heads/broken', env: { BRANCH_NAME: 'broken', BRANCH_IS_PRIMARY: '' } });
    expect(broken.failure).toMatch(
      /slipway prepare: errors in the input, or a failed build:\n.*distro\.yaml:2: error: .*organisation/s,
    );
    rmSync(join(folder, 'laptop'), { recursive: true, force: true });
  });
});
