/**
 * Looks up an external name among a map's own properties only: a package, repository or distribution may be called
 * `constructor` or `toString`.
 */
export const ownIn = <T>(map: Readonly<Record<string, T>> | undefined, key: string): T | undefined =>
  map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;

/** The value of a key. Throws a RangeError if the map does not have it. */
export function entry<K, V>(map: ReadonlyMap<K, V>, key: K): NonNullable<V> {
  const value = map.get(key);
  if (value == null) throw new RangeError(`the map has no ${String(key)}`);
  return value;
}

/** The value of an own property. Throws a RangeError if the object does not have it. */
export function ownEntry<T>(map: Readonly<Record<string, T>>, key: string): NonNullable<T> {
  const value = ownIn(map, key);
  if (value == null) throw new RangeError(`there is no ${key}`);
  return value;
}

/** Whether an object has a property of this name. */
export const isKeyOf = <T extends object>(table: T, key: PropertyKey): key is keyof T => Object.hasOwn(table, key);

/** The names of an object's own properties. */
export const keysOf = <T extends object>(table: T): (keyof T & string)[] =>
  Object.keys(table).filter((key): key is keyof T & string => isKeyOf(table, key));
