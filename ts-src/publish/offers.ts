import { LeftBehindError } from '../io/untrusted.ts';
import { meets, relations, type Relation } from './relations.ts';
import { fieldOf } from '../text/stanza.ts';

/**
 * Limit of how many offers are compared with relations. Debian's whole archive needs a twentieth; packages that all
 * provide one name, and need it in many versions, would take days.
 */
const mostCompared = 20_000_000;

/** What packages offer: their names and the names that they provide, each with its version. */
class Offers<Package> {
  private readonly byName = new Map<string, { owner: Package; version: string | undefined }[]>();
  private readonly known = new Map<string, ReadonlySet<Package>>();
  private compared = 0;

  add(name: string, version: string | undefined, owner: Package): void {
    const all = this.byName.get(name);
    if (all) all.push({ owner, version });
    else this.byName.set(name, [{ owner, version }]);
  }

  names(): string[] {
    return [...this.byName.keys()];
  }

  /** The packages that meet a relation: the same set for equal relations. Everything must have been added before. */
  meeting(relation: Relation): ReadonlySet<Package> {
    const { name, operator, version } = relation;
    const key = operator === undefined ? name : `${name} ${operator} ${version}`;
    const before = this.known.get(key);
    if (before) return before;
    const all = this.byName.get(name) ?? [];
    this.compared += all.length;
    if (this.compared > mostCompared)
      throw new LeftBehindError('the packages provide and need too much to be compared');
    const found = new Set(all.flatMap((o) => (meets(o.version, relation) ? [o.owner] : [])));
    this.known.set(key, found);
    return found;
  }
}

/** What packages with these control stanzas offer. */
export function offersOf<Package extends { name: string; stanza: string }>(
  packages: readonly Package[],
): Offers<Package> {
  const offers = new Offers<Package>();
  for (const one of packages) {
    offers.add(one.name, fieldOf(one.stanza, 'Version'), one);
    for (const p of relations(fieldOf(one.stanza, 'Provides')).flat()) offers.add(p.name, p.version, one);
  }
  return offers;
}

/** A dependency of a package. `alive`: number of its alternatives that a package meets. */
export interface Need<Package> {
  owner: Package;
  text: string;
  alive: number;
}

/** A relation of any number of packages. `alive`: number of packages that meet it and are not lost. */
interface Requirement<Package> {
  alive: number;
  needs: Need<Package>[];
}

/** The dependencies of packages, and which of them are unmet after packages are lost. Equal relations are shared. */
export class Needs<Package> {
  private readonly requirements = new Map<ReadonlySet<Package>, Requirement<Package>>();
  private readonly metBy = new Map<Package, Requirement<Package>[]>();

  /** `reach` is called with the packages that meet a relation, once for each relation. */
  constructor(
    private readonly offers: Offers<Package>,
    private readonly reach: (packages: ReadonlySet<Package>) => void = () => undefined,
  ) {}

  /** Adds a dependency, before any package is lost. */
  add(owner: Package, alternatives: readonly Relation[]): Need<Package> {
    const met = new Set(alternatives.map((a) => this.requirementOf(a)).filter((r) => r.alive > 0));
    const need = { owner, text: alternatives.map((a) => a.text).join(' | '), alive: met.size };
    for (const requirement of met) requirement.needs.push(need);
    return need;
  }

  /** Loses a package. Returns the dependencies that nothing meets any more. */
  lose(gone: Package): Need<Package>[] {
    const unmet: Need<Package>[] = [];
    for (const requirement of this.metBy.get(gone) ?? []) {
      if (--requirement.alive > 0) continue;
      for (const need of requirement.needs) if (--need.alive === 0) unmet.push(need);
    }
    return unmet;
  }

  private requirementOf(relation: Relation): Requirement<Package> {
    const all = this.offers.meeting(relation);
    const before = this.requirements.get(all);
    if (before) return before;
    const requirement: Requirement<Package> = { alive: all.size, needs: [] };
    this.requirements.set(all, requirement);
    for (const one of all) {
      const of = this.metBy.get(one);
      if (of) of.push(requirement);
      else this.metBy.set(one, [requirement]);
    }
    this.reach(all);
    return requirement;
  }
}
