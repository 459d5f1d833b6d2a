/** Shared by all that have none: replaced where there are some, never added to. */
export const none = Object.freeze([]) as unknown as string[];

/**
 * Names with what each is for, sorted, as many as `count`: one for all packages in turn, since making a map for each is
 * what takes time.
 */
export interface Roles {
  count: number;
  names: string[];
  roles: number[];
}

/** Adds a name, or another thing that it is for. */
export function addRoles(set: Roles, name: string, roles: number): void {
  let at = set.count;
  while (at > 0 && name < set.names[at - 1]!) at--;
  if (at > 0 && set.names[at - 1] === name) {
    set.roles[at - 1]! |= roles;
    return;
  }
  for (let i = set.count++; i > at; i--) {
    set.names[i] = set.names[i - 1]!;
    set.roles[i] = set.roles[i - 1]!;
  }
  set.names[at] = name;
  set.roles[at] = roles;
}

/** The names that are for one of these. */
export function having(set: Roles, role: number): string[] {
  let found = none;
  for (let i = 0; i < set.count; i++) {
    if (!(set.roles[i]! & role)) continue;
    if (found === none) found = [set.names[i]!];
    else found.push(set.names[i]!);
  }
  return found;
}
