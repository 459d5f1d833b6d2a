/** The value of a field of a control stanza, with its continuation lines as one line. */
export function fieldOf(stanza: string, name: string): string | undefined {
  let pattern = patterns.get(name);
  if (!pattern) patterns.set(name, (pattern = new RegExp(`^${name}:(.*(?:\\n[ \\t].*)*)`, 'mi')));
  return pattern.exec(stanza)?.[1]?.replaceAll('\n', ' ').trim();
}
const patterns = new Map<string, RegExp>();
