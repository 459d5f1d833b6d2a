import { meets, relations, type Relation } from './relations.ts';

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
  /** Parsed dependencies; undefined until the package is reached. */
  clauses: Clause[] | undefined;
  wanted: Clause[];
  broken: { needs: string; of: string } | undefined;
}

interface Clause {
  owner: Candidate;
  text: string;
  alive: number;
}

/**
 * Packages of a suite that can't be installed on an archive because a direct or indirect dependency is unmet. Ignores
 * conflicts: each of two conflicting packages can be installed alone. Linear in what is reached.
 */
export function brokenPackages(own: readonly string[], archive: readonly string[]): Broken[] {
  const byName = new Map<string, { candidate: Candidate; version: string | undefined }[]>();
  const offer = (name: string, candidate: Candidate, version: string | undefined) => {
    const all = byName.get(name);
    if (all) all.push({ candidate, version });
    else byName.set(name, [{ candidate, version }]);
  };
  const add = (stanza: string): Candidate => {
    const name = valueOf(stanza, 'Package') ?? '';
    const version = valueOf(stanza, 'Version') ?? '';
    const candidate: Candidate = { name, version, stanza, clauses: undefined, wanted: [], broken: undefined };
    offer(name, candidate, version);
    for (const [provided] of relations(valueOf(stanza, 'Provides')))
      if (provided) offer(provided.name, candidate, provided.version);
    return candidate;
  };
  for (const stanza of archive) add(stanza);
  const roots = own.map(add);
  const dead: Candidate[] = [];
  const open = [...roots];
  for (let candidate = open.pop(); candidate; candidate = open.pop()) {
    if (candidate.clauses) continue;
    candidate.clauses = [];
    for (const alternatives of clausesOf(candidate.stanza)) {
      const text = alternatives.map((a) => a.text).join(' | ');
      const clause: Clause = { owner: candidate, text, alive: 0 };
      candidate.clauses.push(clause);
      for (const met of new Set(alternatives.flatMap((a) => candidatesFor(byName, a)))) {
        clause.alive++;
        met.wanted.push(clause);
        if (!met.clauses) open.push(met);
      }
      if (clause.alive === 0 && !candidate.broken) {
        candidate.broken = { needs: text, of: candidate.name };
        dead.push(candidate);
      }
    }
  }
  for (let gone = dead.pop(); gone; gone = dead.pop()) {
    const reason = gone.broken;
    for (const clause of gone.wanted) {
      clause.alive--;
      if (clause.alive > 0 || clause.owner.broken) continue;
      clause.owner.broken = reason;
      dead.push(clause.owner);
    }
  }
  return roots.flatMap(({ name, version, broken }) => (broken ? [{ package: name, version, ...broken }] : []));
}

const clausesOf = (stanza: string): Relation[][] => [
  ...relations(valueOf(stanza, 'Pre-Depends')),
  ...relations(valueOf(stanza, 'Depends')),
];

const candidatesFor = (
  byName: ReadonlyMap<string, { candidate: Candidate; version: string | undefined }[]>,
  relation: Relation,
): Candidate[] =>
  (byName.get(relation.name) ?? []).flatMap(({ candidate, version }) => (meets(version, relation) ? [candidate] : []));

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
