/** A binary heap ordered by `before`, smallest first. O(log items) for each operation. */
export class PriorityQueue<T extends number | object> {
  private readonly items: T[] = [];

  constructor(private readonly before: (a: T, b: T) => boolean) {}

  push(item: T): void {
    const { items } = this;
    let i = items.length;
    items.push(item);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      const above = items[parent];
      if (above === undefined || !this.before(item, above)) break;
      items[i] = above;
      i = parent;
    }
    items[i] = item;
  }

  pop(): T | undefined {
    const { items } = this;
    const top = items[0];
    const last = items.pop();
    if (last === undefined || items.length === 0) return top;
    let i = 0;
    for (let at = 1; at < items.length; at = 2 * i + 1) {
      const left = items[at];
      const right = items[at + 1];
      if (left === undefined) break;
      const second = right !== undefined && this.before(right, left);
      const child = second ? right : left;
      if (!this.before(child, last)) break;
      items[i] = child;
      i = second ? at + 1 : at;
    }
    items[i] = last;
    return top;
  }
}
