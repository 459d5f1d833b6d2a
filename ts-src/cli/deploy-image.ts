import { resolve } from 'node:path';
import * as z from 'zod';
import { readIf } from '../io/files.ts';
import { untilStopped } from '../io/signals.ts';
import { Aws } from '../aws/client.ts';
import { tryInstance, type Trial } from '../aws/instance.ts';
import { instanceType, securityGroupId, subnetId } from '../model/images.ts';
import {
  backToFormer,
  dueReason,
  listAgentImages,
  pruneAgentImages,
  useAgentImage,
  type Pool,
} from '../deploy/agent-images.ts';
import { toolsetOf } from '../deploy/toolset.ts';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { renderTable } from '../render/table.ts';
import { exit, showDiagnostics, writeMessage, writeOutput, type ValuesOf } from './command.ts';

export const imageOptions = {
  organization: { type: 'string', value: 'NAME', help: 'image: name of the farm, as in its answers' },
  architecture: { type: 'string', value: 'NAME', help: 'image: amd64 (default) or arm64' },
  region: { type: 'string', value: 'NAME', help: 'image: AWS region (default: AWS_REGION)' },
  endpoint: {
    type: 'string',
    value: 'URL',
    help: 'image: URL of a server that replaces AWS (default: AWS_ENDPOINT_URL)',
  },
  manifest: {
    type: 'string',
    value: 'FILE',
    help: 'image use, image try: take the newest image of this Packer manifest',
  },
  keep: { type: 'string', value: 'N', help: 'image prune: number of newest images to keep (default: 5)' },
  days: { type: 'string', value: 'N', help: 'image due: age in days at which an image is due (default: 7)' },
  'instance-type': { type: 'string', value: 'TYPE', help: 'image try: instance type, such as t3.small' },
  subnet: { type: 'string', value: 'ID', help: 'image try: subnet, if the account has no default network' },
  'security-group': { type: 'string', value: 'ID', help: 'image try: security group' },
  minutes: { type: 'string', value: 'N', help: 'image try: time limit of its checks (default: 15)' },
  'dry-run': { type: 'boolean', help: 'image prune: only show what would be removed' },
} as const;
type Values = ValuesOf<typeof imageOptions>;

function poolOf(values: Values): Pool | undefined {
  const { organization, architecture = 'amd64', endpoint = process.env.AWS_ENDPOINT_URL } = values;
  const region = values.region ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION ?? '';
  if (organization === undefined || !/^[a-z0-9][a-z0-9-]{0,30}$/.test(organization)) return undefined;
  if ((architecture !== 'amd64' && architecture !== 'arm64') || !/^[a-z]{2}(-[a-z]+)+-\d$/.test(region))
    return undefined;
  if (endpoint !== undefined && !/^https?:\/\/[A-Za-z0-9.:-]+$/.test(endpoint)) return undefined;
  return { organization, architecture, region, endpoint };
}

/** Reads the AMI of the last run (`REGION:AMI`) from the output of Packer's "manifest" post-processor. */
function imageOfManifest(file: string): string | undefined {
  const text = readIf(resolve(file));
  let value: unknown;
  try {
    value = JSON.parse(text ?? '');
  } catch {
    return undefined;
  }
  const schema = z.object({
    last_run_uuid: z.string(),
    builds: z.array(z.object({ packer_run_uuid: z.string(), artifact_id: z.string() })),
  });
  const checked = schema.safeParse(value);
  const build = checked.success && checked.data.builds.find((b) => b.packer_run_uuid === checked.data.last_run_uuid);
  return build ? /^[a-z0-9-]+:(ami-[0-9a-f]+)$/.exec(build.artifact_id)?.[1] : undefined;
}

/** `slipway deploy image list|use|back|prune|due|try|toolset`. */
export async function agentImages(words: string[], values: Values): Promise<number> {
  const [what = 'list', given, ...more] = words;
  if (what === 'toolset' && given === undefined) {
    const digest = toolsetOf(resolve('.'));
    showDiagnostics(digest.diagnostics);
    if (digest.ok) writeOutput(`${digest.value}\n`);
    return digest.ok ? exit.ok : exit.failed;
  }
  const names = what === 'use' || what === 'try';
  const id = names && values.manifest !== undefined ? imageOfManifest(values.manifest) : given;
  const pool = poolOf(values);
  const keep = values.keep ?? '5';
  const days = values.days ?? '7';
  const named = names ? /^ami-[0-9a-f]{8,17}$/.test(id ?? '') : id === undefined;
  if (
    !pool ||
    more.length ||
    !named ||
    !['list', 'use', 'back', 'prune', 'due', 'try'].includes(what) ||
    (what === 'try' && !trialOf(values)) ||
    ![keep, days].every((number) => /^[1-9]\d{0,2}$/.test(number))
  ) {
    writeMessage(
      'slipway deploy image: list, use AMI, try AMI, back, prune, due or toolset; --organization and --region are\n' +
        'needed, for try --instance-type too; --architecture is amd64 or arm64, --keep and --days are numbers from 1\n' +
        'to 999, --minutes from 1 to 60\n',
    );
    return exit.usage;
  }
  const done =
    what === 'due' ? await due(pool, Number(days)) : await perform(what, pool, id ?? '', Number(keep), values);
  showDiagnostics(done.diagnostics);
  if (done.ok) writeOutput(done.value);
  return done.ok ? exit.ok : exit.failed;
}

async function due(pool: Pool, days: number): Promise<Result<string>> {
  const toolset = toolsetOf(resolve('.'));
  if (!toolset.ok) return toolset;
  const found = await dueReason(pool, toolset.value, days, Date.now());
  if (!found.ok) return found;
  const { named, why } = found.value;
  return good(why === undefined ? `good: ${named} needs no successor yet\n` : `due: ${why}\n`);
}

/** The trial instance from the options; undefined if they are incomplete. */
function trialOf(values: Values): Trial | undefined {
  const { 'instance-type': type = '', subnet, 'security-group': securityGroup, minutes = '15' } = values;
  if (!instanceType.test(type) || !/^([1-9]|[1-5]\d|60)$/.test(minutes)) return undefined;
  if (subnet !== undefined && !subnetId.test(subnet)) return undefined;
  if (securityGroup !== undefined && !securityGroupId.test(securityGroup)) return undefined;
  return { type, subnet, securityGroup, minutes: Number(minutes) };
}

async function tryImage(pool: Pool, id: string, trial: Trial): Promise<Result<string>> {
  const stop = untilStopped();
  try {
    const tags = { Name: `try ${id}`, farm: pool.organization };
    const why = await tryInstance(new Aws(pool.region, pool.endpoint), id, trial, tags, stop.signal);
    if (why === undefined) return good(`${id} started, and is on the network\n`);
    return bad(error('deploy-image', `${id} failed its trial: ${why}`));
  } catch (e) {
    return bad(error('deploy-aws', `can't try ${id}: ${e instanceof Error ? e.message : String(e)}`));
  } finally {
    stop.done();
  }
}

async function perform(what: string, pool: Pool, id: string, keep: number, values: Values): Promise<Result<string>> {
  if (what === 'use') {
    const used = await useAgentImage(pool, id);
    const former = used.ok ? used.value.former : undefined;
    return used.ok ? good(`new agents start from ${id}${former ? `; before it: ${former}` : ''}\n`) : used;
  }
  const trial = what === 'try' ? trialOf(values) : undefined;
  if (trial) return tryImage(pool, id, trial);
  if (what === 'back') {
    const back = await backToFormer(pool);
    return back.ok ? good(`new agents start from ${back.value.id} again\n`) : back;
  }
  if (what === 'prune') {
    const remove = values['dry-run'] !== true;
    const gone = await pruneAgentImages(pool, keep, remove);
    if (!gone.ok) return gone;
    const lines = gone.value.map((i) => `${remove ? 'removed' : 'would remove'} ${i.id} ${i.name} of ${i.created}\n`);
    return good(lines.join('') || 'nothing to remove\n');
  }
  const images = await listAgentImages(pool);
  if (!images.ok) return images;
  const rows = images.value.map((i) => [i.id, i.created, i.state, i.use ?? '', i.name]);
  return good(renderTable(['image', 'created', 'state', 'used by', 'name'], rows));
}
