function nothingAt(length: number, place: number): never {
  throw new RangeError(`the list of ${length} has nothing at ${place}`);
}

/** What stands in a place of a list that has it. */
export function at<T>(list: ArrayLike<T>, place: number): NonNullable<T> {
  return list[place] ?? nothingAt(list.length, place);
}

/** The first of a list that has some. */
export const first = <T>(list: ArrayLike<T>): NonNullable<T> => at(list, 0);

/** The last of a list that has some. */
export const last = <T>(list: ArrayLike<T>): NonNullable<T> => at(list, list.length - 1);
