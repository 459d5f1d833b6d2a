import * as z from 'zod';
import { glob } from './fields.ts';
import { publishedPlace } from './places.ts';

/** Settings of distro.yaml for branches, channels and publishing. */

export const track = z
  .strictObject({
    branch: z.string().min(1).optional(),
    tag: z.string().min(1).optional(),
    channel: z
      .string()
      .regex(/^[a-z0-9{][a-z0-9{}._/-]*$/, 'a channel: lower case letters, digits, ".", "_", "-", "/" and {name}'),
    locked: z.boolean().default(false),
    keep: z.number().int().min(1).optional(),
    strict: z.boolean().optional(),
  })
  .refine((t) => (t.branch === undefined) !== (t.tag === undefined), 'either a branch or a tag');

/** Channel names are used as paths: parts of lower case letters, digits, `.`, `_` and `-`, joined by `/`. */
export const isChannelName = (name: string): boolean =>
  name.length <= 200 && /^[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*){0,3}$/.test(name) && !name.includes('..');

export const channelPattern = z
  .string()
  .regex(
    /^[a-z0-9*][a-z0-9._*-]*(\/[a-z0-9*][a-z0-9._*-]*){0,3}$/,
    'a channel or a pattern of channels: lower case letters, digits, ".", "_", "-", "/" and "*"',
  )
  .refine((c) => !c.includes('..'), 'no ".." in a channel');

/** Criteria for promotion to a channel, and the number of states that the channel keeps. */
export const channelRules = z.strictObject({
  from: z.array(channelPattern).default([]).describe('Channels that may be promoted to this one. Default: any'),
  packages: z.array(glob).default([]).describe('Debian packages that each suite must contain'),
  count: z.number().int().min(1).optional().describe('Minimum number of packages in each suite'),
  percent: z
    .number()
    .min(0)
    .max(100)
    .optional()
    .describe("Minimum number of packages, in percent of the channel's current number"),
  architectures: z.boolean().default(true).describe('Require every package on each architecture'),
  installable: z
    .boolean()
    .default(true)
    .describe('Require that all dependencies between packages of the state are satisfied'),
  abi: z.boolean().default(true).describe('Require that each package finds the ABI that it was built against'),
  archive: z
    .boolean()
    .default(false)
    .describe("Require that all dependencies are in the state or in the platform's archive, as locked by the state"),
  upgrade: z.boolean().default(true).describe("Require that an upgrade removes none of the channel's packages"),
  nothing_lost: z.boolean().default(true).describe("Require that the state has all of the channel's packages"),
  tests: z.boolean().default(true).describe('Require that no test fails that does not fail in the channel'),
  age_hours: z.number().min(0).optional().describe('Minimum age of the state in the channel it comes from, in hours'),
  approval: z.boolean().default(false).describe('Require the approval of a named person'),
  keep: z.number().int().min(1).optional().describe('Number of states to keep. Default: as set in `publish`'),
});

export const publishSettings = z.strictObject({
  to: z
    .array(publishedPlace)
    .default([])
    .describe('Places to publish apt repositories to. The one of a channel is in CHANNEL/apt below each place'),
  keep: z.number().int().min(1).optional().describe('Number of states of a channel to keep. Default: all'),
  grace_days: z
    .number()
    .min(0)
    .default(7)
    .describe('Keep the indices and packages of a replaced state for this many days'),
  sha512: z.boolean().default(false).describe('Add SHA512 digests to Release files'),
  contents: z.boolean().default(false).describe('Add Contents indices to each suite, for apt-file'),
  sources: z
    .boolean()
    .default(false)
    .describe('Add source packages, including patches, to each suite (deb-src), for licences that require it'),
  keyring: z
    .boolean()
    .default(false)
    .describe('Add the package ORGANIZATION-archive-keyring to each suite: the public keys and the apt sources'),
  valid_days: z.number().min(1).optional().describe('Number of days that Release files are valid. Default: no expiry'),
});

export type ChannelRules = z.output<typeof channelRules>;

/** The rules of a channel without an entry in distro.yaml. */
export const defaultRules = (): ChannelRules => channelRules.parse({});
