// Images of agents on AWS, on moto: moving the pointer to an image and back, and pruning old ones that nothing uses.
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle, cache, execute, root } from '../e2e/helpers.ts';
import { s3Server } from '../e2e/s3.mjs';
import { boto } from './terraform.mjs';

let aws: Awaited<ReturnType<typeof s3Server>>;
const python = (code: string) => boto(join(cache, 'moto'), aws.direct, code);
const image = (...words: string[]) =>
  execute('node', [
    bundle,
    'deploy',
    'image',
    ...words,
    '--organization',
    'acme',
    '--region',
    'eu-central-1',
    '--endpoint',
    aws.direct,
  ]);
/** Creates images of instances, because moto's register_image ignores architecture and tags. Returns their ids. */
const make = (names: string[], architecture = 'x86_64', tags = true) =>
  python(`
import time
ec2 = client('ec2')
base = [i for i in ec2.describe_images(Owners=['amazon'])['Images'] if i.get('Architecture') == '${architecture}'][0]['ImageId']
for name in '${names.join(' ')}'.split():
    instance = ec2.run_instances(ImageId=base, MinCount=1, MaxCount=1)['Instances'][0]['InstanceId']
    image = ec2.create_image(InstanceId=instance, Name=name)['ImageId']
    ec2.terminate_instances(InstanceIds=[instance])
    ${tags ? "ec2.create_tags(Resources=[image], Tags=[{'Key': 'farm', 'Value': 'acme'}, {'Key': 'slipway-agent', 'Value': 'amd64'}])" : 'pass'}
    # Images are told apart by the second in which they were made.
    time.sleep(1.1)
    print(image)`)
    .trim()
    .split('\n');
const pointer = () =>
  python(`print(client('ssm').get_parameter(Name='/acme/agents/amd64/image')['Parameter']['Value'], end='')`);

beforeAll(async () => {
  aws = await s3Server();
});
afterAll(() => aws?.stop());

describe('slipway deploy image', () => {
  const ids: string[] = [];

  it('moves the pointer to an image, and reports the previous one', async () => {
    ids.push(...make([0, 1, 2, 3, 4, 5, 6, 7].map((i) => `agent-${i}`)));
    python(`client('ssm').put_parameter(Name='/acme/agents/amd64/image', Value='${ids[0]}', Type='String')`);
    const used = await image('use', ids[6] ?? '');
    expect([used.code, used.stdout], used.stderr).toEqual([
      0,
      `new agents start from ${ids[6]}; before it: ${ids[0]}\n`,
    ]);
    expect(pointer()).toBe(ids[6]);
  });

  it('refuses an image that does not exist or is for another processor, and keeps the pointer', async () => {
    const [other = ''] = make(['arm'], 'arm64');
    const refused = await image('use', other);
    expect([refused.code, refused.stderr]).toEqual([1, expect.stringContaining(`${other} is for arm64`)]);
    const none = await image('use', 'ami-0123456789abcdef0');
    expect(none.code).toBe(1);
    expect(pointer()).toBe(ids[6]);
    expect((await image('use', 'ami-1;reboot')).code).toBe(2);
  });

  it("takes the image of the last run from Packer's manifest, and rolls back", async () => {
    const file = join(mkdtempSync(join(tmpdir(), 'slipway-manifest-')), 'packer.json');
    const builds = [
      { packer_run_uuid: 'a', artifact_id: `eu-central-1:${ids[1]}` },
      { packer_run_uuid: 'b', artifact_id: `eu-central-1:${ids[7]}` },
    ];
    writeFileSync(file, JSON.stringify({ builds, last_run_uuid: 'b' }));
    expect((await image('use', '--manifest', file)).code).toBe(0);
    expect(pointer()).toBe(ids[7]);
    writeFileSync(file, '{}');
    expect((await image('use', '--manifest', file)).code).toBe(2);
    const back = await image('back');
    expect(back.stdout).toBe(`new agents start from ${ids[6]} again\n`);
    expect(pointer()).toBe(ids[6]);
  });

  it('prunes unused images: not the newest, the current, the previous, or running ones', async () => {
    const [stranger] = make(['of-somebody-else'], 'x86_64', false);
    python(`
ec2 = client('ec2')
ec2.run_instances(ImageId='${ids[1]}', MinCount=1, MaxCount=1, InstanceType='t3.micro')
ec2.create_launch_template(LaunchTemplateName='other', LaunchTemplateData={'ImageId': '${ids[3]}'})
ec2.create_launch_template_version(LaunchTemplateName='other', LaunchTemplateData={'ImageId': '${ids[2]}'})
ec2.modify_launch_template(LaunchTemplateName='other', DefaultVersion='2')`);
    const there = () =>
      (
        JSON.parse(
          python(`print(json.dumps([i['ImageId'] for i in client('ec2').describe_images(Owners=['self'])['Images']]))`),
        ) as string[]
      ).sort();
    const before = there();
    const dry = await image('prune', '--keep', '1', '--dry-run');
    expect(
      dry.stdout
        .match(/would remove ami-\w+/g)
        ?.map((l) => l.slice(13))
        .sort(),
      dry.stderr,
    ).toEqual([ids[0], ids[4], ids[5]].sort());
    expect(there()).toEqual(before);
    const pruned = await image('prune', '--keep', '1');
    expect(pruned.code, pruned.stderr).toBe(0);
    expect(there()).toEqual(before.filter((id) => ![ids[0], ids[4], ids[5]].includes(id)));
    expect(there()).toContain(stranger);
    const snapshots = python(
      `print(len([s for s in client('ec2').describe_snapshots(OwnerIds=['self'])['Snapshots'] if '${ids[0]}' in s['Description']]), end='')`,
    );
    expect(snapshots).toBe('0');
    expect((await image('prune', '--keep', '1')).stdout).toBe('nothing to remove\n');
  });

  it('reports whether a new image is due, and why', async () => {
    const farm = mkdtempSync(join(tmpdir(), 'slipway-toolset-'));
    for (const part of ['ansible', 'packer']) cpSync(join(root, 'deploy', part), join(farm, part), { recursive: true });
    const where = ['--organization', 'acme', '--region', 'eu-central-1', '--endpoint', aws.direct];
    const due = async (...more: string[]) => {
      const ran = await execute('node', [bundle, 'deploy', 'image', 'due', ...more, ...where], { cwd: farm });
      expect(ran.code, ran.stderr).toBe(0);
      return ran.stdout;
    };
    expect(await due()).toBe(`due: the role or Packer's files have changed since ${ids[6]} was made\n`);
    const toolset = (await execute('node', [bundle, 'deploy', 'image', 'toolset'], { cwd: farm })).stdout.trim();
    expect(toolset).toMatch(/^[0-9a-f]{16}$/);
    python(
      `client('ec2').create_tags(Resources=['${ids[6]}'], Tags=[{'Key': 'slipway-toolset', 'Value': '${toolset}'}])`,
    );
    expect(await due()).toBe(`good: ${ids[6]} needs no successor yet\n`);
    writeFileSync(join(farm, 'ansible/roles/slipway_agent/tasks/own.yaml'), '---\n');
    expect(await due()).toMatch(/^due: the role/);
    expect((await execute('node', [bundle, 'deploy', 'image', 'due', ...where], { cwd: '/' })).code).toBe(1);
    rmSync(farm, { recursive: true });
  });

  it('tries an image in an instance, and terminates it', async () => {
    const tried = await image('try', ids[7] ?? '', '--instance-type', 't3.small');
    expect([tried.code, tried.stdout], tried.stderr).toEqual([0, `${ids[7]} started, and is on the network\n`]);
    const states = python(
      `print([i['State']['Name'] for r in client('ec2').describe_instances(Filters=[{'Name': 'tag:slipway:trial', 'Values': ['${ids[7]}']}])['Reservations'] for i in r['Instances']], end='')`,
    );
    expect(states).toBe("['terminated']");
    expect((await image('try', ids[7] ?? '')).code).toBe(2);
  });

  it('lists images with their users', async () => {
    const listed = await image('list');
    expect(listed.stdout).toMatch(new RegExp(`^${ids[6]} .* current `, 'm'));
    expect(listed.stdout).toMatch(new RegExp(`^${ids[7]} .* former `, 'm'));
    expect(listed.stdout).toMatch(new RegExp(`^${ids[2]} .* the launch template other `, 'm'));
  });

  it('reports what AWS refused', async () => {
    const ran = await execute('node', [
      bundle,
      'deploy',
      'image',
      'back',
      '--organization',
      'nobody',
      '--region',
      'eu-central-1',
      '--endpoint',
      aws.direct,
    ]);
    expect([ran.code, ran.stderr]).toEqual([1, expect.stringContaining('ssm refused: ParameterNotFound')]);
  });
});
