import * as z from 'zod';
import { glob } from './fields.ts';
import { isRemotePlace, parseRemotePlace } from './remote-place.ts';

/** What distro.yaml says of branches, of channels, and of where they are published. */

export const track = z
  .strictObject({
    branch: z.string().min(1).optional(),
    tag: z.string().min(1).optional(),
    channel: z.string().regex(/^[a-z0-9{][a-z0-9{}._/-]*$/),
    locked: z.boolean().default(false),
    keep: z.number().int().min(1).optional(),
    strict: z.boolean().optional(),
  })
  .refine((t) => (t.branch === undefined) !== (t.tag === undefined), 'either a branch or a tag');

export const channelPattern = z
  .string()
  .regex(
    /^[a-z0-9*][a-z0-9._*-]*(\/[a-z0-9*][a-z0-9._*-]*){0,3}$/,
    'a channel or a pattern of channels: lower case letters, digits, ".", "_", "-", "/" and "*"',
  )
  .refine((c) => !c.includes('..'), 'no ".." in a channel');

/** What a state must meet to be promoted to a channel, and how long the channel keeps states. */
export const channelRules = z.strictObject({
  from: z.array(channelPattern).default([]).describe('Channels that may be promoted to it; left out: any'),
  packages: z.array(glob).default([]).describe('Debian packages that each suite must have'),
  count: z.number().int().min(1).optional().describe('Least number of packages in each suite'),
  percent: z.number().min(0).max(100).optional().describe('Least part of the packages that the channel has now'),
  architectures: z.boolean().default(true).describe('Each architecture has every package'),
  installable: z.boolean().default(true).describe('What packages need of each other is there'),
  abi: z.boolean().default(true).describe('Each package finds the ABI that it was built against'),
  archive: z
    .boolean()
    .default(false)
    .describe("All that packages need is there or in the platform's archive, as the lock of the state has it"),
  upgrade: z.boolean().default(true).describe('An upgrade removes no package that the channel has'),
  nothing_lost: z.boolean().default(true).describe('No package that the channel has is lost'),
  tests: z.boolean().default(true).describe('No test fails that did not fail in the channel'),
  age_hours: z.number().min(0).optional().describe('Hours that the state must have been in its channel'),
  approval: z.boolean().default(false).describe('Somebody must approve of it by name'),
  keep: z.number().int().min(1).optional().describe('States that are kept; left out: as `publish` says'),
});

export const placeUri = z
  .string()
  .regex(
    /^(file:[^\0-\x1f\x7f]+|s3:\/\/[a-z0-9][a-z0-9.-]+(\/[^?#\s]*)?(\?[^#\s]*)?)$/,
    'file:PATH or s3://BUCKET/PREFIX?endpoint=URL&region=NAME',
  );

/** Where files are published: a place of a store's form, or a host. */
export const publishedPlace = z
  .string()
  .regex(
    /^(file:[^\0-\x1f\x7f]+|s3:\/\/[a-z0-9][a-z0-9.-]+(\/[^?#\s]*)?(\?[^#\s]*)?|ssh:\/\/.+|[^@/:?\s]+@[^/?\s]+:\/.*)$/,
    'file:PATH, s3://BUCKET/PREFIX?endpoint=URL&region=NAME, ssh://USER@HOST:PORT/PATH or USER@HOST:/PATH ' +
      '(an rsync daemon can compare nothing before it replaces it: name the host for ssh)',
  )
  .superRefine((place, context) => {
    const parsed = isRemotePlace(place) ? parseRemotePlace(place) : undefined;
    if (typeof parsed === 'string') context.addIssue(parsed);
  });

export const publishSettings = z.strictObject({
  to: z.array(publishedPlace).default([]).describe('Where repositories lie, that of a channel at CHANNEL/apt below it'),
  keep: z.number().int().min(1).optional().describe('States of a channel that are kept; left out: all'),
  grace_days: z
    .number()
    .min(0)
    .default(7)
    .describe('Days for which no index and no package goes away after a state that had it was replaced'),
  sha512: z.boolean().default(false).describe('Release files have SHA512 digests, too'),
  contents: z.boolean().default(false).describe('Each suite has Contents indices, which apt-file reads'),
  sources: z
    .boolean()
    .default(false)
    .describe('Each suite has the sources of its packages, patches included: deb-src, for licences that ask for it'),
  keyring: z
    .boolean()
    .default(false)
    .describe('Each suite has the package ORGANIZATION-archive-keyring: the public keys, and entries for apt'),
  valid_days: z.number().min(1).optional().describe('Release files are valid for so long; left out: for ever'),
});

export type ChannelRules = z.output<typeof channelRules>;

/** Rules of a channel that distro.yaml says nothing of. */
export const defaultRules = (): ChannelRules => channelRules.parse({});
