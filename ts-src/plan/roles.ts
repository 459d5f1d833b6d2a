/** A shared empty list; it is replaced, never modified. */
export const none: string[] = [];
Object.freeze(none);

/**
 * Names with their roles as bits, sorted. One list is reused for all packages, because a map for each would be slow.
 */
export type Roles = { name: string; roles: number }[];

/** Adds a name, or a role to a name. */
export function addRoles(set: Roles, name: string, roles: number): void {
  let place = set.length;
  for (let before = set[place - 1]; before && name <= before.name; before = set[--place - 1]) {
    if (before.name !== name) continue;
    before.roles |= roles;
    return;
  }
  set.splice(place, 0, { name, roles });
}

/** The names with one of these roles. */
export function having(set: Roles, role: number): string[] {
  let found = none;
  for (const { name, roles } of set) {
    if (!(roles & role)) continue;
    if (found === none) found = [name];
    else found.push(name);
  }
  return found;
}
