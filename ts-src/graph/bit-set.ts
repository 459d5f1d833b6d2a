/** A separate function keeps `word` short enough to be inlined. */
function outside(word: number, words: number): never {
  throw new RangeError(`the set ends at ${words * 32}, before ${word * 32}`);
}

/** A set of integers from 0 to a fixed count, one bit each. */
export class BitSet {
  private constructor(private readonly words: Uint32Array) {}

  static below(count: number): BitSet {
    return new BitSet(new Uint32Array((count + 31) >> 5));
  }

  copy(): BitSet {
    return new BitSet(this.words.slice());
  }

  private word(w: number): number {
    const word = this.words[w];
    return word === undefined ? outside(w, this.words.length) : word;
  }

  has(n: number): boolean {
    return (this.word(n >> 5) & (1 << (n & 31))) !== 0;
  }

  add(n: number): void {
    this.words[n >> 5] = this.word(n >> 5) | (1 << (n & 31));
  }

  delete(n: number): void {
    this.words[n >> 5] = this.word(n >> 5) & ~(1 << (n & 31));
  }

  /** Adds all members of another set of the same count. */
  join(other: BitSet): void {
    const { words } = this;
    for (let w = 0; w < words.length; w++) words[w] = this.word(w) | other.word(w);
  }

  /** Members in ascending order. */
  numbers(): number[] {
    const numbers: number[] = [];
    for (let w = 0; w < this.words.length; w++) {
      for (let word = this.word(w); word !== 0; word &= word - 1) numbers.push(w * 32 + 31 - Math.clz32(word & -word));
    }
    return numbers;
  }
}
