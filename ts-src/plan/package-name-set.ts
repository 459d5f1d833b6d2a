/** A set of names as bits, one for each number of a NameIndex. Numbers past its end are not in the set. */
export type PackageNameSet = number[];

/** Numbers names, so that sets are joined 32 names at a time. Grows on demand. */
export class NameIndex {
  private readonly numbers = new Map<string, number>();
  private readonly ordered: { name: string; number: number }[] = [];

  constructor(known: Iterable<string> = []) {
    for (const name of [...new Set(known)].sort()) this.meet(name);
  }

  private meet(name: string): number {
    const number = this.numbers.size;
    this.numbers.set(name, number);
    let low = 0;
    let high = this.ordered.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      const there = this.ordered[middle];
      if (there && there.name < name) low = middle + 1;
      else high = middle;
    }
    this.ordered.splice(low, 0, { name, number });
    return number;
  }

  add(set: PackageNameSet, names: Iterable<string>): void {
    for (const name of names) {
      const number = this.numbers.get(name) ?? this.meet(name);
      reach(set, (number >> 5) + 1);
      set[number >> 5] = wordOf(set, number >> 5) | (1 << (number & 31));
    }
  }

  /** Names of a set, sorted. */
  sorted(set: PackageNameSet): string[] {
    return this.ordered
      .filter(({ number: n }) => (wordOf(set, n >> 5) & (1 << (n & 31))) !== 0)
      .map(({ name }) => name);
  }
}

const wordOf = (set: PackageNameSet, word: number): number => set[word] ?? 0;

function reach(set: PackageNameSet, length: number): void {
  while (set.length < length) set.push(0);
}

/** Adds all members of another set of the same index. */
export function join(set: PackageNameSet, other: PackageNameSet): void {
  reach(set, other.length);
  for (let w = 0; w < other.length; w++) set[w] = wordOf(set, w) | wordOf(other, w);
}
