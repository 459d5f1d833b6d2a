import { NearNames } from './diagnostics.ts';

/** Code names of the releases of an operating system. */
const releases = {
  debian: ['buster', 'bullseye', 'bookworm', 'trixie', 'forky', 'sid'],
  ubuntu: ['bionic', 'focal', 'jammy', 'noble', 'plucky', 'questing'],
};

/** The release that is meant: one that is not known may be new; one a letter away from a known one is misspelt. */
export function nearRelease(os: keyof typeof releases, release: string): string | undefined {
  const known = releases[os];
  return known.includes(release) ? undefined : new NearNames(known).of(release, 1, 1)[0];
}
