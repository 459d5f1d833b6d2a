// The job of the agents' image in cases where it must build nothing: pull requests, other branches, wrong options.
// test/large/deploy-packer.test.ts tests builds with Packer.
import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundle, discard, execute, workspace } from '../e2e/helpers.ts';
import { jenkins as runJenkins } from './harness.mjs';

interface Built {
  result: string;
  log: string;
  trace: string;
  failure?: string | null;
  properties: Record<string, unknown>[];
}
const jenkins = runJenkins as (folder: string, name: string, build: Record<string, unknown>) => Promise<Built>;
let folder: string;
let farm: string;
let count = 0;
const git = (...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=Acme', '-c', 'user.email=robots@example.org', ...args], { cwd: farm });
/** An agent on which running packer would leave a file, and without access to AWS. */
const run = (env: Record<string, string>, options: string) =>
  jenkins(folder, String(++count), {
    jenkinsfile: `agentImagePipeline([organization: 'acme'${options}])`,
    scmUrl: farm,
    scmRef: 'refs/heads/main',
    job: 'agents',
    agents: [
      {
        name: 'maker',
        labels: 'slipway',
        env: { PATH: `${join(folder, 'bin')}:${process.env.PATH ?? ''}`, AWS_ENDPOINT_URL: 'http://127.0.0.1:9' },
      },
    ],
    env: { JOB_NAME: 'acme/agents/main', ...env },
  });
const said = (b: Built) => `${b.failure}\n${b.trace}\n${b.log.slice(-4000)}`;

beforeAll(async () => {
  folder = workspace('agent-image');
  farm = join(folder, 'farm');
  const url = 'https://git.acme.example';
  const answers = join(folder, 'answers.yaml');
  writeFileSync(answers, JSON.stringify({ organization: 'acme', distro: `${url}/d.git`, library: `${url}/s.git` }));
  const made = await execute('node', [bundle, 'deploy', 'init', farm, '--yes', '--answers', answers]);
  expect(made.code, made.stderr).toBe(0);
  git('init', '-q', '-b', 'main', '.');
  git('add', '.');
  git('commit', '-qm', 'farm');
  mkdirSync(join(folder, 'bin'));
  writeFileSync(join(folder, 'bin/packer'), '#!/bin/sh\necho packer ran\n', { mode: 0o755 });
});
afterAll(() => discard(folder));

const region = ", region: 'eu-central-1'";
it.each([
  ['a pull request', { CHANGE_ID: '7', BRANCH_NAME: 'PR-7' }, region],
  ['another branch', { BRANCH_NAME: 'try', BRANCH_IS_PRIMARY: 'false' }, region],
  [
    'a pull request',
    { CHANGE_ID: '7', BRANCH_NAME: 'PR-7' },
    `${region}, image: 'agent', distro: 'https://a.example/d.git'`,
  ],
])('checks the folder of %s, and builds and registers nothing: %j', async (_, env, options) => {
  const b = await run(env, options);
  expect(b.result, said(b)).toBe('SUCCESS');
  expect(b.log).toContain('This is not the default branch: no image is built or registered.');
  expect(b.log).not.toMatch(/packer ran|slipway image|can't be reached/);
  // Only the default branch has a timer.
  expect(JSON.stringify(b.properties)).not.toContain('H 4');
});

it('fails if the folder has a fault, whatever the branch', async () => {
  git('checkout', '-q', '-b', 'fault');
  writeFileSync(join(farm, 'plugins.txt'), 'git:latest\n');
  git('commit', '-qam', 'fault');
  const b = await jenkins(folder, String(++count), {
    jenkinsfile: `agentImagePipeline([organization: 'acme'${region}])`,
    scmUrl: farm,
    scmRef: 'refs/heads/fault',
    job: 'agents',
    agents: [{ name: 'maker', labels: 'slipway', env: { PATH: process.env.PATH ?? '' } }],
    env: { JOB_NAME: 'acme/agents/PR-8', CHANGE_ID: '8', BRANCH_NAME: 'PR-8' },
  });
  expect(b.result).toBe('FAILURE');
  expect(b.log).toContain('plugins.txt');
  git('checkout', '-q', 'main');
});

it('reports a missing option, and questions that AWS does not answer', async () => {
  const main = { BRANCH_NAME: 'main', BRANCH_IS_PRIMARY: 'true' };
  expect((await run(main, '')).log).toContain("the options 'organization' and 'region' are required");
  expect((await run(main, `${region}, image: 'agent'`)).log).toContain("the option 'image' also needs 'distro'");
  const b = await run(main, region);
  expect(b.result).toBe('FAILURE');
  expect(b.log).toContain("ssm can't be reached");
  expect(b.log).not.toContain('packer ran');
  rmSync(join(folder, 'bin/packer'));
});
