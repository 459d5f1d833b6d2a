// Terraform with its provider for the tests, and moto as AWS. Neither is in a registry that tests use, so both must be
// installed on this machine; missing ones are reported.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Environment in which terraform finds the provider: SLIPWAY_TERRAFORM_PLUGINS is a filesystem mirror of it. */
export function terraformEnvironment(folder) {
  if (spawnSync('terraform', ['version']).status !== 0)
    throw new Error('the test needs terraform 1.7 or newer in PATH');
  const config = join(folder, 'terraform.rc');
  const mirror = process.env.SLIPWAY_TERRAFORM_PLUGINS;
  if (mirror && existsSync(mirror))
    writeFileSync(
      config,
      `provider_installation {\n  filesystem_mirror {\n    path = ${JSON.stringify(mirror)}\n  }\n}\n`,
    );
  else if (existsSync(process.env.TF_CLI_CONFIG_FILE ?? '')) return { ...process.env };
  else throw new Error('SLIPWAY_TERRAFORM_PLUGINS must name a filesystem mirror that has hashicorp/aws 5.100');
  return { ...process.env, TF_CLI_CONFIG_FILE: config, CHECKPOINT_DISABLE: '1', TF_IN_AUTOMATION: '1' };
}

/**
 * Runs terraform in a folder; `told` is its output.
 *
 * @param {string} cwd
 * @param {NodeJS.ProcessEnv} env
 * @param {string[]} args
 * @returns {Promise<{ code: number; told: string }>}
 */
export function terraform(cwd, env, args) {
  return new Promise((resolve, reject) => {
    const child = spawn('terraform', args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
    let told = '';
    for (const stream of [child.stdout, child.stderr]) stream.setEncoding('utf8').on('data', (text) => (told += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ code: code ?? 128, told }));
  });
}

/**
 * Overrides for the modules: AWS is moto at `endpoint`. Resources that moto lacks are left out and listed here:
 * lifecycle policies of volumes (dlm), backup policies of file systems, the public parameter of Debian's image, and
 * tags of launch templates, which moto returns as tags of instances, so that every plan would change them.
 */
export const motoOverride = (endpoint) => `
provider "aws" {
  access_key                  = "test"
  secret_key                  = "test"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
  s3_use_path_style           = true
  default_tags {
    tags = {}
  }
  endpoints {
${[
  'autoscaling',
  'cloudfront',
  'cloudwatchlogs',
  'ec2',
  'ecr',
  'ecs',
  'efs',
  'elbv2',
  'iam',
  's3',
  's3control',
  'ssm',
  'sts',
]
  .map((service) => `    ${service.padEnd(14)} = "${endpoint}"`)
  .join('\n')}
  }
}
module "ec2" {
  snapshots = false
}
module "ecs" {
  backups = false
}
data "aws_ssm_parameter" "debian" {
  name = "/test/debian/\${each.key}"
}
`;

/** Runs Python with boto3 in moto's environment. */
export const boto = (venv, endpoint, code) =>
  execFileSync(
    join(venv, 'bin/python'),
    [
      '-c',
      `import boto3, json\ndef client(name):\n    return boto3.client(name, endpoint_url=${JSON.stringify(endpoint)}, region_name='eu-central-1', aws_access_key_id='test', aws_secret_access_key='test')\n${code}`,
    ],
    { encoding: 'utf8' },
  );
