import * as z from 'zod';
import { channelPattern, channelRules, publishSettings, track } from './channels.ts';
import { placeUri, publishedPlace } from './places.ts';
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
} from './fields.ts';
import { imageSchema } from './images.ts';
import { environment, packageSettings, size } from './package-settings.ts';
import { isLocalUrl, isSourceUrl } from './urls.ts';

/**
 * The definition of distro.yaml. Types, defaults, validation and the JSON schema for editors come from it.
 * `WrittenDistro` (z.input) is what users write; `Distro` is what the program uses.
 */

const underlay = z.strictObject({
  uri: archiveUri.optional().describe("URI of the apt repository. Default: the platform's own archive"),
  suite: suite.optional(),
  components: z.array(component).default(['main']),
  key: keyPath.optional().describe('Public key of the repository (.asc or .gpg): a file in the distro repository'),
  trusted: z.boolean().default(false).describe('Do not verify its signature; only for a repository on this machine'),
  package: z
    .string()
    .regex(/^[a-z0-9+.{}-]+$/, 'a pattern of Debian package names, such as ros-jazzy-{name}')
    .refine(isNamePattern, 'a pattern of Debian package names')
    .default('{name}')
    .describe('Pattern of its Debian package names; {name} is the package name with "-" instead of "_"'),
  packages: z
    .record(packageName, debianName)
    .default({})
    .describe('Debian package names that do not follow the pattern, by package'),
  prefix: absolutePath.default('/usr').describe('Folder that its packages install to'),
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
      key: keyPath.optional().describe("Public key of the mirror. Default: the system's archive keyring"),
      trusted: z.boolean().default(false).describe('Do not verify its signature; only for a mirror on this machine'),
    })
    .optional()
    .describe(
      "Archive of its system packages. Default: the host's apt sources if the host is the same system, " +
        'otherwise the official archive',
    ),
  proxy: z
    .string()
    .regex(/^https?:\/\/[^\s]+$/, 'an http or https URL')
    .optional()
    .describe("HTTP proxy for its archive. Default: the host's proxy"),
  include: z
    .array(debianName)
    .default([])
    .describe('System packages in the base system, in addition to build-essential, cmake and debhelper'),
  renew_days: z.number().min(0).default(14).describe('Rebuild a base system that is older than this, in days'),
  underlays: z.record(name, underlay).default({}),
});

const variant = z.strictObject({
  environment: environment.default({}),
  build_depends: z.array(debianName).default([]),
  cmake_args: z.array(value).default([]),
});

const distribution = z.strictObject({
  platforms: z.array(name).min(1),
  variants: z.array(name).default([]).describe('Variants to build in addition to the default variant'),
  packages: z
    .array(glob)
    .min(1)
    .default(['*'])
    .describe('Packages to build, by name or glob; their dependencies are built too'),
  sources: z
    .enum(['source', 'release'])
    .default('source')
    .describe('`source`: build the heads of branches; `release`: build released versions'),
  underlay: z.array(name).default([]),
  cache: relativePath
    .optional()
    .describe('File with a rosdistro cache (.yaml or .yaml.gz). Default: the cache that the index names'),
  folders: z
    .array(relativePath)
    .default([])
    .describe('Local folders with packages (such as the src of a colcon workspace), built as they are on disk'),
  repos: z.array(relativePath).default([]).describe('.repos files, read in addition to the distribution file'),
  ros_version: z
    .union([z.literal(1), z.literal(2)])
    .optional()
    .describe('Version of ROS. Default: from distribution_type in the index'),
  python_version: z
    .union([z.literal(2), z.literal(3)])
    .optional()
    .describe('Version of Python. Default: from the index, otherwise 3'),
  conditions: environment.default({}).describe('Variables for the conditions in package.xml'),
  build_essential: z
    .array(packageName)
    .default([])
    .describe('Packages that all other packages depend on, such as ros_workspace in ROS 2'),
});

const fingerprint = z
  .string()
  .regex(
    /^[0-9A-Fa-f]{16,40}$/,
    'the fingerprint of a GnuPG key (`gpg --list-secret-keys` prints it: 40 hexadecimal digits)',
  );

const docsSettings = z.strictObject({
  skip: z.array(glob).default([]).describe('Packages without documentation'),
  warnings: z
    .record(glob, z.number().int().min(0))
    .default({})
    .describe('Maximum number of documentation warnings of a package, by name or glob. Default: no limit'),
  coverage: z
    .record(glob, z.number().min(0).max(100))
    .default({})
    .describe(
      'Minimum percentage of the public entities of a package that have a description, by name or glob. Default: 0',
    ),
  strict: z.boolean().default(false).describe('Fail the run of a pipeline if the documentation has faults'),
  platform: name
    .optional()
    .describe("Platform that the documentation is built on. Default: each distribution's first platform"),
  to: z
    .array(publishedPlace)
    .default([])
    .describe('Places to publish sites to. The site of a channel is in the folder CHANNEL below each place'),
  keep: z.number().int().min(1).default(5).describe('Number of states of a site to keep'),
});

/** Days after which unused data of a state folder is removed, if distro.yaml names none. */
export const defaultStateDays = 30;

export const distroSchema = z.strictObject({
  organization: z
    .string()
    .max(60, 'at most 60 letters')
    .regex(/^[a-z0-9][a-z0-9.+]*$/, 'lower case letters and digits')
    .describe("First part of the Debian packages' names"),
  maintainer: z
    .string()
    .regex(/^[^<>\n]+ <[^<>\s@]+@[^<>\s]+>$/, 'of the form "Name <user@host>"')
    .optional()
    .describe("Maintainer of the Debian packages. Default: each package's own maintainer"),
  index: relativePath.optional().describe('Path of the rosdistro index (REP 153)'),
  distributions: z.record(name, distribution).refine((d) => Object.keys(d).length > 0, 'at least one distribution'),
  platforms: z.record(name, platform).refine((d) => Object.keys(d).length > 0, 'at least one platform'),
  variants: z.record(name, variant).default({}),
  rosdep: z
    .array(relativePath)
    .default([])
    .describe('Files with rosdep rules. If several files have a rule for a key, the first file wins'),
  package_settings: z.record(glob, packageSettings).default({}).describe('Settings of packages, by name or glob'),
  submodules: z
    .array(z.string().refine((u) => isSourceUrl(u, true) && !isLocalUrl(u), 'a URL of a git repository'))
    .default([])
    .describe('Submodules that may be fetched with credentials: URLs, or prefixes of URLs that end with "/"'),
  tracks: z.array(track).default([]),
  channels: z
    .record(channelPattern, channelRules)
    .default({})
    .describe('Rules for promotion to a channel, by name or pattern. An exact name takes precedence over patterns'),
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
        .regex(/^[a-z0-9+.{}-]+$/, 'a pattern of Debian package names, such as ros-jazzy-{name}')
        .refine(
          (p) => p.includes('{name}') && isNamePattern(p),
          '{name} must be in it, and Debian must allow it as a name',
        )
        .default('{organization}-{distribution}-{name}'),
      prefix: z
        .string()
        .regex(/^\/[A-Za-z0-9_+./{}-]*$/, 'an absolute path of letters, digits, "_", "+", "." and "-"')
        .refine((p) => !/\/\.{0,2}\/|\/\.{1,2}$/.test(p), 'no ".", ".." or empty part in a path')
        .default('/opt/{organization}/{distribution}'),
    })
    .default({ package: '{organization}-{distribution}-{name}', prefix: '/opt/{organization}/{distribution}' }),
  store: placeUri.default('file:.slipway/store'),
  mirror: z
    .enum(['archive', 'state'])
    .default('archive')
    .describe(
      '`archive`: install system packages from the archives; `state`: keep them in the store and install them from ' +
        'there (docs/channels.md)',
    ),
  reuse: z
    .enum(['interface', 'full'])
    .default('interface')
    .describe(
      'When to rebuild the dependents of a package. `interface`: when its interface changed (headers, ABI and what ' +
        'else dependents use); `full`: when any byte of it changed',
    ),
  tests: z
    .strictObject({
      retries: z
        .number()
        .int()
        .min(0)
        .max(10)
        .default(0)
        .describe("How often to repeat a package's failing tests. A test that then passes is reported as flaky"),
      minutes: z.number().positive().default(60).describe('Time limit for the tests of one package, in minutes'),
      stop_dependents: z.boolean().default(false).describe('Do not build the dependents of a package whose tests fail'),
      skip: z.array(glob).default([]).describe('Packages whose tests are not run, by name or glob'),
    })
    .default({ retries: 0, minutes: 60, stop_dependents: false, skip: [] }),
  state: z
    .strictObject({
      size: size.optional().describe('Maximum size of the data that can be made again. Default: 40G'),
      days: z.number().min(0).default(defaultStateDays).describe('Remove data that was not used for this many days'),
    })
    .default({ days: defaultStateDays })
    .describe('Limits of the state folder, which a machine keeps between builds'),
  images: z.record(name, imageSchema).default({}).describe('Docker images, disks and AMIs made from a channel'),
  signing_key: z
    .union([fingerprint, z.array(fingerprint).min(1).max(4)])
    .optional()
    .describe(
      'Fingerprints of the signing keys. With several, each key signs, so that machines that trust any of them can ' +
        'update. Default: a key is made on first use',
    ),
});

export type WrittenDistro = z.input<typeof distroSchema>;
export type Distro = z.output<typeof distroSchema>;
export type Platform = Distro['platforms'][string];
export type Distribution = Distro['distributions'][string];
export type Underlay = Platform['underlays'][string];
export type PackageSettings = Distro['package_settings'][string];
export type Variant = Distro['variants'][string];

/** The JSON schema for editors: `# yaml-language-server: $schema=…`. */
export const distroJsonSchema = (): unknown => z.toJSONSchema(distroSchema, { io: 'input', unrepresentable: 'any' });
