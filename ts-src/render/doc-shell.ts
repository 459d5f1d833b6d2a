import { apiFolder, proseFolder } from '../model/docs.ts';
import { escapeMarkup } from './markup.ts';

/** The parts of a package's documentation, linked at the top of its pages. */
export interface DocParts {
  api: boolean;
  prose: boolean;
  messages: boolean;
  changelog: boolean;
}

export type DocTab = 'overview' | 'api' | 'prose' | 'messages' | 'changelog' | 'none';

export interface DocPage {
  /** HTML. */
  title: string;
  organization: string;
  /** Path from the page to the site's root: '' or `../../`. May begin with a variable of a tool's template. */
  root: string;
  crumbs: readonly { text: string; href?: string }[];
  /** For a package's page: version, parts, and the path to its folder. */
  package?: { version: string; parts: DocParts; folder: string; tab: DocTab };
  /** HTML content; class of `main`. */
  body: string;
  kind: string;
}

const tabs: readonly { tab: DocTab; text: string; href: string; part?: keyof DocParts }[] = [
  { tab: 'overview', text: 'Overview', href: 'index.html' },
  { tab: 'api', text: 'C++ API', href: `${apiFolder}/overview.html`, part: 'api' },
  { tab: 'prose', text: 'Python and guides', href: `${proseFolder}/index.html`, part: 'prose' },
  { tab: 'messages', text: 'Messages', href: 'messages.html', part: 'messages' },
  { tab: 'changelog', text: 'Changelog', href: 'changelog.html', part: 'changelog' },
];

/**
 * Content security policy: pages load nothing from other hosts, neither pictures, which would reveal readers, nor
 * scripts. Packages' own pages may have inline scripts and styles. `file:` allows a site in a local folder.
 */
const policy =
  "default-src 'self' file: data:; script-src 'self' file: 'unsafe-inline'; style-src 'self' file: 'unsafe-inline'; " +
  "form-action 'none'; base-uri 'none'";
const policyTag = `<meta http-equiv="Content-Security-Policy" content="${policy}">`;
const start = '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n';

/**
 * A page from tools or a package, made safe for the site: with the policy first, and pictures of other hosts replaced
 * by their texts.
 */
export function guardedPage(html: string): string {
  const mark = html.startsWith('\ufeff') ? '\ufeff' : '';
  const shown = withoutOuterPictures(html.slice(mark.length));
  if (oneBlank(shown.slice(0, 4 * guarded.length)).startsWith(guarded)) return mark + shown;
  const doctype = /^[\t\n\f\r ]*<!DOCTYPE[^>]*>/i.exec(shown)?.[0] ?? '';
  return `${mark}${doctype || '<!DOCTYPE html>'}${policyTag}${shown.slice(doctype.length)}`;
}

/**
 * With one space for blanks, as HTML knows them: at any other character, a non-breaking space too, the body of a page
 * begins, and a policy in it has no effect.
 */
const oneBlank = (html: string): string => html.replace(/[\t\n\f\r ]+/g, ' ');
const guarded = oneBlank(`${start}${policyTag}`);

/**
 * Replaces a picture from another host, such as a badge, by its alternative text: a browser would have to contact that
 * host.
 */
export function withoutOuterPictures(html: string): string {
  const parts: string[] = [];
  let done = 0;
  // A single pattern for a whole tag would take quadratic time on unclosed tags.
  for (const { index } of html.matchAll(/<img\b/gi)) {
    if (index < done) continue;
    const end = html.indexOf('>', index) + 1;
    if (end === 0) break;
    const tag = html.slice(index, end);
    parts.push(html.slice(done, index), isElsewhere(attributeOf(tag, 'src')) ? placeholder(tag) : tag);
    done = end;
  }
  return parts.join('') + html.slice(done);
}

function attributeOf(tag: string, name: string): string {
  const found = new RegExp(`\\s${name}\\s*=\\s*(?:"([^"]*)"|'([^']*)'|([^\\s>"']+))`, 'i').exec(tag);
  return found?.[1] ?? found?.[2] ?? found?.[3] ?? '';
}

const isElsewhere = (url: string): boolean => /^\s*(?:[a-z][a-z0-9+.-]*:)?\/\//i.test(url);

/** The text for a picture. Texts of the tag stay escaped as written; quotes are escaped for the attribute. */
function placeholder(tag: string): string {
  const quoted = (text: string) => text.replaceAll('"', '&quot;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
  const text = quoted(attributeOf(tag, 'alt')) || 'picture';
  return `<span class="elsewhere" title="${quoted(attributeOf(tag, 'src'))}">${text}</span>`;
}

/** The HTML before and after the content of every page. */
export function docFrame(page: Omit<DocPage, 'body'>): { before: string; after: string } {
  const own = page.package;
  const crumbs = page.crumbs.map(({ text, href }) =>
    href === undefined
      ? `<span aria-current="page">${escapeMarkup(text)}</span>`
      : `<a href="${escapeMarkup(href)}">${escapeMarkup(text)}</a>`,
  );
  const shown = own ? tabs.filter((t) => t.part === undefined || own.parts[t.part]) : [];
  const links = shown.map(({ tab, text, href }) => {
    const current = tab === own?.tab ? ' aria-current="true"' : '';
    return `<a href="${escapeMarkup(`${own?.folder ?? ''}${href}`)}"${current}>${text}</a>`;
  });
  const before = `${start}${policyTag}
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${page.title}</title>
<script src="${page.root}_site/theme.js"></script>
<link rel="stylesheet" href="${page.root}_site/site.css">
<script src="${page.root}_site/search.js" data-root="${page.root}" defer></script>
</head>
<body class="${page.kind}">
<a class="skip" href="#content">Skip to content</a>
<header class="bar">
<a class="brand" href="${page.root}index.html">${escapeMarkup(page.organization)} <span>docs</span></a>
<nav class="crumbs" aria-label="Breadcrumb">${crumbs.join('<span class="slash" aria-hidden="true">/</span>')}</nav>
<div class="tools"><button type="button" class="find" data-search hidden>Search <kbd>/</kbd></button><button type="button" class="theme" data-theme-button hidden aria-label="Switch between light and dark">◐</button></div>
</header>
${links.length ? `<nav class="tabs" aria-label="Package">${links.join('')}<span class="version">${escapeMarkup(own?.version ?? '')}</span></nav>\n` : ''}<main id="content" class="${page.kind}" tabindex="-1">
`;
  return {
    before,
    after: `\n</main>\n<footer class="end"><a href="${page.root}index.html">All packages</a></footer>\n</body>\n</html>\n`,
  };
}

export function docPage(page: DocPage): string {
  const { before, after } = docFrame(page);
  return before + page.body + after;
}
