/**
 * What a map holds under a name that comes from outside. Never what each object has of itself: a package, a repository
 * or a distribution may be called `constructor` or `toString`.
 */
export const ownIn = <T>(map: Readonly<Record<string, T>> | undefined, key: string): T | undefined =>
  map !== undefined && Object.hasOwn(map, key) ? map[key] : undefined;
