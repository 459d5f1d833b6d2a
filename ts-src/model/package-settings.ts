import * as z from 'zod';
import { debianName, relativePath, value, variable } from './fields.ts';
import { sizeOf } from './sizes.ts';
import { systemFileKindNames } from './system-files.ts';

/** The settings of a package, in `package_settings` of distro.yaml. */

export const environment = z.record(variable, value);

export const size = z
  .union([z.string(), z.number()])
  .transform(String)
  .refine((v) => sizeOf(v) !== undefined, 'a size such as 800M or 1.5G')
  .transform((v) => sizeOf(v) ?? 0);
const limits = z.strictObject({
  memory: size
    .optional()
    .describe("Memory of one task, including its files in /tmp. Default: three quarters of the machine's memory"),
  processes: z
    .number()
    .int()
    .min(64)
    .max(1_000_000)
    .optional()
    .describe('Maximum number of processes and threads. Default: 8192'),
  temporary: size.optional().describe('Size of /tmp and of /dev/shm. Default: a quarter of the memory'),
  disk: size.optional().describe('Disk space in /build. Default: half of the free space, at most 32 GiB'),
  log: size.optional().describe('Size of the log. Default: 64 MiB'),
  minutes: z
    .number()
    .positive()
    .max(34_560)
    .optional()
    .describe('Time limit of the build, and of the tests, in minutes. Default: --timeout'),
});

const systemFile = z.strictObject({
  kind: z.enum(systemFileKindNames),
  path: relativePath.describe("Path of the file in the package's source"),
  installed: z
    .boolean()
    .default(false)
    .describe('Take the file from the installed files: `path` is then relative to the prefix'),
  to: relativePath.optional().describe('For kind `etc`: the path below /etc. Default: ORGANIZATION/FILE'),
  enable: z.boolean().default(false).describe('For kind `systemd`: start the unit with the system'),
});

const libraryPattern = z
  .string()
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.+*-]{0,199}$/, 'the file name of a library such as libcuda.so.1, or libnv*.so.*');

const fetchedFile = z.strictObject({
  url: z
    .string()
    .max(4096)
    .regex(/^https?:\/\/[^\s/@?#]+\/[^\s#\0-\x1f\x7f]+$/, 'an http or https URL of a file, without a login')
    .describe('Where it is downloaded from, before the build'),
  sha256: z
    .string()
    .regex(/^[0-9a-f]{64}$/, 'the SHA-256 of the file: 64 digits and letters a to f')
    .describe('Its SHA-256'),
  to: z
    .string()
    .max(200)
    .regex(
      /^(?!\.{1,2}(?:\/|$))[A-Za-z0-9._+-]+(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._+-]+)*$/,
      'a relative path of letters, digits, ".", "_", "+", "-" and "/"',
    )
    .describe('Where a build finds it, below the folder in the variable SLIPWAY_FETCHED'),
  unpack: z
    .boolean()
    .optional()
    .describe('Unpack it, a tar or zip archive, into the folder `to`, without its only top-level folder'),
});
export type FetchedFile = z.output<typeof fetchedFile>;

/** What a build sees of such a file, for keys and comparisons: the same file may come from another address. */
export const fetchedContent = ({ to, sha256, unpack }: FetchedFile): string[] =>
  unpack === true ? [to, sha256, 'unpacked'] : [to, sha256];

/** Whether no two files have one place, and none is in another. */
const haveOwnPlaces = (files: readonly FetchedFile[]): boolean =>
  files.every((f, i) => files.every((g, k) => i === k || !`${g.to}/`.startsWith(`${f.to}/`)));

export const packageSettings = z.strictObject({
  cmake_args: z.array(value).default([]).describe('Arguments passed to cmake when it configures the package'),
  environment: environment.default({}).describe('Environment variables of the build'),
  patches: z
    .array(relativePath)
    .default([])
    .describe("Patch files in the distro repository, applied in this order with -p1 in the package's folder"),
  fetch: z
    .array(fetchedFile)
    .max(100)
    .refine(haveOwnPlaces, 'a list in which each `to` is another path, and none is inside another')
    .default([])
    .describe('Files that are downloaded before the build, which has no network, and that it can read'),
  build_depends: z
    .array(debianName)
    .default([])
    .describe('System packages needed to build, in addition to those in package.xml'),
  depends: z
    .array(debianName)
    .default([])
    .describe('System packages needed at run time, in addition to those in package.xml'),
  system: z
    .array(debianName)
    .optional()
    .describe('System packages of the platform that provide this package. They replace it; it is not built'),
  external_libraries: z
    .array(libraryPattern)
    .default([])
    .describe(
      'Names of shared libraries that no package provides, such as those of ' +
        'a graphics driver, with `*`. The package may need them',
    ),
  limits: limits.optional().describe('Resource limits of its build and its tests'),
  system_files: z
    .array(systemFile)
    .default([])
    .describe(
      'Files that the package installs outside the prefix: udev rules, systemd units, configuration, shell completion',
    ),
  declared_system_files: z
    .boolean()
    .default(false)
    .describe('Install the files outside the prefix that its package.xml declares'),
  skip: z
    .boolean()
    .default(false)
    .describe('Do not build the package, and do not report it as missing where it is named'),
});
