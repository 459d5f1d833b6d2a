import { good, type Result } from '../model/diagnostics.ts';
import { ofArchitecture, type ImageSpec } from '../model/images.ts';
import { Aws, allPages, itemsOf, textIn } from '../aws/client.ts';
import { usedImages } from '../aws/used-images.ts';

/** An AMI of Slipway in one region. */
export interface OwnAmi {
  region: string;
  id: string;
  name: string;
  version: string;
  snapshots: string[];
  /** Why it stays; undefined if it may be removed. */
  kept: string | undefined;
}

const tagIn = (item: Record<string, unknown>, key: string): string | undefined => {
  const tag = itemsOf(item.tagSet).find((t) => textIn(t, 'key') === key);
  return tag && textIn(tag, 'value');
};

/**
 * AMIs of an image beyond the newest `keep` per region and architecture. Those that are used, shared or named by the
 * parameter stay. Only AMIs with Slipway's tags are considered.
 */
export async function retiring(
  settings: NonNullable<ImageSpec['ami']>,
  image: string,
  channel: string,
  keep: number,
): Promise<OwnAmi[]> {
  const all: OwnAmi[] = [];
  for (const region of [settings.region, ...settings.copies]) {
    const aws = new Aws(region, settings.endpoint);
    const used = await usedImages(aws);
    const found = (
      await allPages(aws, 'ec2', 'DescribeImages', {
        'Owner.1': 'self',
        'Filter.1.Name': 'tag:slipway:image',
        'Filter.1.Value.1': image,
        'Filter.2.Name': 'tag:slipway:channel',
        'Filter.2.Value.1': channel,
      })
    )
      .flatMap((page) => itemsOf(page.imagesSet))
      .map((item) => ({
        item,
        version: tagIn(item, 'slipway:version') ?? '',
        architecture: tagIn(item, 'slipway:architecture') ?? '',
        id: textIn(item, 'imageId') ?? '',
      }))
      .filter(({ id, version }) => id !== '' && version !== '')
      .sort((a, b) => (a.version < b.version ? 1 : -1));
    const current = await namedBy(aws, settings.parameter, new Set(found.map((f) => f.architecture)));
    const newest = new Map<string, number>();
    for (const { item, id, version, architecture } of found) {
      const n = newest.get(architecture) ?? 0;
      newest.set(architecture, n + 1);
      const snapshots = itemsOf(item.blockDeviceMapping).flatMap((m) => {
        const ebs: unknown = m.ebs;
        const snapshot = typeof ebs === 'object' && ebs !== null ? textIn({ ...ebs }, 'snapshotId') : undefined;
        return snapshot === undefined ? [] : [snapshot];
      });
      const reason = used.get(id);
      const kept = keptFor(n < keep, current.has(id), reason);
      all.push({ region, id, name: textIn(item, 'name') ?? '', version, snapshots, kept });
    }
  }
  return all;
}

function keptFor(newest: boolean, named: boolean, reason: string | undefined): string | undefined {
  if (newest) return 'one of the newest';
  if (named) return 'the parameter names it';
  return reason === undefined ? undefined : `${reason} uses it`;
}

/** The AMIs that the parameter names, by architecture. */
async function namedBy(
  aws: Aws,
  parameter: string | undefined,
  architectures: ReadonlySet<string>,
): Promise<Set<string>> {
  const names = new Set<string>();
  if (parameter === undefined) return names;
  for (const name of new Set([...architectures].map((a) => ofArchitecture(parameter, a)))) {
    const id = await parameterOf(aws, name);
    if (id !== undefined) names.add(id);
  }
  return names;
}

async function parameterOf(aws: Aws, name: string): Promise<string | undefined> {
  try {
    const found = await aws.ssm('GetParameter', { Name: name });
    const parameter: unknown = found.Parameter;
    return typeof parameter === 'object' && parameter !== null ? textIn({ ...parameter }, 'Value') : undefined;
  } catch (e) {
    if (e instanceof Error && e.message.includes('ParameterNotFound')) return undefined;
    throw e;
  }
}

/** Removes AMIs: first the image, then the snapshots that only it uses. */
export async function retire(
  settings: NonNullable<ImageSpec['ami']>,
  amis: readonly OwnAmi[],
): Promise<Result<number>> {
  let removed = 0;
  for (const ami of amis) {
    if (ami.kept !== undefined) continue;
    const aws = new Aws(ami.region, settings.endpoint);
    // Checks again, because an AMI may have come into use since.
    if ((await usedImages(aws)).has(ami.id)) continue;
    await aws.query('ec2', 'DeregisterImage', { ImageId: ami.id });
    for (const snapshot of ami.snapshots) await aws.query('ec2', 'DeleteSnapshot', { SnapshotId: snapshot });
    removed++;
  }
  return good(removed);
}
