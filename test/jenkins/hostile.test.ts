import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { discard, workspace } from '../e2e/helpers.ts';
import { writeTiny } from '../e2e/tiny.ts';
import { jenkins } from './built.ts';

describe('the pipeline of a hostile distro repository', () => {
  let folder: string;
  let count = 0;
  beforeAll(() => {
    folder = workspace('hostile-pipelines');
  });
  afterAll(() => discard(folder));

  /** Runs the pipeline of a distro repository with these lines in distro.yaml. */
  async function run(lines: string, env: Record<string, string> = {}) {
    const name = `${++count}`;
    const distro = join(folder, `distro-${name}`);
    mkdirSync(distro);
    writeTiny(distro, { base: {} }, `store: file:${join(folder, 'store')}\n${lines}`);
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=Acme', '-c', 'user.email=robots@example.org', ...args], { cwd: distro });
    git('init', '-q', '-b', 'main', '.');
    git('add', '.');
    git('commit', '-qm', 'distro');
    const b = await jenkins(folder, name, {
      jenkinsfile: 'distroPipeline(publish: false, agentMinutes: 1)',
      scmUrl: distro,
      scmRef: 'refs/heads/main',
      job: name,
      agents: ['one', 'two'].map((agent) => ({
        name: agent,
        labels: 'slipway amd64',
        env: { XDG_STATE_HOME: join(folder, 'home') },
      })),
      env: { BRANCH_NAME: 'main', BRANCH_IS_PRIMARY: 'true', JOB_NAME: 'acme/tiny/main', ...env },
      speed: 30,
    });
    const report = join(b.home, 'artifacts/slipway-report/report.html');
    return { ...b, report: existsSync(report) ? readFileSync(report, 'utf8') : '' };
  }

  it('has a fault that quotes a fault of agents: no agent is avoided', async () => {
    const texts = ['x [tool-missing]', 'slipway prepare: Node.js is not installed on the agent', '[roots-refused]'];
    const b = await run(texts.map((text) => `"${text}": 1\n"\\n${text}\\n": 1\n`).join(''));
    expect(b.result).toBe('FAILURE');
    expect(b.log).not.toContain('is avoided');
    expect(b.description).toContain('planning failed');
    expect(b.report).toContain('unknown key');
  });

  it('has faults with texts of megabytes: the report tells of them', async () => {
    const b = await run(Array.from({ length: 30 }, (_, n) => `${'k'.repeat(60_000)}${n}: 1\n`).join(''));
    expect(b.log).not.toContain('could not make the report');
    expect(b.report).toContain('unknown key');
    expect(b.failure?.length).toBeLessThan(30_000);
    expect(b.description.length).toBeLessThan(2000);
  });

  it('has a branch whose name looks like an option', async () => {
    const b = await run('unknown: 1\n', { BRANCH_NAME: `--output=${join(folder, 'written')}`, BRANCH_IS_PRIMARY: '' });
    expect(b.log).not.toContain('could not make the report');
    expect(b.report).toContain('unknown key');
    expect(existsSync(join(folder, 'written'))).toBe(false);
  });
});
