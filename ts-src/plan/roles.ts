/** Shared by all that have none: replaced where there are some, never added to. */
export const none: string[] = [];
Object.freeze(none);

/**
 * Names with what each is for, sorted: one list for all packages in turn, since making a map for each is what takes
 * time.
 */
export type Roles = { name: string; roles: number }[];

/** Adds a name, or another thing that it is for. */
export function addRoles(set: Roles, name: string, roles: number): void {
  let place = set.length;
  for (let before = set[place - 1]; before && name <= before.name; before = set[--place - 1]) {
    if (before.name !== name) continue;
    before.roles |= roles;
    return;
  }
  set.splice(place, 0, { name, roles });
}

/** The names that are for one of these. */
export function having(set: Roles, role: number): string[] {
  let found = none;
  for (const { name, roles } of set) {
    if (!(roles & role)) continue;
    if (found === none) found = [name];
    else found.push(name);
  }
  return found;
}
