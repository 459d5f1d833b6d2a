// terraform/ of the folder: `terraform test` with a mocked provider, then the whole farm on moto: applied, planned
// again, destroyed. The agents' image and its pointer are moved as by the image job. checkov checks everything.
import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle, cache, execute } from '../e2e/helpers.ts';
import { s3Server } from '../e2e/s3.mjs';
import { initFarm } from './farm-folder.ts';
import { pythonTools } from './python-tools.mjs';
import { boto, motoOverride, terraform, terraformEnvironment } from './terraform.mjs';

const folder = mkdtempSync('/var/tmp/slipway-terraform-');
const farm = join(folder, 'farm');
const stack = join(farm, 'terraform');
const planted = 'planted-secret-8c1f';
let env: NodeJS.ProcessEnv;
let aws: Awaited<ReturnType<typeof s3Server>>;
const run = async (...args: string[]) => {
  const ran = await terraform(stack, env, args);
  expect(ran.code, ran.told).toBe(0);
  return ran.told;
};
const python = (code: string) => boto(join(cache, 'moto'), aws.direct, code);

beforeAll(async () => {
  env = terraformEnvironment(folder);
  await initFarm(folder, { domain: 'acme.example' });
  for (const name of ['GIT_TOKEN', 'SIGNING_KEY', 'AGENT_SSH_KEY'])
    writeFileSync(join(farm, 'secrets', name), `${planted}-${name}\n`);
  aws = await s3Server();
});
afterAll(() => {
  aws?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('the modules', () => {
  it('are formatted and valid, and pass their tests', async () => {
    await run('fmt', '-check', '-recursive', '-diff');
    await run('init', '-no-color', '-input=false');
    expect(await run('validate', '-no-color')).toContain('The configuration is valid');
    const told = await run('test', '-no-color');
    expect(told).toMatch(/Success! (\d+) passed, 0 failed/);
    // The test file runs in each module.
    const tests = readFileSync(join(stack, 'tests/farm.tftest.hcl'), 'utf8');
    for (const name of readdirSync(join(stack, 'modules'))) expect(tests, name).toContain(`./modules/${name}"`);
  });

  it('pass checkov; each skipped check has a reason', async () => {
    const checkov = await pythonTools('checkov', ['checkov>=3.2,<4'], 'checkov');
    const ran = await execute(
      checkov,
      ['--directory', stack, '--framework', 'terraform', '--compact', '--quiet', '--skip-download'],
      { cwd: farm },
    );
    expect(ran.code, ran.stdout).toBe(0);
    for (const file of readdirSync(stack, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.tf')))
      for (const [, reason] of readFileSync(join(stack, file), 'utf8').matchAll(/checkov:skip=\w+(.*)/g))
        expect(reason, file).toMatch(/^: \w.{6,}/);
  });
});

describe.each(['ec2', 'ecs'])('a farm with its controller on %s', (controller) => {
  const plan = () => run('plan', '-no-color', '-input=false', '-out=farm.tfplan');

  beforeAll(() => {
    writeFileSync(join(stack, 'moto_override.tf'), motoOverride(aws.direct));
    // A listener would wait for a missing certificate for minutes.
    const certificate = python(
      `print(client('acm').request_certificate(DomainName='jenkins.acme.example')['CertificateArn'])`,
    ).trim();
    writeFileSync(
      join(stack, 'test.auto.tfvars.json'),
      JSON.stringify({
        controller,
        controller_image: '123456789012.dkr.ecr.eu-central-1.amazonaws.com/acme-jenkins:1',
        operators: ['203.0.113.0/24'],
        agent_public_key: 'ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBqyqVK3NtWvVg4VfFh9dMqJYkXlrYqXbqz8n9v0YQ3h farm',
        ...(controller === 'ecs' ? { certificate_arn: certificate } : {}),
      }),
    );
    python(`
for a in ('amd64', 'arm64'):
    client('ssm').put_parameter(Name='/test/debian/' + a, Value='ami-12c6146b', Type='String', Overwrite=True)
for n in ('GIT_TOKEN', 'SIGNING_KEY', 'AGENT_SSH_KEY'):
    client('ssm').put_parameter(Name='/acme/secrets/' + n, Value='${planted}-' + n, Type='SecureString', Overwrite=True)`);
  });

  it('is applied', async () => {
    await run('init', '-no-color', '-input=false');
    await plan();
    await run('apply', '-no-color', '-input=false', 'farm.tfplan');
    const groups = JSON.parse(
      python(
        `print(json.dumps(client('autoscaling').describe_auto_scaling_groups()['AutoScalingGroups'], default=str))`,
      ),
    ) as {
      AutoScalingGroupName: string;
      DesiredCapacity: number;
      NewInstancesProtectedFromScaleIn: boolean;
      MixedInstancesPolicy?: object;
    }[];
    const agents = groups.filter((g) => g.AutoScalingGroupName !== 'acme-controller');
    expect(agents.map((g) => g.AutoScalingGroupName).sort()).toEqual(['acme-amd64', 'acme-arm64']);
    for (const group of agents) {
      expect(group).toMatchObject({ DesiredCapacity: 0, NewInstancesProtectedFromScaleIn: true });
      expect(JSON.stringify(group.MixedInstancesPolicy)).toContain('price-capacity-optimized');
    }
  });

  it('has no changes in a second plan, nor after the plugin sized a group and the image moved', async () => {
    python(`
client('autoscaling').set_desired_capacity(AutoScalingGroupName='acme-amd64', DesiredCapacity=0)
client('ssm').put_parameter(Name='/acme/agents/amd64/image', Value='ami-785db401', Type='String', DataType='aws:ec2:image', Overwrite=True)`);
    const told = await plan();
    // Differences caused by moto. It keeps forwarded_values of a distribution with a cache policy, so the bucket's
    // policy, which names the distribution, is read again. It forgets the grace period of an ECS service, and prefixes
    // a security group rule's group with the account.
    const own = [
      'module.storage.aws_cloudfront_distribution.packages',
      'module.storage.data.aws_iam_policy_document.packages',
      'module.storage.aws_s3_bucket_policy.packages',
      'module.ecs[0].aws_ecs_service.jenkins',
      'module.ecs[0].aws_vpc_security_group_ingress_rule.balancer',
    ];
    const changed = [...told.matchAll(/^ {2}# (\S+) (?:will|must) be /gm)].flatMap(([, what]) => what ?? []);
    const foreign = changed.filter((what) => !own.includes(what));
    expect(foreign, told).toEqual([]);
  });

  it('has no secrets in plan and state', async () => {
    const shown = await run('show', '-json', 'farm.tfplan');
    for (const text of [shown, readFileSync(join(stack, 'terraform.tfstate'), 'utf8')]) {
      expect(text.length).toBeGreaterThan(1000);
      expect(text).not.toContain(planted);
    }
    const checked = await execute('node', [bundle, 'deploy', 'check', farm], { env });
    expect(checked.stderr).not.toContain('deploy-secret');
  });

  it('grants wildcard permissions only for reading', () => {
    const policies = JSON.parse(
      python(`
iam = client('iam'); found = []
for role in iam.list_roles()['Roles']:
    for name in iam.list_role_policies(RoleName=role['RoleName'])['PolicyNames']:
        found.append(iam.get_role_policy(RoleName=role['RoleName'], PolicyName=name)['PolicyDocument'])
print(json.dumps(found))`),
    ) as { Statement: { Action: string | string[]; Resource: string | string[]; Effect: string }[] }[];
    expect(policies.length).toBeGreaterThanOrEqual(3);
    for (const { Action, Resource } of policies.flatMap((p) => p.Statement)) {
      for (const action of [Action].flat()) {
        expect(action).not.toContain('*');
        if ([Resource].flat().includes('*')) expect(action).toMatch(/:(Describe|Get(AuthorizationToken))/);
      }
    }
  });

  it('is destroyed, and leaves nothing', async () => {
    python(`
s3 = client('s3')
for b in s3.list_buckets()['Buckets']:
    for v in s3.list_object_versions(Bucket=b['Name']).get('Versions', []):
        s3.delete_object(Bucket=b['Name'], Key=v['Key'], VersionId=v['VersionId'])`);
    expect(await run('destroy', '-no-color', '-auto-approve')).toContain('Destroy complete!');
    const state = JSON.parse(readFileSync(join(stack, 'terraform.tfstate'), 'utf8')) as { resources: unknown[] };
    expect(state.resources).toEqual([]);
  });
});
