/** Text with the five entities that XML has of itself read as what they stand for. */
export const unescapeXml = (text: string): string =>
  text
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&apos;', "'")
    .replaceAll('&amp;', '&');

/**
 * Text with a blank, or another text, in the place of each tag. A `<` begins none where another one comes before its
 * end: so the time grows with the length, whatever somebody wrote.
 */
export const withoutTags = (text: string, by = ' '): string =>
  text.replace(/<!\[CDATA\[|\]\]>/g, '').replace(/<[^<>]*>/g, by);
