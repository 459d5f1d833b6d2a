import { sha256 } from '../model/digest.ts';
import type { Distro } from '../model/distro.ts';
import { matcher } from './globs.ts';

/** The Jenkins build's ref: a branch, a tag, or a pull request to a branch. */
export interface Ref {
  branch?: string | undefined;
  tag?: string | undefined;
  request?: string | undefined;
}

/** The policy of a run for a ref: the channel (none for pull requests), the origin of sources, and strictness. */
export interface RunPolicy {
  kind: 'nightly' | 'release' | 'experiment' | 'request';
  channel: string | undefined;
  locked: boolean;
  strict: boolean;
  keep: number | undefined;
}

/** Default branches if no track says otherwise. */
const defaults = ['main', 'master'];

/**
 * The policy of a ref: its first matching track. Without tracks in distro.yaml, tags are locked releases, `main` and
 * `master` are nightlies, and other branches are experiments. `primary`: whether the branch is the repository's default
 * branch.
 */
export function runPolicyOf(distro: Pick<Distro, 'tracks'>, ref: Ref, primary: boolean | undefined): RunPolicy {
  if (ref.request !== undefined)
    return { kind: 'request', channel: undefined, locked: false, strict: false, keep: undefined };
  const name = ref.tag ?? ref.branch ?? 'HEAD';
  for (const t of distro.tracks) {
    const pattern = ref.tag === undefined ? t.branch : t.tag;
    if (pattern === undefined || !matchesRef(pattern, name)) continue;
    const ofBranch = (primary ?? defaults.includes(name)) || t.channel === 'nightly' ? 'nightly' : 'experiment';
    const kind = ref.tag === undefined ? ofBranch : 'release';
    return {
      kind,
      channel: t.channel.replaceAll('{name}', channelPart(name)),
      locked: t.locked,
      strict: t.strict ?? kind === 'release',
      keep: t.keep,
    };
  }
  if (ref.tag !== undefined)
    return { kind: 'release', channel: `release/${channelPart(name)}`, locked: true, strict: true, keep: undefined };
  if (primary ?? defaults.includes(name))
    return { kind: 'nightly', channel: 'nightly', locked: false, strict: false, keep: undefined };
  return {
    kind: 'experiment',
    channel: `experiment/${channelPart(name)}`,
    locked: false,
    strict: false,
    keep: undefined,
  };
}

/** `*` in a track matches any part of a name, including `/`. */
const matchesRef = (pattern: string, name: string): boolean => {
  const slashed = (text: string) => text.replaceAll('/', '_');
  return (
    matcher([slashed(pattern).replace(/[^A-Za-z0-9_*?-]/g, '-')])(slashed(name).replace(/[^A-Za-z0-9_-]/g, '-')) &&
    (pattern.includes('*') || pattern.includes('?') || pattern === name)
  );
};

/**
 * Converts a ref's name to a part of a channel's name: lower case letters, digits, `.`, `_` and `-`. Names that change
 * get a part of their digest appended, so that two refs never share a channel.
 */
export function channelPart(name: string): string {
  const plain = name
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, '-')
    .replace(/^[.-]+/, '')
    .replace(/\.\.+/g, '.')
    .slice(0, 80);
  return plain === name ? plain : `${plain || 'ref'}-${sha256(name).slice(0, 6)}`;
}
