/** One thing that is kept between runs and can be made or fetched again. */
export interface Kept {
  /** For people: `layers`, `unpacked packages`. */
  kind: string;
  /** Bytes that the disk gets back when it goes. */
  bytes: number;
  /** When it was last used, and until when it stays unless room is short: milliseconds since 1970. */
  used: number;
  until: number;
  /** It stays though room is short. */
  held?: boolean;
}

/** What is used least, beyond its time or beyond the room that there may be. */
export function chooseExpired<T extends Kept>(things: readonly T[], now: number, size: number): Set<T> {
  const expired = new Set(things.filter((t) => now >= t.until));
  const rest = things.filter((t) => !expired.has(t)).sort((a, b) => a.used - b.used);
  let bytes = rest.reduce((sum, t) => sum + t.bytes, 0);
  for (const thing of rest) {
    if (bytes <= size) break;
    if (thing.held) continue;
    expired.add(thing);
    bytes -= thing.bytes;
  }
  return expired;
}

/** How many things of each kind there are, and their bytes; the largest kind first. */
export function countKinds(things: Iterable<Kept>): { kind: string; things: number; bytes: number }[] {
  const kinds = new Map<string, { kind: string; things: number; bytes: number }>();
  for (const { kind, bytes } of things) {
    const of = kinds.get(kind) ?? { kind, things: 0, bytes: 0 };
    kinds.set(kind, of);
    of.things++;
    of.bytes += bytes;
  }
  return [...kinds.values()].sort((a, b) => b.bytes - a.bytes || (a.kind < b.kind ? -1 : 1));
}
