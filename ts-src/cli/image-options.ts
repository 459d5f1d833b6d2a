import { join, resolve } from 'node:path';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { targetsOf, type ImageTarget } from '../images/target.ts';
import { folderChannel } from '../publish/channel.ts';
import { movingOptions, type Opened } from './channels.ts';
import type { ValuesOf } from './command.ts';

export const imageOptions = {
  ...movingOptions,
  output: { type: 'string', short: 'o', value: 'DIR', help: 'where files go (default: out beside the distro file)' },
  channel: { type: 'string', value: 'NAME', help: "the channel to build from, in place of the image's own" },
  local: { type: 'boolean', help: 'build from the last `slipway build` of the output folder instead of a channel' },
  state: { type: 'string', value: 'ID', help: 'the state of the channel (default: the one that it serves)' },
  kind: { type: 'string', multiple: true, value: 'KIND', help: 'only this kind (may be given again)' },
  architecture: { type: 'string', multiple: true, value: 'NAME', help: 'only this one (may be given again)' },
  to: {
    type: 'string',
    multiple: true,
    value: 'URI',
    help: "publish: the channel's repository that images lie beside (default: where the channel is served)",
  },
  keep: { type: 'string', value: 'N', help: 'retire: AMIs that stay in each region (default: 5)' },
  'dry-run': { type: 'boolean', short: 'n', help: 'retire: say what would be removed' },
  json: { type: 'boolean', help: 'as data on standard output' },
} as const;
export type ImageValues = ValuesOf<typeof imageOptions>;

export const outputOf = (opened: Opened, values: ImageValues): string =>
  values.output === undefined ? join(opened.workspace.root, 'out') : resolve(values.output);

/** The channel that an image is built from. */
export function channelOf(opened: Opened, { name, spec }: ImageTarget, values: ImageValues): Result<string> {
  if (values.local) return good(folderChannel(outputOf(opened, values)));
  const channel = values.channel ?? spec.channel;
  if (channel !== undefined) return good(channel);
  return bad(
    error('image-channel', `it is not said which channel the image '${name}' is made from`, {
      hint: '`channel:` in distro.yaml, or --channel; --local takes the last `slipway build` of this folder',
    }),
  );
}

export function imagesOf(opened: Opened, names: readonly string[], values: ImageValues): Result<ImageTarget[]> {
  const { distro } = opened.workspace;
  const wanted = names.length ? names : Object.keys(distro.images);
  if (!wanted.length)
    return bad(error('image-unknown', 'distro.yaml has no images', { hint: 'docs/images.md shows a first one' }));
  const found = wanted.map((name) => targetsOf(distro, name));
  const faults = found.flatMap((f) => (f.ok ? [] : f.diagnostics));
  if (faults.length) return bad(...faults);
  const targets = found.flatMap((f) => (f.ok ? f.value : []));
  const chosen = targets.filter((t) => values.architecture?.includes(t.target.architecture) ?? true);
  if (!chosen.length) return bad(error('image-unknown', 'no image is made for this architecture'));
  return good(chosen);
}
