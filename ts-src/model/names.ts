import { ownIn } from './maps.ts';
import type { Target } from './plan.ts';

/** All names of artifacts are made in this file. */

/** Naming settings of distro.yaml. */
export interface NamingRules {
  organization: string;
  naming: { package: string; prefix: string };
}

/** Maximum length of a package's or repository's name: with prefixes and suffixes it must be a valid file name. */
export const longestName = 120;

const fill = (pattern: string, values: Record<string, string>): string =>
  pattern.replace(/\{([a-z]+)\}/g, (whole, key: string) => ownIn(values, key) ?? whole);

/**
 * Whether a text is a Debian package name (policy 5.6.1). A trailing `-` is refused, since it asks apt to remove a
 * package.
 */
export const isDebianName = (text: string): boolean =>
  text.length <= 200 && /^[a-z0-9][a-z0-9+.-]*[a-z0-9+.]$/.test(text);
/** Whether a text is a Debian version (policy 5.6.12). */
export const isDebianVersion = (text: string): boolean =>
  text.length <= 200 && /^(\d+:)?[0-9A-Za-z][0-9A-Za-z.+~-]*$/.test(text);

/** Whether a text is `name=version`, as apt takes it. */
export function isPinnedPackage(text: string): boolean {
  const at = text.indexOf('=');
  return at > 0 && isDebianName(text.slice(0, at)) && isDebianVersion(text.slice(at + 1));
}

/** Converts a package's name to a Debian name (policy 5.6.1): lower case, `-` for `_`. */
export const debianize = (name: string): string => name.toLowerCase().replaceAll('_', '-');

/** Returns the function that makes Debian names of a distribution's packages. The pattern is expanded once. */
export function debianNames(distro: NamingRules, distribution: string): (name: string) => string {
  const parts = fill(distro.naming.package, {
    organization: distro.organization,
    distribution: debianize(distribution),
  }).split('{name}');
  return (name) => parts.join(debianize(name));
}
export const debianPackage = (distro: NamingRules, distribution: string, name: string): string =>
  debianNames(distro, distribution)(name);
/** Name of the package with setup.sh of a distribution's prefix. All others depend on it. */
export const environmentPackage = (distro: NamingRules, distribution: string): string =>
  debianPackage(distro, distribution, 'environment');
export const installPrefix = (distro: NamingRules, distribution: string): string =>
  fill(distro.naming.prefix, { organization: distro.organization, distribution });

/** Folders in which a system's programs, libraries and settings lie, and those that a build's root has for itself. */
const programFolders = ['/bin', '/sbin', '/usr/bin', '/usr/sbin', '/usr/local/bin', '/usr/local/sbin'];
const rootFolders = ['/dev', '/proc', '/sys', '/run', '/tmp', '/build', '/slipway'];
const systemFolders = [...programFolders, ...rootFolders, '/etc', '/boot', '/var/lib/dpkg'];
const systemLibraries = /^\/(usr\/)?(lib(x?32|64)(\/|$)|lib\/[^/]*-linux-)|^\/lib(\/|$)/;

/**
 * Why packages may not be installed to a prefix; undefined if they may. A package may have any file below it, and so
 * could replace programs of the system.
 */
export function prefixFault(prefix: string): string | undefined {
  const path = `${prefix.replace(/\/+$/, '')}/`;
  const overlaps = systemFolders.some((folder) => `${folder}/`.startsWith(path) || path.startsWith(`${folder}/`));
  return overlaps || path === '/usr/lib/' || systemLibraries.test(path)
    ? `${prefix} is a folder of the system`
    : undefined;
}

export const underlayPackage = (pattern: string, name: string): string => fill(pattern, { name: debianize(name) });

/**
 * Debian version: upstream's, the platform's code name and the plan's stamp; with an epoch if upstream's version
 * decreased.
 */
export const debianVersion = (upstream: string, release: string, stamp: string, epoch = 0): string =>
  `${epoch ? `${epoch}:` : ''}${upstream}-0${release}.${stamp.slice(0, 8)}.${stamp.slice(8)}`;

/** The stamp in a Debian version. */
export const stampOfVersion = (version: string): string | undefined => {
  const [, day, time] = /\.(\d{8})\.(\d{6})$/.exec(version) ?? [];
  return day === undefined || time === undefined ? undefined : day + time;
};

/** File name of a binary package, without the epoch (policy 5.6.12, dpkg-deb). */
export const debFile = (name: string, version: string, architecture: string): string =>
  `${name}_${version.replace(/^\d+:/, '')}_${architecture}.deb`;

/** Identifies a scope in paths and logs; contains one slash. */
export const scopeId = (distribution: string, target: Target): string =>
  `${distribution}/${target.platform}-${target.architecture}${target.variant === 'default' ? '' : `-${target.variant}`}`;
/** ABI name of a package: a virtual package that dependents built against this ABI require (policy 3.6). */
export const abiName = (debian: string, hash: string): string => `${debian}-abi-${hash.slice(0, 16)}`;

export const testTaskId = (distribution: string, target: Target, name: string): string =>
  `${taskId(distribution, target, name)}:test`;
export const docsTaskId = (distribution: string, target: Target, name: string): string =>
  `${taskId(distribution, target, name)}:docs`;
export const taskId = (distribution: string, target: Target, name: string): string =>
  `${scopeId(distribution, target)}/${name}`;

/** apt suite of a scope. */
export const aptSuite = (distribution: string, target: Target): string =>
  `${target.release}-${distribution}${target.variant === 'default' ? '' : `-${target.variant}`}`;

/** A channel's key for packages of one architecture in a suite. */
export const channelSuite = (distribution: string, target: Target): string =>
  `${aptSuite(distribution, target)}/${target.architecture}`;

/** The stamp in a version made by `debianVersion`. */
export function stampIn(version: string): string | undefined {
  const found = /\.(\d{8})\.(\d{6})$/.exec(version);
  return found ? `${found[1]}${found[2]}` : undefined;
}

/** Seconds since 1970 of a stamp. */
export const stampSeconds = (stamp: string): number =>
  Math.floor(
    Date.UTC(
      +stamp.slice(0, 4),
      +stamp.slice(4, 6) - 1,
      +stamp.slice(6, 8),
      +stamp.slice(8, 10),
      +stamp.slice(10, 12),
      +stamp.slice(12, 14),
    ) / 1000,
  );
export const stampOf = (milliseconds: number): string =>
  new Date(milliseconds).toISOString().replace(/[-:T]/g, '').slice(0, 14);

/** File name of an image: `NAME_VERSION_ARCHITECTURE` and an ending. */
export const imageFile = (name: string, version: string, architecture: string, ending: string): string =>
  `${name}_${version}_${architecture}.${ending}`;

/**
 * Version of an image: its state's stamp and the beginning of its key, because settings and the base may change for the
 * same state.
 */
export const imageVersion = (stamp: string, key: string): string => `${stamp}-${key.slice(0, 8)}`;

/** Name of an AMI. EC2 allows all characters of its parts except `+`. */
export const amiName = (organization: string, name: string, version: string, architecture: string): string =>
  `${organization}-${name}-${version}-${architecture}`.replaceAll('+', '-').slice(0, 128);

/** Default name of a docker image without a registry. */
export const dockerName = (organization: string, name: string): string =>
  `${organization.replace(/[^a-z0-9]+/g, '-').replace(/-$/, '')}/${name.replace(/_{3,}/g, '_').replace(/[_-]+$/, '')}`;

/** A channel as docker tag; `local` for builds in an output folder. */
export const dockerTag = (channel: string): string =>
  /^folder-[0-9a-f]{16}$/.test(channel) ? 'local' : channel.replaceAll('/', '-').slice(0, 128);

/** Default host name of a machine. */
export const hostName = (image: string): string => image.replaceAll('_', '-').replace(/-+$/, '').slice(0, 63);

/**
 * Maintainer of packages that Slipway generates: from distro.yaml, else an address that can't exist (RFC 2606), so that
 * no stranger gets mail.
 */
export const maintainerOf = ({
  organization,
  maintainer,
}: {
  organization: string;
  maintainer?: string | undefined;
}): string => maintainer ?? `${organization} packages <packages@${organization}.invalid>`;
