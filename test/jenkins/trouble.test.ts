import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { discard, processesIn, root, shareState, workspace } from '../e2e/helpers.ts';
import { writeTiny, writeTinyPackage, type Tiny } from '../e2e/tiny.ts';
import { exclusively as runExclusively } from '../mutex.mjs';
import { cache } from '../setup.mjs';
import { jenkins as runJenkins } from './harness.mjs';
import { resultsIn } from '../results.ts';

interface Built {
  result: string;
  failure?: string | null;
  description?: string;
  log: string;
  home: string;
  trace: string;
  mails: { to: string; subject: string; body: string }[];
  properties: Record<string, unknown>[];
}
const jenkins = runJenkins as (folder: string, name: string, build: Record<string, unknown>) => Promise<Built>;
const exclusively = runExclusively as <T>(name: string, body: () => T) => Promise<T>;

/** A folder with every command of this machine except node. */
function withoutNode(folder: string): string {
  mkdirSync(folder);
  for (const bin of ['/usr/bin', '/usr/sbin'])
    for (const name of readdirSync(bin))
      if (!/^node(js)?$/.test(name) && !existsSync(join(folder, name)))
        symlinkSync(join(bin, name), join(folder, name));
  return folder;
}

/** A folder with a node that is too old, such as Debian 11's. */
const oldNode = (): Promise<string> =>
  exclusively(join(cache, 'node-12.lock'), () => {
    const folder = join(cache, 'node-12');
    const bin = join(folder, 'package/bin');
    if (!existsSync(join(bin, 'node'))) {
      mkdirSync(folder, { recursive: true });
      execFileSync('npm', ['pack', '--silent', `node-linux-${process.arch}@12.22.12`], { cwd: folder });
      execFileSync('tar', ['-xzf', `node-linux-${process.arch}-12.22.12.tgz`, 'package/bin/node'], { cwd: folder });
    }
    return bin;
  });

const tiny = {
  base: {},
  slow: { manifest: '<depend>base</depend>', cmake: 'execute_process(COMMAND sleep 2)' },
  user: { manifest: '<depend>slow</depend>' },
} satisfies Record<string, Tiny>;

describe('a farm with failures', () => {
  let folder: string;
  let distro: string;
  let agents: Record<string, { name: string; env: Record<string, string> }>;
  let count = 0;
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Acme', '-c', 'user.email=robots@example.org', ...args], { cwd: distro });
  /** Updates the distro repository's packages. */
  const change = (packages: Record<string, Tiny>) => {
    for (const [name, part] of Object.entries(packages)) writeTinyPackage(distro, name, part);
    git('add', '-A');
    git('commit', '-qm', 'change');
  };
  const run = (options: string, labels: Record<string, string>, build: Record<string, unknown> = {}) =>
    jenkins(folder, `${++count}`, {
      jenkinsfile: `distroPipeline([publish: false, label: 'planner', labels: ['*': 'slipway'], lanes: 2, ${options}])`,
      scmUrl: distro,
      scmRef: 'refs/heads/main',
      job: 'tiny',
      agents: Object.entries(labels).map(([name, label]) => ({ ...agents[name], labels: label })),
      env: { BRANCH_NAME: 'main', BRANCH_IS_PRIMARY: 'true', JOB_NAME: 'acme/tiny/main' },
      ...build,
    });
  const inReport = (b: Built, name: string) => readFileSync(join(b.home, 'artifacts/slipway-report', name), 'utf8');
  const results = (b: Built) => resultsIn(join(b.home, 'artifacts/slipway-report/result.json'));
  const said = (b: Built) => `${b.failure}\n${b.trace}\n${b.log.slice(-4000)}`;
  /** Failures in JUnit by package. */
  const cases = (b: Built) => {
    const files = readdirSync(join(b.home, 'junit/slipway-report/junit'), { recursive: true, encoding: 'utf8' });
    const text = files
      .filter((f) => f.endsWith('.xml'))
      .map((f) => readFileSync(join(b.home, 'junit/slipway-report/junit', f), 'utf8'))
      .join('\n');
    const names = Object.keys(tiny).filter((name) =>
      text.includes(`<testcase classname="tiny.bookworm-amd64.${name}" name="build"`),
    );
    return { names, failures: (text.match(/<failure/g) ?? []).length };
  };
  const tell = 'notify: { f -> echo("told ${f.name} ${f.state}: ${f.description} ${f.failed}") }';

  beforeAll(async () => {
    folder = workspace('trouble');
    distro = join(folder, 'distro');
    mkdirSync(distro);
    writeTiny(distro, tiny, `store: file:${join(folder, 'store')}\n`);
    writeFileSync(join(distro, '.gitignore'), '.slipway\n');
    git('init', '-q', '-b', 'main', '.');
    git('add', '.');
    git('commit', '-qm', 'distro');
    const path = process.env.PATH ?? '';
    const paths = {
      good: path,
      leaving: path,
      nonode: withoutNode(join(folder, 'bin')),
      old: `${await oldNode()}:${path}`,
    };
    agents = {};
    for (const [name, bin] of Object.entries(paths)) {
      const home = join(folder, 'agents', name, 'home');
      agents[name] = {
        name,
        env: { XDG_STATE_HOME: home, PATH: bin, SLIPWAY_DRAIN_FILE: join(folder, `${name}.drain`) },
      };
      shareState(join(home, 'slipway'));
    }
    writeFileSync(join(folder, 'leaving.drain'), '');
  });
  afterAll(() => discard(folder));

  let durability: string;
  it('avoids and names agents without node or with an old one; the run succeeds', async () => {
    const b = await run(
      tell,
      { old: 'planner slipway', nonode: 'slipway', good: 'planner slipway' },
      { previous: 'FAILURE' },
    );
    expect(b.result, said(b)).toBe('SUCCESS');
    expect(b.log).toMatch(
      /slipway: the agent old is avoided for the rest of this run: .*too old: 18\.19 or later is needed/,
    );
    expect(b.log).toContain(
      'slipway: the agent nonode is avoided for the rest of this run: Node.js is not installed: apt-get install nodejs',
    );
    expect(b.description).toBe('main: 3 built, tests of 3 packages passed, agent nonode avoided, agent old avoided');
    expect(inReport(b, 'report.html')).toContain('the agent nonode got no more tasks: Node.js is not installed');
    expect(b.log.match(/^building /gm)).toHaveLength(3);
    // Every package has a case, even without tests.
    expect(cases(b)).toEqual({ names: ['base', 'slow', 'user'], failures: 0 });
    expect(b.log).toContain('told tiny #1 fixed: main: 3 built');
    const hint = b.properties.find((p) => p.$symbol === 'durabilityHint');
    durability = String(hint?.hint);
    expect(durability).toBe('SURVIVABLE_NONATOMIC');
    const discarder = b.properties.find((p) => p.$symbol === 'buildDiscarder');
    expect(discarder?.strategy).toMatchObject({ $symbol: 'logRotator', numToKeepStr: '30' });
  });

  it('ends the run within the set time if no good agent is left, and says so', async () => {
    change({ user: { ...tiny.user, version: '1.0.1' } });
    const b = await run('agentMinutes: 1', { good: 'planner', nonode: 'slipway', old: 'slipway' }, { speed: 30 });
    const end = 'no agent for slipway was available within 1 minutes, except those that are avoided';
    expect(b.result, said(b)).toBe('FAILURE');
    expect(b.log).toContain(`slipway: ${end}`);
    expect(b.description).toContain(`ended early: ${end}`);
    expect(inReport(b, 'report.html')).toContain(`the run ended before all was done: ${end}`);
    expect(results(b).find((t) => t.name === 'user')).toMatchObject({ state: 'stopped', reason: end });
    expect(cases(b).names).toEqual(['base', 'slow', 'user']);
  });

  it('a run that exceeds `hours` ends with report, description and mail', async () => {
    change({ user: { ...tiny.user, cmake: 'execute_process(COMMAND sleep 600)' } });
    const b = await run(
      "hours: 1, notify: 'robots@example.org'",
      { good: 'planner slipway' },
      { speed: 600, previous: 'FAILURE' },
    );
    expect(b.result, said(b)).toBe('FAILURE');
    expect(b.description).toContain('ended early: the time limit of 1 hours was reached');
    expect(inReport(b, 'report.html')).toContain('the time limit of 1 hours was reached');
    expect(b.mails).toHaveLength(1);
    expect(b.mails[0]).toMatchObject({ to: 'robots@example.org' });
    expect(b.mails[0]?.subject).toMatch(/^tiny #1 still failing: main: .*ended early/);
    expect(processesIn(folder)).toEqual([]);
  });

  it('an aborted run has a report of what is known, and a description', async () => {
    const b = await run(
      '',
      { good: 'planner slipway' },
      { events: [{ when: 'building tiny/bookworm-amd64/user\n', do: 'abort' }] },
    );
    expect(b.result, said(b)).toBe('ABORTED');
    expect(b.description).toContain('ended early: the build was aborted');
    expect(cases(b).names).toEqual(['base', 'slow', 'user']);
    expect(results(b).find((t) => t.name === 'slow')?.state).toBe('cached');
    expect(processesIn(folder)).toEqual([]);
  });

  it('a failed package: its log opens from the console, its maintainer gets mail, JUnit shows it', async () => {
    change({ user: { ...tiny.user, cmake: 'message(FATAL_ERROR "no good")' } });
    // An agent that will be taken away begins no task.
    const b = await run('notifyMaintainers: true', { leaving: 'slipway', good: 'planner slipway' });
    expect(b.result, said(b)).toBe('FAILURE');
    expect(b.log).toContain('slipway: the agent leaving will be removed: it gets no more tasks');
    expect(b.description).not.toContain('avoided');
    expect(b.mails).toMatchObject([{ to: 'a@b.org' }]);
    expect(b.mails[0]?.subject).toMatch(/^tiny #1 failed: main: .*failed: user/);
    expect(cases(b)).toEqual({ names: ['base', 'slow', 'user'], failures: 1 });
    const [, path] = /whole log: http:\/\/127\.0\.0\.1:1\/job\/tiny\/\d+\/artifact\/(\S+)/i.exec(b.log) ?? [];
    expect(path, b.log).toBeDefined();
    expect(readFileSync(join(b.home, 'artifacts', decodeURI(path ?? '')), 'utf8')).toContain('no good');
  });

  it("a user's own pipeline as in the documentation fails if a package failed", async () => {
    const docs = readFileSync(join(root, 'docs/jenkins.md'), 'utf8');
    const [, section = ''] = docs.split('### Pipelines of your own');
    const script = section
      .split('\n')
      .filter((line) => line.startsWith('    ') && !/@Library|input |slipwayPublish/.test(line))
      .map((line) => line.replace("'--platform', 'noble'", "'--platform', 'bookworm'").replace('apt-host', 'slipway'))
      .join('\n');
    const b = await run(
      '',
      { good: 'slipway' },
      {
        jenkinsfile: script
          .replace('others(farm, [:])', "others(farm, ['*': 'slipway'])")
          .replace('slipwayPlan(', "slipwayPlan(labels: ['*': 'slipway'], "),
      },
    );
    expect(b.failure, said(b)).toBeNull();
    expect(b.result).toBe('FAILURE');
    expect(b.description).toContain('failed: user');
  });

  it('a plan that fails is told: description, report and notification', async () => {
    const file = join(distro, 'distro.yaml');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace('organization:', 'organisation:'));
    change({});
    const b = await run(tell, { good: 'planner slipway' });
    expect(b.result).toBe('FAILURE');
    expect(b.failure).toMatch(/distro\.yaml:1: error: .*organisation/);
    expect(b.description).toMatch(/^main: planning failed: slipway prepare/);
    expect(inReport(b, 'report.html')).toContain('organisation');
    expect(b.log).toMatch(/told tiny #1 failed: main: planning failed/);
    writeFileSync(file, text);
    change({ user: { ...tiny.user, version: '1.0.3' }, slow: { ...tiny.slow, version: '1.0.3' } });
  });

  it('a controller that is killed loses a build without durability; the next run takes what it built, and says so', async () => {
    const lost = await run(
      '',
      { good: 'planner slipway' },
      {
        durability: 'PERFORMANCE_OPTIMIZED',
        events: [{ when: 'building tiny/bookworm-amd64/slow\n', do: 'kill-controller' }],
      },
    );
    expect(lost.result).toBe('LOST');
    // Processes on the agent end by themselves.
    while (processesIn(folder).length) await new Promise((resolve) => setTimeout(resolve, 200));
    // With the durability that the pipeline sets, a killed controller continues.
    const b = await run(
      '',
      { good: 'planner slipway' },
      {
        durability,
        events: [{ when: 'building tiny/bookworm-amd64/user\n', do: 'kill-controller' }],
      },
    );
    expect(b.result, said(b)).toBe('SUCCESS');
    expect(b.log).toContain('Resuming build after Jenkins restart');
    expect(b.log).not.toContain('building tiny/bookworm-amd64/slow');
    expect(b.log.match(/^building tiny\/bookworm-amd64\/user$/gm)).toHaveLength(1);
    expect(b.description).toContain('the run before was lost');
  });

  it('an agent that never comes is reported, with what to check', async () => {
    const b = await run(
      'agentMinutes: 1',
      { good: 'slipway' },
      {
        speed: 60,
        events: [{ when: 'no agent for', do: 'abort' }],
      },
    );
    expect(b.result).toBe('ABORTED');
    expect(b.log).toContain(
      "slipway: no agent for 'planner' became available within 1 minutes; the build keeps waiting.",
    );
    expect(b.log).toContain('Manage Jenkins, Nodes');
  });
});
