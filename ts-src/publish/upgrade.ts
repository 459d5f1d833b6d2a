import { withinTime } from '../io/bounded.ts';
import { Needs, offersOf } from './offers.ts';
import { needsOf, relations } from './relations.ts';
import { fieldOf } from '../text/stanza.ts';

/** A package, and whether an upgrade removes it. */
interface Installed {
  stanza: string;
  name: string;
  gone: boolean;
}

const nameOf = (stanza: string): string => fieldOf(stanza, 'Package') ?? '';

const installed = (stanzas: readonly string[]): Installed[] =>
  stanzas.map((stanza) => ({ stanza, name: nameOf(stanza), gone: false }));

/**
 * Packages of `asked` with an unmet dependency that only `all` could meet, judged by the common prefix of names. Other
 * dependencies come from the archive.
 */
export const unmetIn = (asked: readonly string[], all: readonly string[]): { name: string; needs: string }[] =>
  withinTime('what the packages need', () => {
    const offers = offersOf(installed(all));
    const own = ownPrefix(offers.names());
    return asked.flatMap((stanza) => {
      const unmet = needsOf(stanza).find((alternatives) =>
        alternatives.every((a) => own(a.name) && !offers.meeting(a).size),
      );
      return unmet ? [{ name: nameOf(stanza), needs: unmet.map((a) => a.text).join(' | ') }] : [];
    });
  });

/**
 * Packages that an upgrade from `before` to `after` removes from a machine with all of `before`: those that `after`
 * lacks and that do not work with the new versions, or that a new version conflicts with.
 */
export const removedByUpgrade = (
  before: readonly string[],
  after: readonly string[],
): { name: string; why: string }[] => withinTime('what the packages need', () => new Upgrade(before, after).removed());

class Upgrade {
  private readonly found: { name: string; why: string }[] = [];
  private readonly fresh: Installed[];
  private readonly old: Installed[];

  constructor(before: readonly string[], after: readonly string[]) {
    this.fresh = installed(after);
    const names = new Set(this.fresh.map((p) => p.name));
    this.old = installed(before).filter((p) => !names.has(p.name));
  }

  removed(): { name: string; why: string }[] {
    this.exclude();
    const all = [...this.fresh, ...this.old.filter((p) => !p.gone)];
    const offers = offersOf(all);
    const own = ownPrefix(offers.names());
    const needs = new Needs(offers);
    const unmet = this.old
      .filter((p) => !p.gone)
      .flatMap((owner) =>
        needsOf(owner.stanza)
          .filter((alternatives) => alternatives.every((a) => own(a.name)))
          .map((alternatives) => needs.add(owner, alternatives))
          .filter((need) => need.alive === 0),
      );
    // Dependents of a removed package are removed, too.
    for (const { owner, text } of unmet) {
      if (owner.gone) continue;
      this.leave(owner, `is there no more, and needs ${text}`);
      for (const more of needs.lose(owner)) unmet.push(more);
    }
    return this.found;
  }

  private leave(one: Installed, why: string): void {
    one.gone = true;
    this.found.push({ name: one.name, why });
  }

  /** Removes what the new versions exclude. */
  private exclude(): void {
    const offers = offersOf(this.old);
    const by = new Map<Installed, string>();
    for (const { stanza, name } of this.fresh)
      for (const field of ['Conflicts', 'Breaks'])
        for (const relation of relations(fieldOf(stanza, field)).flat())
          for (const one of offers.meeting(relation)) if (!by.has(one)) by.set(one, name);
    for (const one of this.old) {
      const name = by.get(one);
      if (name !== undefined) this.leave(one, `is excluded by ${name}`);
    }
  }
}

/** Whether a name has the common prefix, in whole words, of all packages in a suite. */
function ownPrefix(all: readonly string[]): (name: string) => boolean {
  const words = all.map((name) => name.split('-'));
  const first = words[0] ?? [];
  let shared = 0;
  while (shared < first.length - 1 && words.every((w) => w[shared] === first[shared])) shared++;
  const prefix = `${first.slice(0, shared).join('-')}-`;
  if (shared) return (name) => name.startsWith(prefix);
  const names = new Set(all);
  return (name) => names.has(name);
}
