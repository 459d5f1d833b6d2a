function nothingAt(length: number, place: number): never {
  throw new RangeError(`the list of ${length} has nothing at ${place}`);
}

/** The element at an index. Throws a RangeError if there is none. */
export function at<T>(list: ArrayLike<T>, place: number): NonNullable<T> {
  return list[place] ?? nothingAt(list.length, place);
}

/** The first element. Throws a RangeError if the list is empty. */
export const first = <T>(list: ArrayLike<T>): NonNullable<T> => at(list, 0);

/** The last element. Throws a RangeError if the list is empty. */
export const last = <T>(list: ArrayLike<T>): NonNullable<T> => at(list, list.length - 1);

/**
 * Adds a list to the end of another. `push(...more)` ends with a RangeError for a list of some hundred thousand, which
 * texts of others can bring about.
 */
export function append<T>(list: T[], more: Iterable<T>): void {
  for (const one of more) list.push(one);
}
