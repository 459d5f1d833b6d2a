/** A matcher of names and globs (`*`, `?`). */
export function matcher(patterns: readonly string[]): (name: string) => boolean {
  if (patterns.includes('*')) return () => true;
  const exact = new Set(patterns.filter((p) => !/[*?]/.test(p)));
  const globs = patterns.filter((p) => /[*?]/.test(p));
  return (name) => exact.has(name) || globs.some((g) => matchesGlob(g, name));
}

/** Matches a name against a glob in O(glob · name). A regular expression with many `*` could take exponential time. */
export function matchesGlob(glob: string, name: string): boolean {
  let g = 0;
  let n = 0;
  // Position of the last `*`, and where in the name the text after it was last tried.
  let star = -1;
  let tried = 0;
  while (n < name.length) {
    if (glob[g] === '*') {
      star = g++;
      tried = n;
    } else if (g < glob.length && (glob[g] === '?' || glob[g] === name[n])) {
      g++;
      n++;
    } else if (star >= 0) {
      g = star + 1;
      n = ++tried;
    } else return false;
  }
  while (glob[g] === '*') g++;
  return g === glob.length;
}
