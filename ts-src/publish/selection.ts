import { entry } from '../model/maps.ts';
import { compare } from '../model/diagnostics.ts';

/** The fields that decide whether packages fit together: the provided ABI name, and the required ones. */
export interface Fit {
  abi: string;
  requires: readonly string[];
  /** Run dependencies in the distribution, by Debian name. */
  needs?: readonly string[] | undefined;
}

/** Why a package is withheld, or leaves the repository. */
export interface Reason {
  package: string;
  /**
   * - `former-stays`: `by` stays unchanged, and fits only the former version of this package.
   * - `needs-former`: it was built with another version of `by` than the one that stays.
   * - `needs-missing`: it needs `by`, which is missing.
   * - `left-out`: it does not fit what is published, and was not rebuilt (`partial`, or it did not fit before).
   * - `removed`: the distribution no longer has it.
   */
  kind: 'former-stays' | 'needs-former' | 'needs-missing' | 'left-out' | 'removed';
  by: string;
}

export interface SelectionInput<Former extends Fit, New extends Fit> {
  /** What is published now, by Debian name. */
  former: ReadonlyMap<string, Former>;
  made: ReadonlyMap<string, New>;
  /** Whether a package still belongs to the distribution. Others stay only while packages need them. */
  belongs: (debian: string) => boolean;
  /** Publish everything new, and leave out what no longer fits. */
  partial?: boolean;
}

export interface Selected<Former, New> {
  /** What to publish, by Debian name, sorted. It fits together. */
  chosen: Map<string, { from: 'made'; value: New } | { from: 'former'; value: Former }>;
  /** One reason for each package that is withheld or leaves, sorted by package. */
  reasons: Reason[];
  /** Unchanged packages that withhold others: building these, too, publishes everything. Sorted. */
  holding: string[];
}

/**
 * Selects what to publish: the largest set of new packages that fits together with the packages that stay. No published
 * package that still belongs to the distribution is lost: if it was not rebuilt and the ABI that it requires changes,
 * the packages involved stay unchanged. Each rule only reverts a package to its former version, so there is one largest
 * result, independent of the order. O(packages + requirements).
 */
export function selectPublished<Former extends Fit, New extends Fit>(
  input: SelectionInput<Former, New>,
): Selected<Former, New> {
  return new Selector(input).select();
}

class Selector<Former extends Fit, New extends Fit> {
  private readonly former: ReadonlyMap<string, Former>;
  private readonly made: ReadonlyMap<string, New>;
  /** Reverted packages with their reasons; undefined for packages that were not rebuilt. */
  private readonly back = new Map<string, Reason | undefined>();
  private readonly queue: string[] = [];
  private readonly formerProvider = new Map<string, string>();
  private readonly newProvider = new Map<string, string>();
  /** By new package: other new packages that need it, in any version or with its new ABI. */
  private readonly newDependents = new Map<string, { package: string; abi: string | undefined }[]>();

  constructor(private readonly input: SelectionInput<Former, New>) {
    this.former = input.former;
    this.made = input.made;
    for (const [name, f] of this.former) this.formerProvider.set(f.abi, name);
    for (const [name, m] of this.made) this.newProvider.set(m.abi, name);
  }

  select(): Selected<Former, New> {
    for (const name of this.made.keys()) this.findNeeds(name);
    if (!this.input.partial)
      for (const name of this.former.keys())
        if (!this.made.has(name) && this.input.belongs(name)) this.takeBack(name, undefined);
    for (const name of this.queue) this.follow(name);
    const chosen: Selected<Former, New>['chosen'] = new Map();
    for (const name of [...new Set([...this.former.keys(), ...this.made.keys()])].sort(compare)) {
      const made = this.back.has(name) ? undefined : this.made.get(name);
      const former = this.stays(name) ? this.former.get(name) : undefined;
      if (made) chosen.set(name, { from: 'made', value: made });
      else if (former) chosen.set(name, { from: 'former', value: former });
    }
    const dropped = dropUnfit(chosen);
    return { chosen, reasons: this.reasons(chosen, dropped), holding: this.holding(chosen) };
  }

  /** Whether a package stays unchanged: it was reverted or, with `partial`, not rebuilt and still belongs. */
  private stays(name: string): boolean {
    return this.back.has(name) || (this.input.partial === true && !this.made.has(name) && this.input.belongs(name));
  }

  private takeBack(name: string, reason: Reason | undefined): void {
    if (this.back.has(name)) return;
    this.back.set(name, reason);
    this.queue.push(name);
  }

  /** Records what a new version needs; reverts it at once if that is missing. */
  private findNeeds(name: string): void {
    const { requires, needs } = entry(this.made, name);
    const missing = (by: string) => this.takeBack(name, { package: name, kind: 'needs-missing', by });
    for (const abi of requires) {
      const provider = this.newProvider.get(abi);
      const before = this.formerProvider.get(abi);
      if (provider !== undefined) push(this.newDependents, provider, { package: name, abi });
      else if (before === undefined || this.made.has(before)) missing(abi);
      else this.needFormer(before, name);
    }
    for (const need of needs ?? []) {
      if (this.made.has(need)) push(this.newDependents, need, { package: name, abi: undefined });
      else if (this.former.has(need)) this.needFormer(need, name);
      else missing(need);
    }
  }

  /** A new version needs a published package that was not rebuilt; with `partial` it stays anyway. */
  private needFormer(need: string, name: string): void {
    if (this.input.partial && !this.input.belongs(need))
      this.takeBack(name, { package: name, kind: 'needs-missing', by: need });
    else this.takeBack(need, undefined);
  }

  /** A reverted package: its requirements must be reverted, too, and dependents built with its new version. */
  private follow(name: string): void {
    const former = this.former.get(name);
    for (const d of this.newDependents.get(name) ?? []) {
      if (former && (d.abi === undefined || former.abi === d.abi)) continue;
      this.takeBack(d.package, { package: d.package, kind: former ? 'needs-former' : 'needs-missing', by: name });
    }
    if (!former || this.input.partial) return;
    for (const abi of former.requires) {
      const provider = this.formerProvider.get(abi);
      if (provider === undefined || this.made.get(provider)?.abi === abi) continue;
      this.takeBack(
        provider,
        this.made.has(provider) ? { package: provider, kind: 'former-stays', by: name } : undefined,
      );
    }
    for (const need of former.needs ?? [])
      if (!this.made.has(need) && this.former.has(need)) this.takeBack(need, undefined);
  }

  private reasons(chosen: ReadonlyMap<string, unknown>, dropped: ReadonlyMap<string, string>): Reason[] {
    const all = new Map<string, Reason>();
    for (const [name, reason] of this.back) if (reason) all.set(name, reason);
    for (const [name, by] of dropped) if (!all.has(name)) all.set(name, { package: name, kind: 'left-out', by });
    for (const name of this.former.keys())
      if (!chosen.has(name) && !all.has(name)) all.set(name, { package: name, kind: 'removed', by: name });
    return [...all.values()].sort((a, b) => compare(a.package, b.package));
  }

  /** Packages that were not rebuilt, stay, and require an ABI that changes; and their dependents. */
  private holding(chosen: Selected<Former, New>['chosen']): string[] {
    const dependents = new Map<string, string[]>();
    for (const [name, f] of this.former) for (const abi of f.requires) push(dependents, abi, name);
    const changed = [...this.made].flatMap(([name, m]) => {
      const former = this.former.get(name);
      return former && former.abi !== m.abi ? [former.abi] : [];
    });
    const holding = new Set<string>();
    for (const abi of changed)
      for (const name of dependents.get(abi) ?? []) {
        if (holding.has(name) || this.made.has(name) || chosen.get(name)?.from !== 'former') continue;
        holding.add(name);
        changed.push(entry(this.former, name).abi);
      }
    return [...holding].sort(compare);
  }
}

/** Removes packages with missing requirements until all fit. Returns the removed ones with what they lacked. */
function dropUnfit(chosen: Map<string, { value: Fit }>): Map<string, string> {
  const dropped = new Map<string, string>();
  const provided = new Set([...chosen].flatMap(([name, { value }]) => [name, value.abi]));
  const dependents = new Map<string, string[]>();
  for (const [name, { value }] of chosen)
    for (const what of [...value.requires, ...(value.needs ?? [])]) push(dependents, what, name);
  const lacking = [...dependents.keys()].filter((what) => !provided.has(what));
  for (let what = lacking.pop(); what !== undefined; what = lacking.pop()) {
    for (const name of dependents.get(what) ?? []) {
      const c = chosen.get(name);
      if (!c) continue;
      chosen.delete(name);
      dropped.set(name, what);
      lacking.push(name, c.value.abi);
    }
  }
  return dropped;
}

function push<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key);
  if (list) list.push(value);
  else lists.set(key, [value]);
}
