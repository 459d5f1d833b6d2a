/** A thing that is stored between runs and can be made or fetched again. */
export interface Kept {
  /** Plural name for people: `layers`, `unpacked packages`. */
  kind: string;
  /** Bytes of disk space that removing it frees. */
  bytes: number;
  /** Time of last use, and when it expires: milliseconds since 1970. It may go earlier if room is short. */
  used: number;
  until: number;
  /** Must not be removed, even if room is short. */
  held?: boolean;
}

/** Chooses what to remove: what expired, then the least recently used until the rest fits into `size`. */
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

/** Number and bytes of things by kind, the largest kind first. */
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
