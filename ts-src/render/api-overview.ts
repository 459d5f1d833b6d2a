import type { Compound } from '../model/docs.ts';
import { escapeMarkup } from './markup.ts';

const sections: readonly { title: string; kinds: readonly string[] }[] = [
  { title: 'Topics', kinds: ['group'] },
  { title: 'Classes', kinds: ['class', 'struct', 'union', 'interface', 'concept'] },
  { title: 'Namespaces', kinds: ['namespace'] },
  { title: 'Headers', kinds: ['file'] },
];

const kindOf = ({ kind }: Compound): string =>
  kind === 'struct' || kind === 'union' ? ` <span class="kind">${kind}</span>` : '';

/** HTML of an API's first page: all entities with a page, and their brief descriptions. */
export function renderApiOverview(
  name: string,
  compounds: readonly Compound[],
  options: { mainPage: boolean; documented: number; total: number },
): string {
  const parts = sections.flatMap(({ title, kinds }) => {
    const own = compounds.filter((c) => kinds.includes(c.kind));
    if (!own.length) return [];
    const rows = own.map(
      (c) =>
        `<li><a href="${escapeMarkup(c.page)}"><code>${breakable(c.title || c.name)}</code></a>${kindOf(c)}${c.brief ? `<p>${escapeMarkup(c.brief)}</p>` : ''}</li>`,
    );
    return [
      `<section><h2>${title} <span class="count">${own.length}</span></h2><ul class="entries">${rows.join('\n')}</ul></section>`,
    ];
  });
  const percent = options.total ? Math.floor((100 * options.documented) / options.total) : 100;
  return `<h1>C++ API of ${escapeMarkup(name)}</h1>
<p class="lead">${options.mainPage ? '<a href="index.html">Introduction</a> · ' : ''}${options.total ? `${options.documented} of ${options.total} public entities are described (${percent} %).` : 'Nothing public is declared.'}</p>
${parts.join('\n')}`;
}

/** Allows line breaks after `::` in long qualified names. */
const breakable = (name: string): string => escapeMarkup(name).replaceAll('::', '::<wbr>');
