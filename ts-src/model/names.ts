import { ownIn } from './maps.ts';
import type { Target } from './plan.ts';

/** All names of artifacts are made here and nowhere else. */

/** What distro.yaml says of names. */
export interface NamingRules {
  organization: string;
  naming: { package: string; prefix: string };
}

/** Letters of a package's or repository's name: with what is put around it, it is the name of a file. */
export const longestName = 120;

const fill = (pattern: string, values: Record<string, string>): string =>
  pattern.replace(/\{([a-z]+)\}/g, (whole, key: string) => ownIn(values, key) ?? whole);

/** Whether a text is a Debian package's name (policy 5.6.1). One that ends with `-` asks apt to remove a package. */
export const isDebianName = (text: string): boolean =>
  text.length <= 200 && /^[a-z0-9][a-z0-9+.-]*[a-z0-9+.]$/.test(text);
/** Whether a text is a Debian version (policy 5.6.12). */
export const isDebianVersion = (text: string): boolean =>
  text.length <= 200 && /^(\d+:)?[0-9A-Za-z][0-9A-Za-z.+~-]*$/.test(text);

/** `name=version` of one system package, as apt takes it. */
export function isPinnedPackage(text: string): boolean {
  const at = text.indexOf('=');
  return at > 0 && isDebianName(text.slice(0, at)) && isDebianVersion(text.slice(at + 1));
}

/** A package's name as Debian allows it (policy 5.6.1): lower case, `-` for `_`. */
export const debianize = (name: string): string => name.toLowerCase().replaceAll('_', '-');

/** The Debian names of a distribution's packages: its pattern is filled once but for the name. */
export function debianNames(distro: NamingRules, distribution: string): (name: string) => string {
  const parts = fill(distro.naming.package, {
    organization: distro.organization,
    distribution: debianize(distribution),
  }).split('{name}');
  return (name) => parts.join(debianize(name));
}
export const debianPackage = (distro: NamingRules, distribution: string, name: string): string =>
  debianNames(distro, distribution)(name);
/** The package that has setup.sh of a distribution's prefix; all others depend on it. */
export const environmentPackage = (distro: NamingRules, distribution: string): string =>
  debianPackage(distro, distribution, 'environment');
export const installPrefix = (distro: NamingRules, distribution: string): string =>
  fill(distro.naming.prefix, { organization: distro.organization, distribution });
export const underlayPackage = (pattern: string, name: string): string => fill(pattern, { name: debianize(name) });

/** Debian version: upstream's, the platform's code name and the plan's stamp; an epoch where upstream went down. */
export const debianVersion = (upstream: string, release: string, stamp: string, epoch = 0): string =>
  `${epoch ? `${epoch}:` : ''}${upstream}-0${release}.${stamp.slice(0, 8)}.${stamp.slice(8)}`;

/** The stamp in such a version. */
export const stampOfVersion = (version: string): string | undefined => {
  const [, day, time] = /\.(\d{8})\.(\d{6})$/.exec(version) ?? [];
  return day === undefined || time === undefined ? undefined : day + time;
};

/** File name of a binary package: the epoch is no part of it (policy 5.6.12, dpkg-deb). */
export const debFile = (name: string, version: string, architecture: string): string =>
  `${name}_${version.replace(/^\d+:/, '')}_${architecture}.deb`;

/** The same in every run, in paths and logs: no part of it holds a slash. */
export const scopeId = (distribution: string, target: Target): string =>
  `${distribution}/${target.platform}-${target.architecture}${target.variant === 'default' ? '' : `-${target.variant}`}`;
/** The ABI name of a package: exactly what its dependents were built against (a virtual package, policy 3.6). */
export const abiName = (debian: string, hash: string): string => `${debian}-abi-${hash.slice(0, 16)}`;

export const testTaskId = (distribution: string, target: Target, name: string): string =>
  `${taskId(distribution, target, name)}:test`;
export const docsTaskId = (distribution: string, target: Target, name: string): string =>
  `${taskId(distribution, target, name)}:docs`;
export const taskId = (distribution: string, target: Target, name: string): string =>
  `${scopeId(distribution, target)}/${name}`;

/** apt's suite of what one scope publishes. */
export const aptSuite = (distribution: string, target: Target): string =>
  `${target.release}-${distribution}${target.variant === 'default' ? '' : `-${target.variant}`}`;

/** What a channel calls the packages of one architecture in a suite, which they share with those of others. */
export const channelSuite = (distribution: string, target: Target): string =>
  `${aptSuite(distribution, target)}/${target.architecture}`;

/** The stamp in a version that `debianVersion` made. */
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

/** What files of an image are called: `NAME_VERSION_ARCHITECTURE` and what they are. */
export const imageFile = (name: string, version: string, architecture: string, ending: string): string =>
  `${name}_${version}_${architecture}.${ending}`;

/**
 * An image's version: the stamp of its state, and the beginning of its key, as settings and the base may change too.
 */
export const imageVersion = (stamp: string, key: string): string => `${stamp}-${key.slice(0, 8)}`;

/** An AMI's name: its parts are letters, digits and `.+-_`, which EC2 allows but for `+`. */
export const amiName = (organization: string, name: string, version: string, architecture: string): string =>
  `${organization}-${name}-${version}-${architecture}`.replaceAll('+', '-').slice(0, 128);

/** A docker image's name where distro.yaml names no registry. */
export const dockerName = (organization: string, name: string): string =>
  `${organization.replace(/[^a-z0-9]+/g, '-').replace(/-$/, '')}/${name.replace(/_{3,}/g, '_').replace(/[_-]+$/, '')}`;

/** A channel as the tag of a docker image; what a folder's last build made is `local`. */
export const dockerTag = (channel: string): string =>
  /^folder-[0-9a-f]{16}$/.test(channel) ? 'local' : channel.replaceAll('/', '-').slice(0, 128);

/** A machine's name where distro.yaml names none. */
export const hostName = (image: string): string => image.replaceAll('_', '-').replace(/-+$/, '').slice(0, 63);

/**
 * The maintainer of packages that Slipway makes itself: of distro.yaml, else an address that can't exist (RFC 2606), so
 * that no mail goes to a stranger.
 */
export const maintainerOf = ({
  organization,
  maintainer,
}: {
  organization: string;
  maintainer?: string | undefined;
}): string => maintainer ?? `${organization} packages <packages@${organization}.invalid>`;
