/** Wrong values for a field of any kind. `undefined`: the field is missing. */
const wrong: readonly unknown[] = [undefined, null, -1, 1e300, '', 'x', '../../x', '\u001b[2J', {}, [], true, [null]];
const wrongNames = ['..', '../../x', '__proto__', '/'];

/** Each `n`th of them, where all would take too long. */
export function* each<T>(n: number, all: Iterable<T>): Generator<T> {
  let at = 0;
  for (const one of all) if (at++ % n === 0) yield one;
}

/** All values that differ from a JSON value in one field or one name, each with its path. */
export function* mutations(value: unknown, path = ''): Generator<{ path: string; value: unknown }> {
  for (const other of wrong) yield { path: `${path} = ${JSON.stringify(other)}`, value: other };
  if (typeof value !== 'object' || value === null) return;
  for (const [name, inner] of Object.entries(value)) {
    const put = (as: string, other: unknown): unknown => {
      if (Array.isArray(value)) return (value as unknown[]).map((v, i) => (String(i) === name ? other : v));
      const rest = Object.entries(value).filter(([own]) => own !== name);
      return Object.fromEntries(other === undefined ? rest : [...rest, [as, other]]);
    };
    for (const made of mutations(inner, `${path}/${name}`)) yield { path: made.path, value: put(name, made.value) };
    if (!Array.isArray(value))
      for (const as of wrongNames) yield { path: `${path}/${name} as ${as}`, value: put(as, inner) };
  }
}
