// Agents that come and go: a nightly on Jenkins' interpreter, with agents that are instances of an autoscaling group of
// moto, created by Terraform. The group grows from zero, loses an instance during a task after a spot notice, and
// shrinks to zero. Builds are real.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from 'js-yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { cache, discard, root, shareState, workspace } from '../e2e/helpers.ts';
import { s3Server } from '../e2e/s3.mjs';
import { writeTiny } from '../e2e/tiny.ts';
import { jenkins as runJenkins } from '../jenkins/harness.mjs';
import { Aws } from '../../ts-src/aws/client.ts';
import { initFarm } from './farm-folder.ts';
import { cloudSchema, Fleet, type Cloud } from './fleet.ts';
import { boto, motoOverride, terraform, terraformEnvironment } from './terraform.mjs';

interface Built {
  result: string;
  failure?: string | null;
  description?: string;
  log: string;
  trace: string;
}
const jenkins = runJenkins as (folder: string, name: string, build: Record<string, unknown>) => Promise<Built>;
let folder: string;
let distro: string;
let server: Awaited<ReturnType<typeof s3Server>>;
let cloud: Cloud;
let fleet: Fleet;

const sleeps = (seconds: number) => ({ cmake: `execute_process(COMMAND sleep ${seconds})` });
const tiny = {
  base: {},
  // Both can be built in parallel, so a second agent is requested.
  left: { manifest: '<depend>base</depend>', ...sleeps(45) },
  right: { manifest: '<depend>base</depend>', ...sleeps(45) },
  top: { manifest: '<depend>left</depend><depend>right</depend>' },
};

/** The pool amd64 of the farm's folder, as an autoscaling group of moto. */
async function makeGroup(): Promise<void> {
  const farm = join(folder, 'farm');
  await initFarm(folder);
  const casc = z
    .object({ jenkins: z.object({ clouds: z.array(z.object({ eC2Fleet: cloudSchema })) }) })
    .parse(load(readFileSync(join(farm, 'jcasc/aws/agents.yaml'), 'utf8')));
  const [first] = casc.jenkins.clouds;
  if (!first) throw new Error('no cloud');
  cloud = first.eC2Fleet;
  const stack = join(farm, 'terraform');
  writeFileSync(join(stack, 'moto_override.tf'), motoOverride(server.direct));
  const key = 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBqyqVK3NtWvVg4VfFh9dMqJYkXlrYqXbqz8n9v0YQ3h farm';
  const values = { controller: 'none', agent_public_key: key };
  writeFileSync(join(stack, 'test.auto.tfvars.json'), JSON.stringify(values));
  const ami = `
for a in ('amd64', 'arm64'):
    client('ssm').put_parameter(Name='/test/debian/' + a, Value='ami-12c6146b', Type='String', Overwrite=True)`;
  boto(join(cache, 'moto'), server.direct, ami);
  const env = terraformEnvironment(folder);
  for (const words of [['init'], ['apply', '-auto-approve', '-target=module.agents["amd64"]']]) {
    const ran = await terraform(stack, env, [...words, '-no-color', '-input=false']);
    expect(ran.code, ran.told).toBe(0);
  }
}

beforeAll(async () => {
  folder = workspace('fleet');
  server = await s3Server();
  await makeGroup();
  distro = join(folder, 'distro');
  mkdirSync(distro);
  writeTiny(distro, tiny, `store: file:${join(folder, 'store')}\n`);
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Acme', '-c', 'user.email=robots@example.org', ...args], { cwd: distro });
  writeFileSync(join(distro, '.gitignore'), '.slipway\n');
  git('init', '-q', '-b', 'main', '.');
  git('add', '.');
  git('commit', '-qm', 'distro');
  const watcher = join(root, 'deploy/ansible/roles/slipway_agent/files/slipway-spot');
  const known = new Map<string, Record<string, string>>();
  const environment = (name: string) => {
    const home = join(folder, 'homes', name);
    const there = known.get(name) ?? { XDG_STATE_HOME: home, PATH: process.env.PATH ?? '' };
    if (!known.has(name)) shareState(join(home, 'slipway'));
    known.set(name, there);
    return there;
  };
  fleet = new Fleet(new Aws('eu-central-1', server.direct), cloud, join(folder, 'fleet'), watcher, environment, 2000);
  fleet.start();
});
afterAll(async () => {
  await fleet?.stop();
  server?.stop();
  await discard(folder);
});

describe('a pool of agents on spot instances', () => {
  let built: Promise<Built>;
  let over = false;
  const until = async (what: () => boolean) => {
    while (!what()) {
      if (over) throw new Error(`the build ended: ${(await built).log.slice(-3000)}`);
      await new Promise((r) => setTimeout(r, 100));
    }
  };
  const log = () => readFileSync(join(folder, 'builds/nightly/log'), 'utf8');
  /** The agent that runs a task. */
  const runsOn = (task: string) =>
    [...fleet.machines.keys()]
      .filter((id) => existsSync(join(folder, 'agents', id)))
      .find((id) =>
        readdirSync(join(folder, 'agents', id), { recursive: true, encoding: 'utf8' })
          .filter((file) => /durable-[^/]*\/log$/.test(file))
          .some((file) =>
            readFileSync(join(folder, 'agents', id, file), 'utf8').includes(`building tiny/bookworm-amd64/${task}\n`),
          ),
      );

  it('has no agents while nothing is built', async () => {
    expect(await fleet.group()).toEqual({ desired: 0, instances: [] });
    expect(cloud).toMatchObject({ minSize: 0, fleet: 'acme-amd64', labelString: 'slipway amd64' });
  });

  it('grows from zero when a pipeline waits, and loses an agent during a task', async () => {
    built = jenkins(folder, 'nightly', {
      jenkinsfile: `distroPipeline([publish: false, label: 'slipway && amd64', labels: [amd64: 'slipway && amd64'], lanes: 2])`,
      scmUrl: distro,
      scmRef: 'refs/heads/main',
      job: 'tiny',
      agents: [],
      fleet: join(folder, 'fleet'),
      env: { BRANCH_NAME: 'main', BRANCH_IS_PRIMARY: 'true', JOB_NAME: 'acme/tiny/main' },
    }).finally(() => {
      over = true;
    });
    await until(() => fleet.machines.size > 0);
    await until(() => runsOn('left') !== undefined && log().includes('building tiny/bookworm-amd64/right'));
    const lost = runsOn('left') ?? '';
    // AWS's two minutes are over before the task ends.
    await fleet.interrupt(lost);
    await until(() => log().includes(`Agent ${lost} went away`));
    const b = await built;
    expect(b.result, `${b.failure}\n${b.trace}\n${b.log.slice(-4000)}`).toBe('SUCCESS');
    expect(b.description).toContain('4 built');
    // Only the running task is lost: one of the two began twice.
    const begun = b.log.match(/^building tiny\/bookworm-amd64\/\w+$/gm) ?? [];
    expect(begun.filter((l) => /left|right/.test(l))).toHaveLength(3);
    expect(begun).toHaveLength(5);
    // The agent is not reported as bad, since nothing is wrong with it.
    expect(b.log).not.toContain('is avoided for the rest of this run');
  });

  it('never had more than the pipeline asked for, and shrinks to zero when idle', async () => {
    expect(Math.max(...fleet.sizes)).toBeGreaterThanOrEqual(2);
    expect(Math.max(...fleet.sizes)).toBeLessThanOrEqual(4);
    for (let i = 0; i < 600 && (await fleet.group()).instances.length > 0; i++) {
      // The build is over and no longer reports waiting tasks and busy agents.
      writeFileSync(
        join(folder, 'fleet/queue.json'),
        JSON.stringify({ waiting: [], busy: Object.fromEntries([...fleet.machines.keys()].map((id) => [id, false])) }),
      );
      await new Promise((r) => setTimeout(r, 200));
    }
    expect(await fleet.group()).toEqual({ desired: 0, instances: [] });
  });
});
