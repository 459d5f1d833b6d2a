import Mustache from 'mustache';

/**
 * Renders a template of resources/. Nothing is escaped (the outputs are not HTML); a name that the values lack is a
 * fault of ours.
 */
export function renderTemplate(template: string, values: Record<string, unknown>): string {
  for (const [type, name] of Mustache.parse(template)) {
    if (
      (type === 'name' || type === '#' || type === '^' || type === '&') &&
      name !== '.' &&
      !Object.hasOwn(values, name)
    )
      throw new Error(`the template needs '${name}'`);
  }
  return Mustache.render(template, values, undefined, { escape: String });
}

/** One word of sh, whatever is in it. */
export const shellQuote = (text: string): string =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
