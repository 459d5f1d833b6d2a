import { append } from '../../model/lists.ts';
import type { Installed } from '../../inspect/installed.ts';
import type { DocResults } from '../../model/docs.ts';

/** Inputs for deciding whether documentation failed. */
export interface Judged {
  results: DocResults;
  installed: Installed;
  tag: string | undefined;
  /** The package's Doxyfile sets its own inputs, or excludes entities without comments. */
  ownScope: boolean;
  doxygen: boolean;
  warnings: number;
  told: readonly string[];
  settings: { warnings?: number; coverage?: number };
}

/** Why documentation failed, one line each. */
export function faultsOf(judged: Judged): string[] {
  const { results, settings, installed } = judged;
  const faults: string[] = [];
  for (const { tool, code } of results.tools)
    if (code !== 0)
      faults.push(`${tool} ended with ${code}${judged.told[0] === undefined ? '' : `: ${judged.told[0]}`}`);
  if (judged.doxygen) append(faults, headersWithoutPage(judged));
  if (!judged.doxygen && installed.headers.length)
    faults.push(`it installs ${installed.headers.length} headers, but rosdoc2.yaml forbids Doxygen`);
  const modules = results.failed_modules.slice(0, 3).join(', ');
  if (modules)
    faults.push(`Python can't import ${modules}: ${judged.told.find((t) => /failed to import/.test(t)) ?? ''}`);
  if (settings.warnings !== undefined && judged.warnings > settings.warnings)
    faults.push(`${judged.warnings} warnings, ${settings.warnings} are allowed: ${judged.told.slice(0, 3).join('; ')}`);
  const percent = results.total ? (100 * results.documented) / results.total : 100;
  if (settings.coverage !== undefined && percent < settings.coverage)
    faults.push(
      `${percent.toFixed(1)} % of its public entities are described, ${settings.coverage} % ` +
        `are asked for: ${results.undocumented.slice(0, 3).join('; ')}`,
    );
  return faults;
}

/** Installed headers without a page. Doxygen's tag file lists the headers that have one. */
function headersWithoutPage({ installed, tag, ownScope, results }: Judged): string[] {
  const pages = new Set<string>();
  for (const [, body = ''] of (tag ?? '').matchAll(/<compound kind="file">([^]*?)<\/compound>/g)) {
    const name = /<name>([^<]*)<\/name>/.exec(body)?.[1] ?? '';
    pages.add(`${/<path>([^<]*)<\/path>/.exec(body)?.[1] ?? ''}${name}`.replace(/^.*\/include\//, ''));
  }
  if (!installed.headers.length) return [];
  if (ownScope)
    return pages.size || results.compounds.length ? [] : ['it installs headers, but its Doxyfile makes no API page'];
  const lacking = installed.headers.filter(
    (h) => !installed.includes.some((i) => h.startsWith(`${i}/`) && pages.has(h.slice(i.length + 1))),
  );
  if (!lacking.length) return [];
  const first = lacking.slice(0, 3).map((h) => h.replace(/^.*\/include\//, ''));
  return [`${lacking.length} of ${installed.headers.length} installed headers have no API page: ${first.join(', ')}`];
}
