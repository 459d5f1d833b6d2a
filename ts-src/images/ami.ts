import { setTimeout as pause } from 'node:timers/promises';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { ofArchitecture, type ImageSpec } from '../model/images.ts';
import { amiName } from '../model/names.ts';
import type { Store } from '../store/store.ts';
import { Aws, itemsOf, tagParameters, textIn } from '../aws/client.ts';
import { tryInstance } from '../aws/instance.ts';
import { writeSnapshot } from './ebs.ts';
import { artifactOf, type ImageRecord } from './record.ts';

type AmiSettings = NonNullable<ImageSpec['ami']>;

export interface Ami {
  region: string;
  architecture: string;
  id: string;
}

const tagsOf = (settings: AmiSettings, organization: string, record: ImageRecord): Record<string, string> => ({
  ...Object.fromEntries(
    Object.entries(settings.tags).map(([key, value]) => [key, ofArchitecture(value, record.architecture)]),
  ),
  Name: amiName(organization, record.name, record.version, record.architecture),
  'slipway:image': record.name,
  'slipway:version': record.version,
  'slipway:architecture': record.architecture,
  'slipway:channel': record.channel,
  'slipway:state': record.state,
  'slipway:key': record.key,
});

/** The AMI of ours that has this name already, from an interrupted run that this one continues. */
async function imageNamed(aws: Aws, name: string): Promise<string | undefined> {
  const found = await aws.query('ec2', 'DescribeImages', {
    'Owner.1': 'self',
    'Filter.1.Name': 'name',
    'Filter.1.Value.1': name,
  });
  const [first] = itemsOf(found.imagesSet);
  return first && textIn(first, 'imageId');
}

/** Registers a disk as an AMI, copies and shares it. Updates the parameter that names the newest AMI last. */
export async function publishAmi(
  store: Store,
  organization: string,
  settings: AmiSettings,
  record: ImageRecord,
  signal: AbortSignal,
): Promise<Result<Ami[]>> {
  const artifact = artifactOf(record, 'ami');
  const file = artifact?.files.find((f) => f.name.endsWith('.raw.zst'));
  const path = file && (await store.path(file));
  const size = artifact?.bytes;
  if (path === undefined || size === undefined)
    return bad(error('image-push', `the store lost the disk of '${record.name}'`, { hint: 'build it again' }));
  const tags = tagsOf(settings, organization, record);
  const name = tags.Name ?? '';
  try {
    const aws = new Aws(settings.region, settings.endpoint);
    const id =
      (await imageNamed(aws, name)) ??
      (await register(
        aws,
        record,
        name,
        await snapshot(aws, settings, { record, file: path, size, tags }, signal),
        tags,
      ));
    const unfit = await tried(aws, settings, id, record, signal);
    if (unfit !== undefined)
      return bad(
        error('image-check', `the AMI ${id} of '${record.name}' failed its trial: ${unfit}`, { hint: unmoved }),
      );
    const amis: Ami[] = [{ region: settings.region, architecture: record.architecture, id }];
    for (const region of settings.copies)
      amis.push({
        region,
        architecture: record.architecture,
        id: await copy(new Aws(region, settings.endpoint), settings, name, id, tags),
      });
    for (const ami of amis) await share(new Aws(ami.region, settings.endpoint), settings, ami.id);
    if (settings.parameter !== undefined)
      for (const ami of amis)
        await new Aws(ami.region, settings.endpoint).ssm('PutParameter', {
          Name: ofArchitecture(settings.parameter, record.architecture),
          Value: ami.id,
          Type: 'String',
          DataType: 'aws:ec2:image',
          Overwrite: true,
          Description: `newest checked AMI of ${record.name}: ${record.version}`,
        });
    return good(amis);
  } catch (e) {
    return bad(
      error('image-push', `the AMI of '${record.name}': ${e instanceof Error ? e.message : String(e)}`, {
        hint: `${unmoved}; run the same command again to continue`,
      }),
    );
  }
}

const unmoved = 'the parameter that names the newest one was not moved';

/** Starts the AMI in an instance if the settings ask for it. Returns why it is unfit. */
async function tried(
  aws: Aws,
  settings: AmiSettings,
  id: string,
  record: ImageRecord,
  signal: AbortSignal,
): Promise<string | undefined> {
  const type = settings.trial?.types[record.architecture === 'arm64' ? 'arm64' : 'amd64'];
  if (!settings.trial || type === undefined) return undefined;
  const { subnet, security_group: securityGroup, minutes } = settings.trial;
  return tryInstance(aws, id, { type, subnet, securityGroup, minutes }, { Name: `try ${id}` }, signal);
}

/** A disk for a snapshot. */
interface Disk {
  record: ImageRecord;
  file: string;
  size: number;
  tags: Record<string, string>;
}

async function snapshot(
  aws: Aws,
  settings: AmiSettings,
  { record, file, size, tags }: Disk,
  signal: AbortSignal,
): Promise<{ id: string; gibibytes: number }> {
  const made = await writeSnapshot(
    aws,
    {
      file,
      description: `${tags.Name ?? ''} (slipway)`,
      token: record.key.slice(0, 60),
      encrypted: settings.encrypted,
      key: settings.key,
      tags,
      signal,
    },
    size,
  );
  await until(async () => {
    const found = await aws.query('ec2', 'DescribeSnapshots', { 'SnapshotId.1': made.id });
    const [first] = itemsOf(found.snapshotSet);
    const state = first && textIn(first, 'status');
    if (state === 'error') throw new Error(`the snapshot ${made.id} failed`);
    return state === 'completed';
  }, signal);
  return made;
}

/** Polls until `ask` returns true, for at most an hour. */
async function until(ask: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  for (let n = 0; n < 360; n++) {
    if (await ask()) return;
    await pause(n < 5 ? 1000 : 10_000, undefined, { signal });
  }
  throw new Error('AWS did not finish within an hour');
}

async function register(
  aws: Aws,
  record: ImageRecord,
  name: string,
  { id, gibibytes }: { id: string; gibibytes: number },
  tags: Record<string, string>,
): Promise<string> {
  const registered = await aws.query('ec2', 'RegisterImage', {
    Name: name,
    Description: `${record.name} ${record.version}, state ${record.state.slice(0, 16)} of ${record.channel}`.slice(
      0,
      255,
    ),
    Architecture: record.architecture === 'arm64' ? 'arm64' : 'x86_64',
    BootMode: record.architecture === 'arm64' ? 'uefi' : 'uefi-preferred',
    EnaSupport: 'true',
    ImdsSupport: 'v2.0',
    VirtualizationType: 'hvm',
    RootDeviceName: '/dev/xvda',
    'BlockDeviceMapping.1.DeviceName': '/dev/xvda',
    'BlockDeviceMapping.1.Ebs.SnapshotId': id,
    'BlockDeviceMapping.1.Ebs.VolumeSize': String(gibibytes),
    'BlockDeviceMapping.1.Ebs.VolumeType': 'gp3',
    'BlockDeviceMapping.1.Ebs.DeleteOnTermination': 'true',
  });
  const image = textIn(registered, 'imageId');
  if (image === undefined) throw new Error('EC2 named no image');
  await aws.query('ec2', 'CreateTags', { 'ResourceId.1': image, ...tagParameters('Tag', tags) });
  return image;
}

async function copy(
  aws: Aws,
  settings: AmiSettings,
  name: string,
  source: string,
  tags: Record<string, string>,
): Promise<string> {
  const there = await imageNamed(aws, name);
  if (there !== undefined) return there;
  const copied = await aws.query('ec2', 'CopyImage', {
    Name: name,
    SourceImageId: source,
    SourceRegion: settings.region,
    ClientToken: `${source}-${aws.region}`,
    ...(settings.encrypted ? { Encrypted: 'true' } : {}),
  });
  const id = textIn(copied, 'imageId');
  if (id === undefined) throw new Error(`EC2 of ${aws.region} named no image`);
  await aws.query('ec2', 'CreateTags', { 'ResourceId.1': id, ...tagParameters('Tag', tags) });
  return id;
}

async function share(aws: Aws, settings: AmiSettings, id: string): Promise<void> {
  if (!settings.share.length) return;
  await aws.query('ec2', 'ModifyImageAttribute', {
    ImageId: id,
    ...Object.fromEntries(settings.share.map((account, i) => [`LaunchPermission.Add.${i + 1}.UserId`, account])),
  });
}
