import * as z from 'zod';
import { channelPattern, channelRules, placeUri, publishedPlace, publishSettings, track } from './channels.ts';
import {
  absolutePath,
  archiveUri,
  architecture,
  component,
  debianName,
  glob,
  isNamePattern,
  keyPath,
  name,
  packageName,
  relativePath,
  suite,
  value,
  variable,
} from './fields.ts';
import { imageSchema } from './images.ts';
import { sizeOf } from './sizes.ts';
import { systemFileKindNames } from './system-files.ts';
import { isLocalUrl, isSourceUrl } from './urls.ts';

/**
 * The one definition of distro.yaml: its types, defaults, checks and the JSON schema for editors come from here.
 * What a person writes is `WrittenDistro` (z.input), what the rest of the program sees is `Distro`.
 */

const environment = z.record(variable, value);

const size = z
  .union([z.string(), z.number()])
  .transform(String)
  .refine((v) => sizeOf(v) !== undefined, 'a size such as 800M or 1.5G')
  .transform((v) => sizeOf(v) ?? 0);
const limits = z.strictObject({
  memory: size.optional().describe('Of one task, with what it writes to /tmp; left out: three quarters of the machine'),
  processes: z.number().int().min(64).max(1_000_000).optional().describe('Processes and threads; left out: 8192'),
  temporary: size.optional().describe('In /tmp and /dev/shm, each; left out: a quarter of the memory'),
  disk: size.optional().describe('In /build; left out: half of the free room, at most 32 GiB'),
  log: size.optional().describe('Of its log; left out: 64 MiB'),
  minutes: z
    .number()
    .positive()
    .max(34_560)
    .optional()
    .describe('For its build, and for its tests; left out: --timeout'),
});

const systemFile = z.strictObject({
  kind: z.enum(systemFileKindNames),
  path: relativePath.describe("In the package's source"),
  installed: z.boolean().default(false).describe('The path is below the prefix, as its build installed it'),
  to: relativePath.optional().describe('Of `etc`: its path below /etc; left out: ORGANIZATION/FILE'),
  enable: z.boolean().default(false).describe('Of `systemd`: started with the system'),
});

const packageSettings = z.strictObject({
  cmake_args: z.array(value).default([]).describe('Arguments for cmake at configuration'),
  environment: environment.default({}).describe('Environment variables of the build'),
  patches: z
    .array(relativePath)
    .default([])
    .describe("Patch files of the distro repository, applied in order with -p1 in the package's folder"),
  build_depends: z
    .array(debianName)
    .default([])
    .describe('System packages needed to build, beside what package.xml says'),
  depends: z.array(debianName).default([]).describe('System packages needed to run, beside what package.xml says'),
  system: z
    .array(debianName)
    .optional()
    .describe('The platform provides this package: these system packages stand for it and it is not built'),
  limits: limits.optional().describe('What its build and its tests may take of the machine'),
  system_files: z
    .array(systemFile)
    .default([])
    .describe(
      'Files outside of the prefix that the package gets: udev rules, systemd units, configuration, completion',
    ),
  declared_system_files: z
    .boolean()
    .default(false)
    .describe('Take the files outside of the prefix that its package.xml declares'),
  skip: z.boolean().default(false).describe('Do not build it and do not count it as missing where it is named'),
});

const underlay = z.strictObject({
  uri: archiveUri.optional().describe("The apt repository; left out: the platform's own archive"),
  suite: suite.optional(),
  components: z.array(component).default(['main']),
  key: keyPath.optional().describe('Its public key (.asc or .gpg), a file of the distro repository'),
  trusted: z.boolean().default(false).describe('Take it unsigned: for a repository on this machine'),
  package: z
    .string()
    .regex(/^[a-z0-9+.{}-]+$/)
    .refine(isNamePattern, 'a pattern of Debian package names')
    .default('{name}')
    .describe('How it names the Debian package of a package; {name} has "-" for "_"'),
  packages: z.record(packageName, debianName).default({}).describe('Names that the rule does not give'),
  prefix: absolutePath.default('/usr').describe('Where it installs'),
});

const platform = z.strictObject({
  os: z.enum(['debian', 'ubuntu']),
  release: z.string().regex(/^[a-z]+$/, 'a code name such as bookworm or noble'),
  architectures: z.array(architecture).min(1).default(['amd64']),
  mirror: z
    .strictObject({
      uri: archiveUri,
      suites: z.array(suite).min(1).optional(),
      components: z.array(component).min(1).default(['main']),
      key: keyPath.optional().describe("Its public key; left out: the system's archive keyring"),
      trusted: z.boolean().default(false).describe('Take it unsigned: for a mirror on this machine'),
    })
    .optional()
    .describe(
      "Where its packages come from; left out: the host's own apt sources where the host is that system, else the official archive",
    ),
  proxy: z
    .string()
    .regex(/^https?:\/\/[^\s]+$/)
    .optional()
    .describe('HTTP proxy for its archive; left out: as the host has it'),
  include: z
    .array(debianName)
    .default([])
    .describe('System packages of the base beside build-essential, cmake and debhelper'),
  renew_days: z.number().min(0).default(14).describe('A base system older than this is made again'),
  underlays: z.record(name, underlay).default({}),
});

const variant = z.strictObject({
  environment: environment.default({}),
  build_depends: z.array(debianName).default([]),
  cmake_args: z.array(value).default([]),
});

const distribution = z.strictObject({
  platforms: z.array(name).min(1),
  variants: z.array(name).default([]).describe('Built beside the default one'),
  packages: z.array(glob).min(1).default(['*']).describe('What is built, with what it needs'),
  sources: z
    .enum(['source', 'release'])
    .default('source')
    .describe('`source`: branch heads; `release`: released versions'),
  underlay: z.array(name).default([]),
  cache: relativePath.optional().describe('A rosdistro cache (.yaml or .yaml.gz); left out: what the index names'),
  folders: z
    .array(relativePath)
    .default([])
    .describe("Folders of packages on this disk (a colcon workspace's src), taken as they are"),
  repos: z.array(relativePath).default([]).describe('.repos files, read beside the distribution file'),
  ros_version: z
    .union([z.literal(1), z.literal(2)])
    .optional()
    .describe('Left out: from distribution_type of the index'),
  python_version: z
    .union([z.literal(2), z.literal(3)])
    .optional()
    .describe('Left out: from the index, else 3'),
  conditions: environment.default({}).describe('Variables for the conditions of package.xml'),
  build_essential: z
    .array(packageName)
    .default([])
    .describe('Packages that every other one needs, as ROS 2 does with ros_workspace'),
});

const fingerprint = z
  .string()
  .regex(
    /^[0-9A-Fa-f]{16,40}$/,
    'the fingerprint of a GnuPG key (`gpg --list-secret-keys` prints it: 40 hexadecimal digits)',
  );

const docsSettings = z.strictObject({
  skip: z.array(glob).default([]).describe('Packages that get no documentation'),
  warnings: z
    .record(glob, z.number().int().min(0))
    .default({})
    .describe('Most warnings of its tools that a package may have, by package or glob; left out: any number'),
  coverage: z
    .record(glob, z.number().min(0).max(100))
    .default({})
    .describe('Least part of its public entities that has a description, in percent; left out: 0'),
  strict: z.boolean().default(false).describe('A fault of documentation fails the run of a pipeline'),
  platform: name.optional().describe("Where it is made; left out: each distribution's first platform"),
  to: z.array(publishedPlace).default([]).describe('Where sites are published, that of a channel at CHANNEL below it'),
  keep: z.number().int().min(1).default(5).describe('States of a site that are kept'),
});

export const distroSchema = z.strictObject({
  organization: z
    .string()
    .max(60, 'at most 60 letters')
    .regex(/^[a-z0-9][a-z0-9.+]*$/, 'lower case letters and digits')
    .describe("First part of the packages' names"),
  maintainer: z
    .string()
    .regex(/^[^<>\n]+ <[^<>\s@]+@[^<>\s]+>$/, 'of the form "Name <user@host>"')
    .optional()
    .describe("Maintainer of the Debian packages; left out: the package's own"),
  index: relativePath.optional().describe('rosdistro index (REP 153)'),
  distributions: z.record(name, distribution).refine((d) => Object.keys(d).length > 0, 'at least one distribution'),
  platforms: z.record(name, platform).refine((d) => Object.keys(d).length > 0, 'at least one platform'),
  variants: z.record(name, variant).default({}),
  rosdep: z.array(relativePath).default([]).describe('rosdep rules, the first file wins'),
  package_settings: z.record(glob, packageSettings).default({}).describe('For single packages or globs of them'),
  submodules: z
    .array(z.string().refine((u) => isSourceUrl(u, true) && !isLocalUrl(u), 'a URL of a git repository'))
    .default([])
    .describe('Repositories that may be fetched with credentials as submodules: URLs, or beginnings that end with "/"'),
  tracks: z.array(track).default([]),
  channels: z
    .record(channelPattern, channelRules)
    .default({})
    .describe('What promotion to a channel asks for; the exact name counts before patterns'),
  publish: publishSettings.default({
    to: [],
    grace_days: 7,
    sha512: false,
    contents: false,
    sources: false,
    keyring: false,
  }),
  docs: docsSettings
    .default({ skip: [], warnings: {}, coverage: {}, strict: false, to: [], keep: 5 })
    .describe('Documentation of the packages'),
  naming: z
    .strictObject({
      package: z
        .string()
        .regex(/^[a-z0-9+.{}-]+$/)
        .refine(
          (p) => p.includes('{name}') && isNamePattern(p),
          '{name} must be in it, and Debian must allow it as a name',
        )
        .default('{organization}-{distribution}-{name}'),
      prefix: z
        .string()
        .regex(/^\/[A-Za-z0-9_+./{}-]*$/)
        .default('/opt/{organization}/{distribution}'),
    })
    .default({ package: '{organization}-{distribution}-{name}', prefix: '/opt/{organization}/{distribution}' }),
  store: placeUri.default('file:.slipway/store'),
  mirror: z
    .enum(['archive', 'state'])
    .default('archive')
    .describe('`state`: what roots take from archives is kept in the store, and taken from there (docs/channels.md)'),
  reuse: z
    .enum(['interface', 'full'])
    .default('interface')
    .describe(
      '`interface`: what depends on a package is rebuilt where what the package shows has changed; `full`: where any byte of it has',
    ),
  tests: z
    .strictObject({
      retries: z
        .number()
        .int()
        .min(0)
        .max(10)
        .default(0)
        .describe("How often a package's failing tests are tried again; what passes then is flaky"),
      minutes: z.number().positive().default(60).describe('Longest time that the tests of one package may take'),
      stop_dependents: z.boolean().default(false).describe('A failing test stops what depends on its package'),
      skip: z.array(glob).default([]).describe('Packages whose tests are not run'),
    })
    .default({ retries: 0, minutes: 60, stop_dependents: false, skip: [] }),
  state: z
    .strictObject({
      size: size.optional().describe('What may be made again is kept within so much; left out: 40G'),
      days: z.number().min(0).default(30).describe('What was not used for so many days goes'),
    })
    .default({ days: 30 })
    .describe('What a machine keeps between builds'),
  images: z.record(name, imageSchema).default({}).describe('Docker images, disks and AMIs made from a channel'),
  signing_key: z
    .union([fingerprint, z.array(fingerprint).min(1).max(4)])
    .optional()
    .describe(
      'Several: each signs, so that robots that know any of them can update. Left out: one is made on first use',
    ),
});

export type WrittenDistro = z.input<typeof distroSchema>;
export type Distro = z.output<typeof distroSchema>;
export type Platform = Distro['platforms'][string];
export type Distribution = Distro['distributions'][string];
export type Underlay = Platform['underlays'][string];
export type PackageSettings = Distro['package_settings'][string];
export type Variant = Distro['variants'][string];

/** For editors: `# yaml-language-server: $schema=…`. */
export const distroJsonSchema = (): unknown => z.toJSONSchema(distroSchema, { io: 'input', unrepresentable: 'any' });
