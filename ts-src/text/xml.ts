/** Decodes the five predefined entities of XML. */
export const unescapeXml = (text: string): string =>
  text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');

/**
 * Replaces each tag of a text. A `<` that is followed by another `<` before a `>` does not begin a tag, so the time is
 * proportional to the length for any text.
 */
export const withoutTags = (text: string, by = ' '): string =>
  text.replace(/<!\[CDATA\[|\]\]>/g, '').replace(/<[^<>]*>/g, by);
