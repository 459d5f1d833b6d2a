import Mustache from 'mustache';

/** Renders a template of resources/ without escaping, since the outputs are not HTML. A missing value is a bug. */
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

/** Quotes a text as one word of sh. */
export const shellQuote = (text: string): string =>
  /^[A-Za-z0-9_@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
