/** A separate function keeps `get` short enough to be inlined. */
function outside(n: number, count: number): never {
  throw new RangeError(`there is no number ${n} of ${count}`);
}

/** A typed array of integers. Access outside of it throws a RangeError. */
export class Numbers {
  private constructor(private readonly all: Int32Array) {}

  static filled(count: number, value: number): Numbers {
    const all = new Int32Array(count);
    return new Numbers(value === 0 ? all : all.fill(value));
  }

  static of<T>(list: readonly T[], numberOf: (item: T) => number): Numbers {
    return new Numbers(Int32Array.from(list, numberOf));
  }

  copy(): Numbers {
    return new Numbers(this.all.slice());
  }

  get(n: number): number {
    const value = this.all[n];
    return value === undefined ? outside(n, this.all.length) : value;
  }

  set(n: number, value: number): void {
    this.all[n] = value;
  }

  /** Adds to a number; returns the sum. */
  add(n: number, amount: number): number {
    return (this.all[n] = this.get(n) + amount);
  }
}
