import type { Element } from '../../ts-src/read/manifest/plain-xml.ts';

/** Normalizes trees of two readers of a manifest: white space between elements does not matter. */
export const treeOf = (e: Element): unknown => ({
  ...e,
  attributes: { ...e.attributes },
  ...(e.name === 'package' || e.name === 'export' ? { text: '', children: e.children?.map(treeOf) } : {}),
});
