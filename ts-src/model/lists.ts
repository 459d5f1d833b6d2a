/** What stands in a place of a list that has it. */
export function at<T>(list: ArrayLike<T>, place: number): NonNullable<T> {
  const item = list[place];
  if (item == null) throw new RangeError(`the list of ${list.length} has nothing at ${place}`);
  return item;
}

/** The first of a list that has some. */
export const first = <T>(list: ArrayLike<T>): NonNullable<T> => at(list, 0);

/** The last of a list that has some. */
export const last = <T>(list: ArrayLike<T>): NonNullable<T> => at(list, list.length - 1);
