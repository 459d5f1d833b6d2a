import { fieldOf } from './deb.ts';
import { meets, relations, type Relation } from './relations.ts';

/** Versions by name, for real and provided names. */
type Offers = Map<string, (string | undefined)[]>;

function offersOf(stanzas: readonly string[]): Offers {
  const offers: Offers = new Map();
  const add = (name: string, version: string | undefined) => offers.set(name, [...(offers.get(name) ?? []), version]);
  for (const stanza of stanzas) {
    add(fieldOf(stanza, 'Package') ?? '', fieldOf(stanza, 'Version'));
    for (const p of relations(fieldOf(stanza, 'Provides')).flat()) add(p.name, p.version);
  }
  return offers;
}

const isMet = (offers: Offers, relation: Relation): boolean =>
  offers.get(relation.name)?.some((version) => meets(version, relation)) === true;

/**
 * Packages of `asked` with an unmet dependency that only `all` could meet, judged by the common prefix of names. Other
 * dependencies come from the archive.
 */
export function unmetIn(asked: readonly string[], all: readonly string[]): { name: string; needs: string }[] {
  const offers = offersOf(all);
  const own = ownPrefix([...offers.keys()]);
  return asked.flatMap((stanza) => {
    const clauses = [...relations(fieldOf(stanza, 'Pre-Depends')), ...relations(fieldOf(stanza, 'Depends'))];
    const unmet = clauses.find((alternatives) => alternatives.every((a) => own(a.name) && !isMet(offers, a)));
    const name = fieldOf(stanza, 'Package') ?? '';
    return unmet ? [{ name, needs: unmet.map((a) => a.text).join(' | ') }] : [];
  });
}

/**
 * Packages that an upgrade from `before` to `after` removes from a machine with all of `before`: those that `after`
 * lacks and that do not work with the new versions, or that a new version conflicts with.
 */
export function removedByUpgrade(before: readonly string[], after: readonly string[]): { name: string; why: string }[] {
  const names = new Set(after.map((stanza) => fieldOf(stanza, 'Package')));
  let stay = before.filter((stanza) => !names.has(fieldOf(stanza, 'Package')));
  const removed: { name: string; why: string }[] = [];
  const excluding = after.flatMap((stanza) =>
    [...relations(fieldOf(stanza, 'Conflicts')), ...relations(fieldOf(stanza, 'Breaks'))]
      .flat()
      .map((relation) => ({ by: fieldOf(stanza, 'Package') ?? '', relation })),
  );
  const leave = (name: string, why: string) => {
    removed.push({ name, why });
    stay = stay.filter((stanza) => fieldOf(stanza, 'Package') !== name);
  };
  for (const stanza of stay) {
    const offers = offersOf([stanza]);
    const found = excluding.find(({ relation }) => isMet(offers, relation));
    if (found) leave(fieldOf(stanza, 'Package') ?? '', `is excluded by ${found.by}`);
  }
  // Dependents of a removed package are removed, too.
  for (let more = stay.length > 0; more;) {
    const unmet = unmetIn(stay, [...after, ...stay]);
    for (const { name, needs } of unmet) leave(name, `is there no more, and needs ${needs}`);
    more = unmet.length > 0;
  }
  return removed;
}

/** Whether a name has the common prefix, in whole words, of all packages in a suite. */
function ownPrefix(all: readonly string[]): (name: string) => boolean {
  const words = all.map((name) => name.split('-'));
  const first = words[0] ?? [];
  let shared = 0;
  while (shared < first.length - 1 && words.every((w) => w[shared] === first[shared])) shared++;
  const prefix = `${first.slice(0, shared).join('-')}-`;
  return shared ? (name) => name.startsWith(prefix) : (name) => all.includes(name);
}
