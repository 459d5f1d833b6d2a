import { withinTime } from '../io/bounded.ts';
import { Needs, offersOf } from './offers.ts';
import { needsOf } from './relations.ts';
import { fieldOf } from '../text/stanza.ts';

/** A package that can't be installed. */
export interface Broken {
  package: string;
  version: string;
  /** The unmet dependency. */
  needs: string;
  /** The package with that dependency: the broken one, or one of its dependencies. */
  of: string;
}

interface Candidate {
  name: string;
  version: string;
  stanza: string;
  reached: boolean;
  broken: { needs: string; of: string } | undefined;
}

/**
 * Packages of a suite that can't be installed on an archive because a direct or indirect dependency is unmet. Ignores
 * conflicts: each of two conflicting packages can be installed alone. Linear in what is reached.
 */
export const brokenPackages = (own: readonly string[], archive: readonly string[]): Broken[] =>
  withinTime('what the packages need', () => brokenOf(own, archive));

const candidateOf = (stanza: string): Candidate => ({
  name: fieldOf(stanza, 'Package') ?? '',
  version: fieldOf(stanza, 'Version') ?? '',
  stanza,
  reached: false,
  broken: undefined,
});

function brokenOf(own: readonly string[], archive: readonly string[]): Broken[] {
  const roots = own.map(candidateOf);
  const open = [...roots];
  const all = new Needs(offersOf([...archive.map(candidateOf), ...roots]), (candidates) => {
    for (const candidate of candidates) if (!candidate.reached) open.push(candidate);
  });
  const dead: Candidate[] = [];
  const breaks = (candidate: Candidate, broken: Candidate['broken']) => {
    if (candidate.broken) return;
    candidate.broken = broken;
    dead.push(candidate);
  };
  for (let candidate = open.pop(); candidate; candidate = open.pop()) {
    if (candidate.reached) continue;
    candidate.reached = true;
    for (const alternatives of needsOf(candidate.stanza)) {
      const need = all.add(candidate, alternatives);
      if (need.alive === 0) breaks(candidate, { needs: need.text, of: candidate.name });
    }
  }
  for (let gone = dead.pop(); gone; gone = dead.pop())
    for (const need of all.lose(gone)) breaks(need.owner, gone.broken);
  return roots.flatMap(({ name, version, broken }) => (broken ? [{ package: name, version, ...broken }] : []));
}
