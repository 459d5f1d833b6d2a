import { docPage, withoutOuterPictures, type DocPage, type DocTab } from '../render/doc-shell.ts';
import { escapeMarkup } from '../render/markup.ts';
import { coverageOf } from './coverage.ts';
import { idOf, messagePage, sourceLink, type DocPackage, type DocSite } from './package-info.ts';

export const escape = escapeMarkup;

/** Renders the frame of a page that lies `depth` folders below its package's folder. */
export function packageFrame(
  site: DocSite,
  p: DocPackage,
  tab: DocTab,
  depth = 0,
): Omit<DocPage, 'body' | 'title' | 'kind'> {
  const up = '../'.repeat(depth);
  return {
    organization: site.organization,
    root: `${up}../../`,
    crumbs: [
      { text: p.distribution, href: `${up}../index.html` },
      tab === 'overview' ? { text: p.name } : { text: p.name, href: `${up}index.html` },
    ],
    package: {
      version: p.version,
      parts: {
        api: p.facts?.api !== undefined,
        prose: p.facts?.prose !== undefined,
        messages: (p.facts?.messages.length ?? 0) > 0,
        changelog: p.facts?.changelog !== undefined,
      },
      folder: up,
      tab,
    },
  };
}

const list = (items: readonly string[], className = ''): string =>
  `<ul${className ? ` class="${className}"` : ''}>${items.map((i) => `<li>${i}</li>`).join('')}</ul>`;

/** Rewrites links to source files in a page from the sandbox: they lead to the repository, or become plain text. */
export const withSourceLinks = (html: string, p: DocPackage): string =>
  withoutOuterPictures(html).replace(/href="source:([^"]*)"/g, (_, file: string) => {
    if (p.facts?.changelog !== undefined && /^(CHANGELOG|CHANGES)\.(rst|md)$/.test(file))
      return 'href="changelog.html"';
    const link = sourceLink(p, file.replaceAll('&amp;', '&').replaceAll('&quot;', '"'));
    return link === undefined ? '' : `href="${escape(link)}"`;
  });

/** The landing page of a package: its README and the data of its manifest. */
export function landingPage(site: DocSite, p: DocPackage, known: ReadonlySet<string>): string {
  const facts = p.facts;
  const problem = p.problem
    ? `<div class="note"><strong>${p.record ? 'This documentation has faults.' : 'There is no documentation.'}</strong> ${escape(p.problem)}</div>`
    : '';
  const readme = facts?.readme ? `<div class="prose">${withSourceLinks(facts.readme, p)}</div>` : '';
  const body = `<div class="columns"><article>
<h1>${escape(p.name)}</h1>
<p class="lead">${escape(p.description)}</p>
${problem}${parts(p)}${readme}
${contents(p)}
</article>
${aside(p, known)}</div>`;
  return docPage({
    ...packageFrame(site, p, 'overview'),
    title: `${escape(p.name)} ${escape(p.version)}`,
    kind: 'package',
    body,
  });
}

const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** Links from the landing page to the package's other pages. */
function parts(p: DocPackage): string {
  const { facts } = p;
  if (!facts) return '';
  const item = (href: string, title: string, text: string) =>
    `<li><a href="${escape(href)}"><strong>${title}</strong><span>${escape(text)}</span></a></li>`;
  const modules = facts.python.length ? `Python: ${facts.python.slice(0, 3).join(', ')}` : 'Guides';
  const items = [
    ...(facts.api === undefined ? [] : [item(facts.api, 'C++ API', plural(facts.headers.length, 'header'))]),
    ...(facts.prose === undefined ? [] : [item(facts.prose, 'Python and guides', modules)]),
    ...(facts.messages.length ? [item('messages.html', 'Messages', plural(facts.messages.length, 'definition'))] : []),
    ...(facts.changelog === undefined ? [] : [item('changelog.html', 'Changelog', `up to ${p.version}`)]),
  ];
  return items.length ? `<ul class="parts">${items.join('')}</ul>` : '';
}

function contents(p: DocPackage): string {
  const { facts } = p;
  if (!facts) return '';
  const section = (title: string, id: string, items: readonly string[]) =>
    items.length
      ? `<section id="${id}"><h2>${title} <span class="count">${items.length}</span></h2>${list(items, 'names')}</section>`
      : '';
  const code = (text: string) => `<code>${escape(text)}</code>`;
  const messages = facts.messages.map(
    (m) => `<a href="${messagePage(m.kind, m.name)}"><code>${m.kind}/${escape(m.name)}</code></a>`,
  );
  const plugins = facts.plugins.map(
    (x) =>
      `<code>${escape(x.name)}</code>${x.base ? ` <span class="kind">a ${escape(x.base)}</span>` : ''}${x.description ? `<p>${escape(x.description)}</p>` : ''}`,
  );
  const headers = facts.api === undefined ? facts.headers.map(code) : [];
  return [
    section('Messages, services and actions', 'interfaces', messages),
    section('Programs', 'programs', facts.executables.map(code)),
    section('Launch files', 'launch', facts.launch.map(code)),
    section('Parameters', 'parameters', facts.parameters.map(code)),
    plugins.length
      ? `<section id="plugins"><h2>Plugins <span class="count">${plugins.length}</span></h2>${list(plugins, 'entries')}</section>`
      : '',
    section('Headers', 'headers', headers),
  ].join('\n');
}

function aside(p: DocPackage, known: ReadonlySet<string>): string {
  const part = (title: string, html: string) => (html ? `<h2>${title}</h2>${html}` : '');
  const others = (names: readonly string[]) =>
    names.length
      ? list(
          names.map((n) =>
            known.has(`${p.distribution}/${n}`) ? `<a href="../${escape(n)}/index.html">${escape(n)}</a>` : escape(n),
          ),
          'names',
        )
      : '';
  const person = ({ name, email }: { name: string; email?: string }) =>
    email && /^[^\s@<>"]+@[^\s@<>"]+$/.test(email)
      ? `<a href="mailto:${escape(email)}">${escape(name)}</a>`
      : escape(name);
  const link = sourceLink(p);
  const at = `${escape(p.repository)}${p.commit ? ` <code>${escape(p.commit.slice(0, 10))}</code>` : ''}`;
  const website = p.urls.filter((u) => /^https?:\/\//.test(u.url));
  const { build, run } = p;
  const elsewhere = [...known]
    .filter((id) => id.endsWith(`/${p.name}`) && id !== idOf(p))
    .map((id) => `<a href="../../${escape(id)}/index.html">${escape(id.split('/')[0] ?? '')}</a>`);
  return `<aside class="facts" aria-label="About this package">
${part('Install', `<pre tabindex="0">apt install ${escape(p.debian)}</pre>`)}
${part('Version', `<p>${escape(p.version)}${p.debianVersion ? `<br><code>${escape(p.debianVersion)}</code>` : ''}</p>`)}
${part('In channels', p.channels.length ? list(p.channels.map((c) => `${escape(c.channel)}: <code>${escape(c.version)}</code>`)) : '')}
${part('Also in', elsewhere.length ? list(elsewhere, 'names') : '')}
${part('Licence', p.licenses.map((l) => escape(l.name)).join(', '))}
${part(p.maintainers.length > 1 ? 'Maintainers' : 'Maintainer', list(p.maintainers.map(person)))}
${part('Source', `<p>${link === undefined ? at : `<a href="${escape(link)}">${at}</a>`}</p>`)}
${part(
  'Links',
  website.length
    ? list(
        website.map((u) => `<a href="${escape(u.url)}">${escape(u.type)}</a>`),
        'names',
      )
    : '',
)}
${part('Described', coverageOf(p))}
${part('Needs', others([...new Set([...build, ...run])].sort()))}
${part('Needed by', others(p.dependents))}
${part(
  'System packages',
  p.system.length
    ? list(
        p.system.map((s) => `<code>${escape(s)}</code>`),
        'names',
      )
    : '',
)}
${part('Build type', `<p>${escape(p.buildType)}</p>`)}
</aside>`;
}

export function changelogPage(site: DocSite, p: DocPackage): string {
  const body = `<h1>Changelog of ${escape(p.name)}</h1><div class="prose">${withSourceLinks(p.facts?.changelog ?? '', p)}</div>`;
  return docPage({
    ...packageFrame(site, p, 'changelog'),
    title: `Changelog of ${escape(p.name)}`,
    kind: 'changelog',
    body,
  });
}
