import { entry } from '../model/maps.ts';
import { compare } from '../model/diagnostics.ts';

/** What of a package decides whether it fits others: the ABI name that it provides, and those that it requires. */
export interface Fit {
  abi: string;
  requires: readonly string[];
  /** Packages of the distribution that it needs to run, by Debian name. */
  needs?: readonly string[] | undefined;
}

/** Why a package is not published as it was made, or leaves the repository. */
export interface Reason {
  package: string;
  /**
   * - `former-stays`: `by` stays as it was, and fits only the former version of this package.
   * - `needs-former`: it was made for another version of `by` than the one that stays.
   * - `needs-missing`: it needs `by`, which is not there.
   * - `left-out`: what is published does not fit it, and it was not made again (`partial`, or it did not fit before).
   * - `removed`: the distribution does not have it any more.
   */
  kind: 'former-stays' | 'needs-former' | 'needs-missing' | 'left-out' | 'removed';
  by: string;
}

export interface SelectionInput<Former extends Fit, New extends Fit> {
  /** What is published now, by Debian name. */
  former: ReadonlyMap<string, Former>;
  made: ReadonlyMap<string, New>;
  /** Whether a package still belongs to the distribution. One that does not stays only as long as others need it. */
  belongs: (debian: string) => boolean;
  /** Publish all that was made, and leave out what does not fit any more. */
  partial?: boolean;
}

export interface Selected<Former, New> {
  /** What is to be published, by Debian name, sorted. It fits together. */
  chosen: Map<string, { from: 'made'; value: New } | { from: 'former'; value: Former }>;
  /** One for each package that is not published as it was made, and each that leaves. Sorted by package. */
  reasons: Reason[];
  /** Packages that stay as they were and hold others back: building these too publishes everything. Sorted. */
  holding: string[];
}

/**
 * Selects what is published: the largest part of what was made that fits together with what stays. Nothing that is
 * published and still belongs there gets lost: where it was not made again, and what it requires has another ABI now,
 * all of these stay as they were. Every rule only ever takes a package back to its former version, so the result is the
 * one largest set, whatever the order. O(packages + requirements).
 */
export function selectPublished<Former extends Fit, New extends Fit>(
  input: SelectionInput<Former, New>,
): Selected<Former, New> {
  return new Selector(input).select();
}

class Selector<Former extends Fit, New extends Fit> {
  private readonly former: ReadonlyMap<string, Former>;
  private readonly made: ReadonlyMap<string, New>;
  /** Packages that are not published as they were made, with why; undefined for those that were not made at all. */
  private readonly back = new Map<string, Reason | undefined>();
  private readonly queue: string[] = [];
  private readonly formerProvider = new Map<string, string>();
  private readonly newProvider = new Map<string, string>();
  /** By package that was made, others whose new version needs it in whatever version, or by the ABI of the new one. */
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

  /** What was taken back, and with `partial` all that was not made and belongs there. */
  private stays(name: string): boolean {
    return this.back.has(name) || (this.input.partial === true && !this.made.has(name) && this.input.belongs(name));
  }

  private takeBack(name: string, reason: Reason | undefined): void {
    if (this.back.has(name)) return;
    this.back.set(name, reason);
    this.queue.push(name);
  }

  /** What a new version needs; where that can't be there, it is taken back at once. */
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

  /** A new version needs a package that was not made and is published: with `partial` it stays anyway. */
  private needFormer(need: string, name: string): void {
    if (this.input.partial && !this.input.belongs(need))
      this.takeBack(name, { package: name, kind: 'needs-missing', by: need });
    else this.takeBack(need, undefined);
  }

  /** A package is as it was: what it requires must be too, and what was made for its new version. */
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

  /** Packages that were not made, stay, and require an ABI that what was made changes; and those above them. */
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

/** Takes out what needs something that is not there, until all fits; what was taken out, with what it lacked. */
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
