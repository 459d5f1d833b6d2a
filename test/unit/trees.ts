import type { Element } from '../../ts-src/read/manifest/plain-xml.ts';

/** What two readers of a manifest must agree on: white space between elements is nobody's text. */
export const treeOf = (e: Element): unknown => ({
  ...e,
  attributes: { ...e.attributes },
  ...(e.name === 'package' || e.name === 'export' ? { text: '', children: e.children?.map(treeOf) } : {}),
});
