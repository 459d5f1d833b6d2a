const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Results of `sortedKeys`, which need no second pass. */
const known = new WeakSet<object>();

/** Marks a value as having sorted keys. */
export function noteSorted(value: object): void {
  known.add(value);
}

/** The value with sorted keys, for canonical JSON. Sorted values are not copied. */
export function sortedKeys<T extends object>(value: T): T {
  const sorted = sortedValue(value) as T;
  known.add(sorted);
  return sorted;
}

function sortedValue(value: unknown): unknown {
  if (Array.isArray(value)) {
    const items: unknown[] = value;
    if (!items.some((item) => typeof item === 'object')) return value;
    const sorted = items.map(sortedValue);
    return sorted.every((v, i) => v === items[i]) ? value : sorted;
  }
  if (!isRecord(value) || known.has(value)) return value;
  const keys = Object.keys(value);
  let same = true;
  let last = '';
  const parts: unknown[] = [];
  for (const key of keys) {
    const part = value[key];
    const sorted = typeof part === 'object' ? sortedValue(part) : part;
    parts.push(sorted);
    same &&= sorted === part && last <= key;
    last = key;
  }
  if (same) return value;
  const copy: Record<string, unknown> = {};
  keys.forEach((key, at) => (copy[key] = parts[at]));
  return Object.fromEntries(keys.sort().map((key) => [key, copy[key]]));
}
