import * as z from 'zod';
import { architecture, debianName, glob, name, relativePath, value } from './fields.ts';

/** The settings of one image, in `images:` of distro.yaml. */

export const imageKinds = ['docker', 'rootfs', 'disk', 'ami', 'lxd'] as const;
export type ImageKind = (typeof imageKinds)[number];

/** An argument of a command line. It is passed to a program unchanged, never to a shell. */
const word = value.refine((v) => v.length <= 4096, 'at most 4096 characters');
const command = z.array(word).min(1);

const systemPath = z
  .string()
  .regex(/^\/[A-Za-z0-9_+.@/-]+$/, 'an absolute path of letters, digits, "_", "+", ".", "@", "-" and "/"')
  .refine((p) => !p.split('/').some((part) => part === '..' || part === '.'), 'no "." or ".." in a path')
  .refine((p) => !/^\/(proc|sys|dev|run|tmp)(\/|$)/.test(p), 'no path below /proc, /sys, /dev, /run or /tmp')
  .refine((p) => !p.endsWith('/') && !p.includes('//'), 'a path without an empty part');

const userName = z.string().regex(/^[a-z_][a-z0-9_-]{0,31}$/, 'a user name: lower case letters, digits, "_" and "-"');

const user = z.strictObject({
  name: userName.refine((n) => n !== 'root', 'another user than root'),
  keys: z.array(relativePath).default([]).describe('Files in the distro repository with public SSH keys'),
  groups: z.array(userName).default([]).describe('Additional groups of the user. Missing groups are created'),
  shell: systemPath.default('/bin/bash'),
  sudo: z.boolean().default(false).describe('Allow the user to run sudo without a password'),
});

const file = z.strictObject({
  from: relativePath.describe('A file in the distro repository'),
  to: systemPath,
  mode: z
    .string()
    .regex(/^0?[0-7]{3}$/, 'an octal mode in quotes such as "644"')
    .default('644'),
});

const unit = z
  .string()
  .regex(/^[A-Za-z0-9:_.@-]{1,200}$/, 'the name of a systemd unit')
  .refine((u) => !u.startsWith('-') && !u.startsWith('.'), 'the name of a systemd unit');

const size = z.string().regex(/^[1-9]\d{0,3}[MG]$/, 'a size such as 900M or 8G');

export const channelName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*){0,3}$/,
    'a channel: lower case letters, digits, ".", "_", "-" and "/"',
  )
  .refine((c) => !c.includes('..'), 'no ".." in a channel');

const region = z.string().regex(/^[a-z]{2}(-[a-z0-9]+)+-\d$/, 'a region such as eu-central-1');

export const instanceType = /^[a-z][a-z0-9-]{1,15}\.[a-z0-9-]{1,20}$/;
export const subnetId = /^subnet-[0-9a-f]{8,17}$/;
export const securityGroupId = /^sg-[0-9a-f]{8,17}$/;

const ami = z.strictObject({
  region: region.describe('Region that the AMI is registered in'),
  copies: z.array(region).default([]).describe('Regions that the AMI is copied to'),
  share: z
    .array(z.string().regex(/^\d{12}$/, 'an account number of 12 digits, in quotes'))
    .default([])
    .describe('AWS accounts that may start the AMI'),
  encrypted: z.boolean().default(true),
  key: z
    .string()
    .regex(/^(alias\/|arn:aws[a-z-]*:kms:)?[A-Za-z0-9:/_-]{1,500}$/, 'a KMS key')
    .optional()
    .describe("KMS key for encryption. Default: the account's default key"),
  parameter: z
    .string()
    .regex(
      /^(\/([A-Za-z0-9_.-]|\{architecture\})+){1,15}$/,
      'an SSM parameter such as /acme/images/robot, in which {architecture} may stand',
    )
    .optional()
    .describe('SSM parameter that holds the id of the newest AMI. It is updated after the image passed its checks'),
  tags: z
    .record(
      z.string().regex(/^(?!aws:|slipway:|Name$)[A-Za-z0-9_.:/=+@-]{1,128}$/, 'a tag that AWS and slipway do not set'),
      z.string().regex(/^[A-Za-z0-9_.:/=+@{} -]{0,256}$/, 'a value of a tag, in which {architecture} may stand'),
    )
    .default({})
    .describe("Additional tags of AMIs and snapshots, besides Slipway's own"),
  trial: z
    .strictObject({
      types: z
        .partialRecord(
          z.enum(['amd64', 'arm64']),
          z.string().regex(instanceType, 'a type of instance such as t3.small'),
        )
        .describe('Instance type by architecture. An architecture without one is not tried'),
      subnet: z.string().regex(subnetId, 'a subnet').optional(),
      security_group: z.string().regex(securityGroupId, 'a security group').optional(),
      minutes: z.number().int().min(1).max(60).default(15).describe('Time limit of the checks, in minutes'),
    })
    .optional()
    .describe('Start an instance of the AMI and check it before the SSM parameter is updated'),
  endpoint: z
    .string()
    .regex(/^https?:\/\/[^\s/?#@]+\/?$/, 'a URL of a server')
    .optional()
    .describe('URL of a server to use instead of AWS, for tests'),
});

const repository = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:\d{1,5})?(\/[a-z0-9]+([._-][a-z0-9]+)*){1,8}$/,
    'HOST[:PORT]/NAME, as docker pull takes it, without a tag',
  );

export const imageSchema = z.strictObject({
  kinds: z.array(z.enum(imageKinds)).min(1).default(['docker']),
  channel: channelName.optional().describe('Channel that the image is made from. Default: --channel'),
  state: z
    .string()
    .regex(/^[0-9a-f]{6,64}$/, 'the beginning of the id of a state')
    .optional()
    .describe("Id of a state of the channel. Default: the channel's current state"),
  distribution: name.optional().describe('Distribution of the packages. Required if there are several'),
  platform: name.optional().describe('Platform of the image. Required if the distribution has several'),
  variant: name.default('default'),
  architectures: z
    .array(architecture)
    .min(1)
    .optional()
    .describe("Architectures of the image. Default: the platform's architectures"),
  packages: z
    .array(glob)
    .default(['*'])
    .describe('Packages of the distribution to install, by name or glob, with their run-time dependencies'),
  system: z.array(debianName).default([]).describe("Packages to install from the platform's archive"),
  apt: z
    .string()
    .regex(/^https?:\/\/[^\s\]'"$`\\@]+$/, 'an http or https URL')
    .optional()
    .describe("URL at which machines reach the channel's apt repository. Default: where it is published"),
  command: command.optional().describe('Command that a container runs. Default: a shell'),
  check: z.array(command).default([]).describe('Commands that must succeed in a started image before it is published'),
  hostname: z
    .string()
    .regex(/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, 'a host name')
    .optional()
    .describe("Host name. Default: the image's name"),
  locale: z
    .string()
    .regex(/^(C|C\.UTF-8|[a-z]{2,3}(_[A-Z]{2})?\.UTF-8)$/, 'C.UTF-8, or a locale such as de_DE.UTF-8')
    .default('C.UTF-8'),
  timezone: z
    .string()
    .regex(/^[A-Z][A-Za-z0-9_+-]*(\/[A-Z][A-Za-z0-9_+-]*){0,2}$/, 'a time zone such as Europe/Berlin')
    .default('Etc/UTC'),
  users: z.array(user).default([]),
  files: z.array(file).default([]),
  overlay: relativePath.optional().describe("Folder whose files are copied into the image's root file system"),
  services: z.array(unit).default([]).describe('systemd units to enable'),
  hook: relativePath
    .optional()
    .describe("Script that runs as root in the image's root file system, without network access"),
  cloud_init: z
    .boolean()
    .default(false)
    .describe('Install cloud-init, which configures the machine at its first start'),
  kernel: z
    .string()
    .regex(/^[a-z0-9][a-z0-9.+{}-]+$/, 'a package name, in which {architecture} may stand')
    .optional()
    .describe("Package of the kernel. Default: the platform's generic kernel"),
  boot: z
    .array(z.enum(['uefi', 'bios']))
    .min(1)
    .refine((b) => b.includes('uefi'), 'uefi, or uefi and bios')
    .default(['uefi'])
    .describe('Firmware that can start the disk: `uefi`, and also `bios` on amd64'),
  partitions: z
    .enum(['grow', 'ab'])
    .default('grow')
    .describe('`grow`: one root partition that grows to the whole disk; `ab`: two root partitions and one for data'),
  size: size
    .optional()
    .describe('Size of the disk; with `partitions: ab`, size of each root partition. Default: as small as possible'),
  repository: repository.optional().describe('Repository that the Docker image is pushed to'),
  ami: ami.optional(),
});

export type ImageSpec = z.output<typeof imageSchema>;

/** Replaces {architecture} in a text of `ami`. */
export const ofArchitecture = (text: string, architecture: string): string =>
  text.replaceAll('{architecture}', architecture);

/** Bytes of a size in the notation of `imageSchema`. */
export const bytesOf = (written: string): number =>
  Number(written.slice(0, -1)) * (written.endsWith('G') ? 2 ** 30 : 2 ** 20);

/** Whether the image's disk also starts with a BIOS. */
export const hasBios = (spec: Pick<ImageSpec, 'boot'>): boolean => spec.boot.includes('bios');

/** Whether disks of an architecture start with UEFI. */
export const hasFirmware = (architecture: string): architecture is 'amd64' | 'arm64' =>
  architecture === 'amd64' || architecture === 'arm64';

export const isImageKind = (text: string): text is ImageKind => imageKinds.some((k) => k === text);
