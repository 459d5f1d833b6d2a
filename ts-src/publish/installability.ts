import { withinTime } from '../io/bounded.ts';
import { Needs, Offers } from './offers.ts';
import { relations, type Relation } from './relations.ts';

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

function brokenOf(own: readonly string[], archive: readonly string[]): Broken[] {
  const offers = new Offers<Candidate>();
  const add = (stanza: string): Candidate => {
    const name = valueOf(stanza, 'Package') ?? '';
    const version = valueOf(stanza, 'Version') ?? '';
    const candidate: Candidate = { name, version, stanza, reached: false, broken: undefined };
    offers.add(name, version, candidate);
    for (const [provided] of relations(valueOf(stanza, 'Provides')))
      if (provided) offers.add(provided.name, provided.version, candidate);
    return candidate;
  };
  for (const stanza of archive) add(stanza);
  const roots = own.map(add);
  const open = [...roots];
  const all = new Needs(offers, (candidates) => {
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
    for (const alternatives of clausesOf(candidate.stanza)) {
      const need = all.add(candidate, alternatives);
      if (need.alive === 0) breaks(candidate, { needs: need.text, of: candidate.name });
    }
  }
  for (let gone = dead.pop(); gone; gone = dead.pop())
    for (const need of all.lose(gone)) breaks(need.owner, gone.broken);
  return roots.flatMap(({ name, version, broken }) => (broken ? [{ package: name, version, ...broken }] : []));
}

const clausesOf = (stanza: string): Relation[][] => [
  ...relations(valueOf(stanza, 'Pre-Depends')),
  ...relations(valueOf(stanza, 'Depends')),
];

/** The value of a field, including continuation lines. */
function valueOf(stanza: string, field: string): string | undefined {
  const begin = stanza.startsWith(`${field}:`) ? 0 : stanza.indexOf(`\n${field}:`) + 1;
  if (begin === 0 && !stanza.startsWith(`${field}:`)) return undefined;
  let end = stanza.indexOf('\n', begin);
  while (end >= 0 && /[ \t]/.test(stanza[end + 1] ?? '')) end = stanza.indexOf('\n', end + 1);
  return stanza
    .slice(begin + field.length + 1, end < 0 ? undefined : end)
    .replaceAll('\n', ' ')
    .trim();
}
