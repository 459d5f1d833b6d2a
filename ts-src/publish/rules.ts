import { ownIn } from '../model/maps.ts';
import { defaultRules, type ChannelRules } from '../model/channels.ts';
import type { Distro } from '../model/distro.ts';
import { maintainerOf } from '../model/names.ts';
import { matchesGlob } from '../plan/globs.ts';
import type { Settings } from './staging.ts';

/** The rules of a channel in distro.yaml: its own entry, else the first matching pattern. */
export function rulesOf(distro: Pick<Distro, 'channels'>, name: string): ChannelRules {
  const own = ownIn(distro.channels, name);
  if (own) return own;
  const fitting = Object.entries(distro.channels).find(([p]) => p.includes('*') && matchesGlob(p, name));
  return fitting?.[1] ?? defaultRules();
}

/** Whether states of a channel may be promoted to a channel with these rules. */
export const mayComeFrom = (rules: ChannelRules, from: string): boolean =>
  !rules.from.length || rules.from.some((p) => matchesGlob(p, from));

/** Number of states to keep: from the channel's rules, its track, or the default; undefined: all. */
export function keepOf(distro: Pick<Distro, 'channels' | 'publish' | 'tracks'>, name: string): number | undefined {
  const track = distro.tracks.find((t) => matchesGlob(t.channel.replaceAll('{name}', '*'), name));
  return rulesOf(distro, name).keep ?? track?.keep ?? distro.publish.keep;
}

export const repositorySettings = (distro: Pick<Distro, 'organization' | 'maintainer' | 'publish'>): Settings => ({
  organization: distro.organization,
  maintainer: maintainerOf(distro),
  sha512: distro.publish.sha512,
  validDays: distro.publish.valid_days,
  keyring: distro.publish.keyring,
  contents: distro.publish.contents,
  sources: distro.publish.sources,
});
