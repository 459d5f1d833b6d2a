// The job that makes the agents' image on AWS, on Jenkins' interpreter: Packer and Ansible really run, with an sshd in
// a Debian root, and moto as AWS. Debian's Packer is older than 1.7: its plugins are built in, and it has no `init`.
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle, cache, execute } from '../e2e/helpers.ts';
import { s3Server } from '../e2e/s3.mjs';
import { jenkins as runJenkins } from '../jenkins/harness.mjs';
import { installTools } from '../setup.mjs';
import { initFarm } from './farm-folder.ts';
import { ansibleTools } from './python-tools.mjs';
import { startSshRoot, type SshRoot } from './ssh-root.ts';
import { boto } from './terraform.mjs';

interface Built {
  result: string;
  log: string;
  trace: string;
  failure?: string | null;
  properties: Record<string, unknown>[];
}
const jenkins = runJenkins as (folder: string, name: string, build: Record<string, unknown>) => Promise<Built>;
const port = 22_614;
const folder = mkdtempSync('/var/tmp/slipway-packer-');
const farm = join(folder, 'farm');
const planted = 'planted-secret-51d2';
let aws: Awaited<ReturnType<typeof s3Server>>;
let machine: SshRoot;
let agentEnv: Record<string, string>;
let count = 0;
const python = (code: string) => boto(join(cache, 'moto'), aws.direct, code);
const git = (...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=Acme', '-c', 'user.email=robots@example.org', ...args], { cwd: farm });
const images = () =>
  JSON.parse(
    python(
      `print(json.dumps([{'id': i['ImageId'], 'tags': {t['Key']: t['Value'] for t in i.get('Tags', [])}} for i in client('ec2').describe_images(Owners=['self'])['Images']]))`,
    ),
  ) as { id: string; tags: Record<string, string> }[];
const pointer = () =>
  python(`print(client('ssm').get_parameter(Name='/acme/agents/amd64/image')['Parameter']['Value'], end='')`);
const run = (env: Record<string, string>, options = '') =>
  jenkins(folder, String(++count), {
    jenkinsfile: `agentImagePipeline([organization: 'acme', region: 'eu-central-1', architectures: ['amd64']${options}])`,
    scmUrl: farm,
    scmRef: 'refs/heads/main',
    job: 'agents',
    agents: [{ name: 'maker', labels: 'slipway', env: agentEnv }],
    env: { JOB_NAME: 'acme/agents/main', ...env },
  });
const said = (b: Built) => `${b.failure}\n${b.trace}\n${b.log.slice(-6000)}`;
const main = { BRANCH_NAME: 'main', BRANCH_IS_PRIMARY: 'true' };

beforeAll(async () => {
  installTools(['mmdebstrap', 'packer', 'git']);
  const playbook = await ansibleTools('ansible-playbook');
  aws = await s3Server();
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'key')]);
  machine = await startSshRoot('trixie', port, join(folder, 'key'));
  // The role configures cloud-init, so the root needs its folder, as in Debian's AWS image.
  mkdirSync(join(machine.root, 'etc/cloud/cloud.cfg.d'), { recursive: true });
  await initFarm(folder);
  rmSync(join(farm, 'packer/plugins.pkr.hcl'));
  // It does not support this setting of instances either.
  const template = join(farm, 'packer/agent.pkr.hcl');
  const written = readFileSync(template, 'utf8').replace(/^.*imds_support .*\n/m, '');
  writeFileSync(template, written);
  writeFileSync(join(farm, 'secrets/GIT_TOKEN'), `${planted}\n`);
  git('init', '-q', '-b', 'main', '.');
  git('add', '.');
  git('commit', '-qm', 'farm');
  const bin = join(folder, 'bin');
  mkdirSync(bin);
  writeFileSync(join(bin, 'packer'), '#!/bin/sh\n[ "$1" != init ] || exit 0\nexec /usr/bin/packer "$@"\n', {
    mode: 0o755,
  });
  const base = python(
    `print([i['ImageId'] for i in client('ec2').describe_images(Owners=['amazon'])['Images'] if i.get('Architecture') == 'x86_64'][0], end='')`,
  );
  python(`client('ssm').put_parameter(Name='/acme/agents/amd64/image', Value='${base}', Type='String')`);
  agentEnv = {
    PATH: `${bin}:${dirname(playbook)}:${process.env.PATH ?? ''}`,
    HOME: folder,
    AWS_ENDPOINT_URL: aws.direct,
    AWS_ACCESS_KEY_ID: 'test',
    AWS_SECRET_ACCESS_KEY: planted,
    AWS_POLL_DELAY_SECONDS: '1',
    CHECKPOINT_DISABLE: '1',
    PKR_VAR_endpoint: aws.direct,
    PKR_VAR_source_ami: base,
    PKR_VAR_ssh_host: '127.0.0.1',
    PKR_VAR_ssh_port: String(port),
    PKR_VAR_ssh_private_key_file: join(folder, 'key'),
  };
});
afterAll(() => {
  machine?.stop();
  aws?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe("the job of the agents' image", () => {
  let first = '';

  it('builds and registers nothing for a pull request or another branch', async () => {
    for (const env of [
      { CHANGE_ID: '7', BRANCH_NAME: 'PR-7' },
      { BRANCH_NAME: 'try', BRANCH_IS_PRIMARY: 'false' },
    ]) {
      const b = await run(env);
      expect(b.result, said(b)).toBe('SUCCESS');
      expect(b.log).toContain('This is not the default branch: no image is built or registered.');
      expect(b.log).not.toContain('packer build');
      // It has no timer.
      expect(JSON.stringify(b.properties)).not.toContain('H 4');
      expect(images()).toEqual([]);
    }
  });

  it('makes an image by Packer and the role, and makes new agents start from it', async () => {
    const b = await run(main);
    expect(b.result, said(b)).toBe('SUCCESS');
    expect(b.log).toMatch(/^due: ami-\w+ is no image of this farm's agents$/m);
    const [image, ...more] = images();
    expect(more).toEqual([]);
    first = image?.id ?? '';
    expect(image?.tags).toMatchObject({ farm: 'acme', 'slipway-agent': 'amd64' });
    expect(image?.tags['slipway-toolset']).toMatch(/^[0-9a-f]{16}$/);
    expect(pointer()).toBe(first);
    expect(JSON.stringify(b.properties)).toContain('H 4 * * *');
    // The image has what a spot instance needs, and nothing of the agent that made it.
    const told = await execute('grep', [
      '-rl',
      '--',
      planted,
      join(machine.root, 'etc'),
      join(machine.root, 'var/lib'),
    ]);
    expect([told.code, told.stdout]).toEqual([1, '']);
    expect(b.log).not.toContain(planted);
    // The token in secrets/ is in no commit of the folder.
    const [history, kept] = [git('log', '--all', '-p').toString(), git('ls-files', 'secrets').toString()];
    expect(history).toContain('SLIPWAY_ORGANIZATION=acme');
    expect(history).not.toContain(planted);
    expect(kept).toBe('secrets/README.md\n');
    expect((await execute('test', ['-x', join(machine.root, 'usr/local/lib/slipway-spot')])).code).toBe(0);
  });

  it('does nothing while the image is good', async () => {
    const b = await run(main);
    expect(b.result, said(b)).toBe('SUCCESS');
    expect(b.log).toContain(`good: ${first} needs no successor yet`);
    expect(images().map((i) => i.id)).toEqual([first]);
  });

  it('makes the next image after a change of the role; one call rolls back', async () => {
    writeFileSync(join(farm, 'ansible/roles/slipway_agent/vars.md'), 'ours\n');
    git('add', '.');
    git('commit', '-qm', 'role');
    const b = await run(main);
    expect(b.result, said(b)).toBe('SUCCESS');
    expect(b.log).toContain(`due: the role or Packer's files have changed since ${first} was made`);
    const ids = images().map((i) => i.id);
    expect(ids).toHaveLength(2);
    expect(pointer()).not.toBe(first);
    const words = ['deploy', 'image', 'back', '--organization', 'acme', '--region', 'eu-central-1'];
    const back = await execute('node', [bundle, ...words], { env: { AWS_ENDPOINT_URL: aws.direct } });
    expect([back.code, back.stdout], back.stderr).toEqual([0, `new agents start from ${first} again\n`]);
    expect(pointer()).toBe(first);
  });

  it('needs a distro repository for an image from distro.yaml', async () => {
    const b = await run(main, ", image: 'agent'");
    expect(b.result).toBe('FAILURE');
    expect(b.log).toContain('an image of distro.yaml needs distro');
  });
});
