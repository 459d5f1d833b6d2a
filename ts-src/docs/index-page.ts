import { compare } from '../model/diagnostics.ts';
import { docPage } from '../render/doc-shell.ts';
import { escape } from './landing.ts';
import { idOf, type DocPackage, type DocSite } from './package-info.ts';

const short = (text: string): string => (text.length > 160 ? `${text.slice(0, 157).trimEnd()}…` : text);

function card(p: DocPackage, root: string, several: boolean): string {
  const { facts, record } = p;
  const chips = [
    ...(several ? [`<span class="chip">${escape(p.distribution)}</span>`] : []),
    ...(facts?.api === undefined ? [] : ['<span class="chip">C++</span>']),
    ...(facts?.python.length ? ['<span class="chip">Python</span>'] : []),
    ...(facts?.messages.length
      ? [`<span class="chip">${facts.messages.length} ${facts.messages.length === 1 ? 'message' : 'messages'}</span>`]
      : []),
    ...(p.problem === undefined ? [] : [`<span class="chip bad">${record ? 'faults' : 'no documentation'}</span>`]),
  ];
  return `<li><div><a class="name" href="${root}${escape(idOf(p))}/index.html">${escape(p.name)}</a><span class="v">${escape(p.version)}</span></div><p>${escape(short(p.description))}</p><div class="chips">${chips.join('')}</div></li>`;
}

/** Index of all packages of the site, or of one distribution. */
export function indexPage(site: DocSite, distribution?: string): string {
  const root = distribution === undefined ? '' : '../';
  const all = [...new Set(site.packages.map((p) => p.distribution))].sort(compare);
  const own = site.packages
    .filter((p) => distribution === undefined || p.distribution === distribution)
    .sort((a, b) => compare(a.name, b.name) || compare(a.distribution, b.distribution));
  const several = all.length > 1 && distribution === undefined;
  const links =
    all.length > 1
      ? `<nav aria-label="Distributions" class="names">${all.map((d) => (d === distribution ? `<span class="chip good" aria-current="page">${escape(d)}</span>` : `<a class="chip" href="${root}${escape(d)}/index.html">${escape(d)}</a>`)).join('')}</nav>`
      : '';
  const count = `${own.length} ${own.length === 1 ? 'package' : 'packages'}${several ? ` in ${all.length} distributions` : ''}`;
  const body = `<div class="hero"><div><h1>${distribution === undefined ? 'Packages' : escape(distribution)}</h1><p class="lead">${count} of ${escape(site.organization)}. Press <kbd>/</kbd> to search them all, with their classes, functions and messages.</p>${links}</div>
<div class="filter" data-filter hidden><input type="search" aria-label="Filter packages" placeholder="Filter by name or words"><span data-shown role="status"></span></div></div>
<h2 hidden>List</h2>
<ul class="packages">
${own.map((p) => card(p, root, several)).join('\n')}
</ul>`;
  return docPage({
    title:
      distribution === undefined
        ? `${escape(site.organization)}: documentation`
        : `${escape(distribution)}: documentation`,
    organization: site.organization,
    root,
    crumbs: distribution === undefined ? [] : [{ text: distribution }],
    kind: 'index',
    body: body.replace('<h2 hidden>List</h2>\n', ''),
  });
}
