import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { AwsFault, itemsOf, tagParameters, textIn, type Aws } from './client.ts';

/** The trial instance of an image: its type and, where the account has no default network, its subnet. */
export interface Trial {
  type: string;
  subnet?: string | undefined;
  securityGroup?: string | undefined;
  /** Time limit for the status checks, in minutes. */
  minutes: number;
}

const between = 10_000;

/**
 * Starts one instance of an AMI and waits until both of EC2's status checks pass: the system is up and on the network.
 * The instance has no key and no role, and is always terminated. Returns why the image is unfit, with the end of the
 * console, or undefined if it is fit. Throws on requests that AWS refuses.
 */
export async function tryInstance(
  aws: Aws,
  image: string,
  trial: Trial,
  tags: Record<string, string>,
  signal: AbortSignal,
): Promise<string | undefined> {
  const started = await aws.query('ec2', 'RunInstances', {
    ImageId: image,
    InstanceType: trial.type,
    MinCount: '1',
    MaxCount: '1',
    ClientToken: randomUUID(),
    InstanceInitiatedShutdownBehavior: 'terminate',
    'MetadataOptions.HttpTokens': 'required',
    ...(trial.subnet === undefined ? {} : { SubnetId: trial.subnet }),
    ...(trial.securityGroup === undefined ? {} : { 'SecurityGroupId.1': trial.securityGroup }),
    'TagSpecification.1.ResourceType': 'instance',
    ...tagParameters('TagSpecification.1.Tag', { ...tags, 'slipway:trial': image }),
  });
  const [instance] = itemsOf(started.instancesSet);
  const id = instance && textIn(instance, 'instanceId');
  if (id === undefined) throw new Error('EC2 named no instance');
  let why: string | undefined;
  try {
    why = await watched(aws, id, Date.now() + trial.minutes * 60_000, signal);
    if (why !== undefined) why += await consoleOf(aws, id);
  } finally {
    // Also when the run is interrupted: an instance costs money until it is terminated.
    await aws.query('ec2', 'TerminateInstances', { 'InstanceId.1': id }).catch((e: unknown) => {
      const fault = e instanceof Error ? e.message : String(e);
      throw new Error(
        `the instance ${id}, in which ${image} was tried, could not be terminated and still costs money: ${fault}`,
      );
    });
  }
  return why;
}

async function watched(aws: Aws, id: string, until: number, signal: AbortSignal): Promise<string | undefined> {
  for (;;) {
    const [status] = await statusOf(aws, id);
    const stateOf = (key: string, name: string) => {
      const [part] = itemsOf({ item: status?.[key] });
      return part && textIn(part, name);
    };
    const checks = [stateOf('instanceStatus', 'status'), stateOf('systemStatus', 'status')];
    if (checks.every((check) => check === 'ok')) return undefined;
    const state = stateOf('instanceState', 'name') ?? 'pending';
    if (state !== 'pending' && state !== 'running') return `its instance is ${state}`;
    if (checks[0] === 'impaired') return 'its instance does not answer';
    if (Date.now() > until)
      return `its instance was not up in time: it is ${state}, its checks are ${checks.join(', ')}`;
    await pause(between, undefined, { signal });
  }
}

/** Status of an instance; undefined while EC2 does not know the instance yet. */
async function statusOf(aws: Aws, id: string): Promise<Record<string, unknown>[]> {
  try {
    const asked = { 'InstanceId.1': id, IncludeAllInstances: 'true' };
    return itemsOf((await aws.query('ec2', 'DescribeInstanceStatus', asked)).instanceStatusSet);
  } catch (e) {
    if (e instanceof AwsFault && e.code === 'InvalidInstanceID.NotFound') return [];
    throw e;
  }
}

/** The last lines of the console; empty if EC2 has none. */
async function consoleOf(aws: Aws, id: string): Promise<string> {
  const answer = await aws.query('ec2', 'GetConsoleOutput', { InstanceId: id }).catch(() => ({}));
  const text = Buffer.from(textIn(answer, 'output') ?? '', 'base64').toString('utf8');
  const lines = text.split(/[\r\n]+/).filter((line) => line.trim() !== '');
  return lines
    .slice(-5)
    .map((line) => `\n  ${line.slice(0, 200)}`)
    .join('');
}
