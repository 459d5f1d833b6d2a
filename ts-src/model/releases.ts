import { NearNames } from './diagnostics.ts';

/** Code names of an operating system's releases. */
const releases = {
  debian: ['buster', 'bullseye', 'bookworm', 'trixie', 'forky', 'sid'],
  ubuntu: ['bionic', 'focal', 'jammy', 'noble', 'plucky', 'questing'],
};

/**
 * The release that was probably meant: an unknown one may be new; one that differs by a letter from a known one is
 * misspelt.
 */
export function nearRelease(os: keyof typeof releases, release: string): string | undefined {
  const known = releases[os];
  return known.includes(release) ? undefined : new NearNames(known).of(release, 1, 1)[0];
}
