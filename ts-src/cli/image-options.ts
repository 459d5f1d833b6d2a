import { join, resolve } from 'node:path';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { targetsOf, type ImageTarget } from '../images/target.ts';
import { folderChannel } from '../publish/channel.ts';
import { movingOptions, type Opened } from './channels.ts';
import { architectureNames } from '../model/fields.ts';
import { imageKinds } from '../model/images.ts';
import type { ValuesOf } from './command.ts';
import { among } from './option-checks.ts';

export const imageOptions = {
  ...movingOptions,
  output: { type: 'string', short: 'o', value: 'DIR', help: 'output folder (default: out beside the distro file)' },
  channel: { type: 'string', value: 'NAME', help: 'channel to build from (default: `channel` of the image)' },
  local: { type: 'boolean', help: 'use the last `slipway build` in the output folder instead of a channel' },
  state: { type: 'string', value: 'ID', help: 'state of the channel (default: the state that it serves)' },
  kind: {
    type: 'string',
    multiple: true,
    value: 'KIND',
    help: 'only this kind (repeatable)',
    check: among(...imageKinds),
  },
  architecture: {
    type: 'string',
    multiple: true,
    value: 'NAME',
    help: 'only this architecture (repeatable)',
    check: among(...architectureNames),
  },
  to: {
    type: 'string',
    multiple: true,
    value: 'URI',
    help:
      'publish: repository of the channel, next to which images are ' +
      'published (default: where the channel is served)',
  },
  keep: { type: 'string', value: 'N', help: 'retire: number of AMIs to keep in each region (default: 5)' },
  'dry-run': { type: 'boolean', short: 'n', help: 'retire: only show what would be removed' },
  json: { type: 'boolean', help: 'print JSON' },
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
    error('image-channel', `the image '${name}' has no channel`, {
      hint: 'set `channel:` in distro.yaml or pass --channel; --local uses the last `slipway build` of this folder',
    }),
  );
}

export function imagesOf(opened: Opened, names: readonly string[], values: ImageValues): Result<ImageTarget[]> {
  const { distro } = opened.workspace;
  const wanted = names.length ? names : Object.keys(distro.images);
  if (!wanted.length)
    return bad(error('image-unknown', 'distro.yaml has no images', { hint: 'see docs/images.md for an example' }));
  const found = wanted.map((name) => targetsOf(distro, name));
  const faults = found.flatMap((f) => (f.ok ? [] : f.diagnostics));
  if (faults.length) return bad(faults);
  const targets = found.flatMap((f) => (f.ok ? f.value : []));
  const chosen = targets.filter((t) => values.architecture?.includes(t.target.architecture) ?? true);
  if (!chosen.length) return bad(error('image-unknown', 'no image is made for this architecture'));
  return good(chosen);
}
