import * as z from 'zod';
import { bad, compare, error, good, type Result } from '../model/diagnostics.ts';
import { ec2, imageUses, ssm, type AwsPlace } from './aws.ts';
import { whyDue } from './toolset.ts';

/**
 * Images of agents on AWS, and the parameter that names the image of new agents. Launch templates read the parameter at
 * each start, so changing it is all that a new image or a rollback needs.
 */
export interface Pool extends AwsPlace {
  organization: string;
  architecture: 'amd64' | 'arm64';
}

export interface AgentImage {
  id: string;
  name: string;
  state: string;
  created: string;
  snapshots: string[];
  /** `current`, `former`, or a user of the image; undefined if unused. */
  use: string | undefined;
}

const parameterOf = (pool: Pool): string => `/${pool.organization}/agents/${pool.architecture}/image`;

const text = z.string();
/** The XML parser gives '' for an empty element, and a list of one item as the item itself. */
const list = <T extends z.ZodType>(item: T) =>
  z.union([
    z.literal('').transform((): z.output<T>[] => []),
    z.object({ item: z.union([z.array(item), item.transform((one) => [one])]) }).transform((l) => l.item),
  ]);
const imagesAnswer = z.object({
  imagesSet: list(
    z.object({
      imageId: text,
      name: text.default(''),
      imageState: text,
      creationDate: text,
      architecture: text,
      tagSet: list(z.object({ key: text, value: text })).default([]),
      blockDeviceMapping: list(z.object({ ebs: z.object({ snapshotId: text.optional() }).optional() })).default([]),
    }),
  ),
});
const historyAnswer = z.object({
  Parameters: z.array(z.object({ Value: text, Version: z.number() })),
  NextToken: text.nullish(),
});

function read<T extends z.ZodType>(schema: T, answer: Result<unknown>, what: string): Result<z.output<T>> {
  if (!answer.ok) return answer;
  const checked = schema.safeParse(answer.value);
  return checked.success ? good(checked.data) : bad(error('deploy-aws', `AWS returned ${what} in an unknown form`));
}

/** Earlier values of the parameter, newest first, each image once. */
async function pointerHistory(pool: Pool): Promise<Result<string[]>> {
  const values: { Value: string; Version: number }[] = [];
  let token: string | undefined;
  let pages = 0;
  do {
    const asked = { Name: parameterOf(pool), MaxResults: 50, ...(token === undefined ? {} : { NextToken: token }) };
    const page = read(historyAnswer, await ssm(pool, 'GetParameterHistory', asked), 'the history of a parameter');
    if (!page.ok) return page;
    values.push(...page.value.Parameters);
    token = page.value.NextToken ?? undefined;
  } while (token !== undefined && token !== '' && values.length < 1000 && ++pages < 100);
  return good([...new Set(values.sort((a, b) => b.Version - a.Version).map((v) => v.Value))]);
}

async function describe(pool: Pool, filters: Record<string, string>) {
  const parameters: Record<string, string> = {};
  for (const [i, [name, value]] of Object.entries(filters).entries()) {
    parameters[`Filter.${i + 1}.Name`] = name;
    parameters[`Filter.${i + 1}.Value.1`] = value;
  }
  return read(imagesAnswer, await ec2(pool, 'DescribeImages', parameters), 'images');
}

/** All images of a pool, newest first. Only images with both tags of the farm count. */
export async function listAgentImages(pool: Pool): Promise<Result<AgentImage[]>> {
  const own = { 'tag:farm': pool.organization, 'tag:slipway-agent': pool.architecture };
  const images = await describe(pool, own);
  if (!images.ok) return images;
  const [pointers, used] = [await pointerHistory(pool), await imageUses(pool)];
  if (!pointers.ok) return pointers;
  if (!used.ok) return used;
  const [current, former] = pointers.value;
  const useOf = (id: string) => {
    if (id === current) return 'current';
    return id === former ? 'former' : used.value.get(id);
  };
  return good(
    images.value.imagesSet
      .map((i) => ({
        id: i.imageId,
        name: i.name,
        state: i.imageState,
        created: i.creationDate,
        snapshots: i.blockDeviceMapping.flatMap((m) => m.ebs?.snapshotId ?? []),
        use: useOf(i.imageId),
      }))
      .sort((a, b) => compare(b.created, a.created) || compare(b.id, a.id)),
  );
}

/** Makes new agents start from an image, after checking that it exists, is available and has their architecture. */
export async function useAgentImage(pool: Pool, id: string): Promise<Result<{ former: string | undefined }>> {
  const found = await describe(pool, { 'image-id': id });
  if (!found.ok) return found;
  const [image] = found.value.imagesSet;
  const processor = pool.architecture === 'amd64' ? 'x86_64' : 'arm64';
  if (image?.imageId !== id) return bad(error('deploy-image', `there is no image ${id} in ${pool.region}`));
  if (image.imageState !== 'available')
    return bad(error('deploy-image', `${id} is ${image.imageState}, not available`));
  if (image.architecture !== processor)
    return bad(error('deploy-image', `${id} is for ${image.architecture}, agents of this pool are ${processor}`));
  const history = await pointerHistory(pool);
  if (!history.ok) return history;
  const put = { Name: parameterOf(pool), Value: id, Type: 'String', DataType: 'aws:ec2:image', Overwrite: true };
  const done = history.value[0] === id ? good(undefined) : await ssm(pool, 'PutParameter', put);
  return done.ok ? good({ former: history.value.find((value) => value !== id) }) : done;
}

/** Why the pool needs a new image; undefined if the current one is good. */
export async function dueReason(
  pool: Pool,
  toolset: string,
  days: number,
  now: number,
): Promise<Result<{ named: string; why: string | undefined }>> {
  const history = await pointerHistory(pool);
  if (!history.ok) return history;
  const [named = ''] = history.value;
  const found = await describe(pool, { 'image-id': named });
  if (!found.ok) return found;
  const image = found.value.imagesSet.find((i) => i.imageId === named);
  const described = image && {
    id: named,
    created: image.creationDate,
    tags: Object.fromEntries(image.tagSet.map((t) => [t.key, t.value])),
  };
  return good({ named, why: whyDue(named, described, { ...pool, toolset, days }, now) });
}

/** Rolls back to the previous image of the parameter, skipping deleted ones. */
export async function backToFormer(pool: Pool): Promise<Result<{ id: string }>> {
  const history = await pointerHistory(pool);
  if (!history.ok) return history;
  for (const id of history.value.slice(1)) {
    const used = await useAgentImage(pool, id);
    if (used.ok) return good({ id });
    if (used.diagnostics.some((d) => d.code === 'deploy-aws')) return used;
  }
  return bad(error('deploy-image', `${parameterOf(pool)} has no former image that still exists`));
}

/** Unused images beyond the newest `keep`. `remove` deregisters them and deletes their snapshots. */
export async function pruneAgentImages(pool: Pool, keep: number, remove: boolean): Promise<Result<AgentImage[]>> {
  const images = await listAgentImages(pool);
  if (!images.ok) return images;
  const gone = images.value.slice(keep).filter((image) => image.use === undefined);
  if (!remove) return good(gone);
  for (const image of gone) {
    const done = await ec2(pool, 'DeregisterImage', { ImageId: image.id });
    if (!done.ok) return done;
    for (const SnapshotId of image.snapshots) {
      const deleted = await ec2(pool, 'DeleteSnapshot', { SnapshotId });
      if (!deleted.ok) return deleted;
    }
  }
  return good(gone);
}
