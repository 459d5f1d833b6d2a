import conf from '../../resources/templates/docs/conf.py';
import script from '../../resources/templates/docs/docs.py';
import shell from '../../resources/templates/docs/docs.sh';
import theme from '../../resources/templates/docs/theme.conf';
import { sha256 } from '../model/digest.ts';
import { docFrame, type DocPage } from './doc-shell.ts';
import { renderDoxyfile } from './doxyfile.ts';

/** Files for the documentation tools of a package, read-only: name → text. */
export function docRecipe(page: Omit<DocPage, 'body' | 'root' | 'title' | 'kind'>): Record<string, string> {
  const own = page.package;
  const api = docFrame({
    ...page,
    title: '$title',
    root: '../../../',
    kind: 'doxygen',
    ...(own ? { package: { ...own, folder: '../', tab: 'api' as const } } : {}),
    crumbs: page.crumbs.map((c) => (c.href === undefined ? c : { ...c, href: `../${c.href}` })),
  });
  // Sphinx's expression for the path to the root, since folders below `doc` differ in depth.
  const up = "{{ '../' * pagename.count('/') }}";
  const prose = docFrame({
    ...page,
    title: '{{ title|striptags|e }}',
    root: 'SLIPWAY-UP/../../../',
    kind: 'sphinx',
    ...(own ? { package: { ...own, folder: 'SLIPWAY-UP/../', tab: 'prose' as const } } : {}),
    crumbs: page.crumbs.map((c) => (c.href === undefined ? c : { ...c, href: `SLIPWAY-UP/../${c.href}` })),
  });
  const jinja = (text: string) => text.replaceAll('SLIPWAY-UP/', `${up}`);
  return {
    'docs.sh': shell,
    'docs.py': script,
    'doxygen-header.html': api.before,
    'doxygen-footer.html': api.after,
    'sphinx/conf.py': conf,
    'slipway/theme.conf': theme,
    'slipway/layout.html': `${jinja(prose.before)}{% block body %}{% endblock %}${jinja(prose.after)}`,
    'slipway/page.html': pageTemplate,
    'slipway/search.html': searchTemplate,
  };
}

/** A page for links to Sphinx's own search. */
const searchTemplate =
  '{% extends "layout.html" %}{% block body %}<h1>Search</h1><p>Press <kbd>/</kbd> to search all packages.</p>{% endblock %}';

const pageTemplate = `{% extends "layout.html" %}
{% block body %}<div class="columns"><article>{{ body }}
<nav class="around" aria-label="Pages around this one">{% if prev %}<a rel="prev" href="{{ prev.link|e }}">← {{ prev.title|striptags }}</a>{% endif %}{% if next %}<a rel="next" href="{{ next.link|e }}">{{ next.title|striptags }} →</a>{% endif %}</nav></article>
{% if display_toc %}<nav class="toc" aria-label="On this page"><p>On this page</p>{{ toc }}</nav>{% endif %}</div>{% endblock %}
`;

/** Increase it when the processing of the tools' output changes in a way that the inputs do not show. */
const takenVersion = '8';

/** Digest of everything common to all packages' documentation. */
export const docRecipeDigest = (): string =>
  sha256(
    [
      takenVersion,
      ...Object.values(
        docRecipe({
          organization: 'o',
          crumbs: [],
          package: {
            version: '1',
            parts: { api: true, prose: true, messages: true, changelog: true },
            folder: '',
            tab: 'none',
          },
        }),
      ),
      renderDoxyfile({
        name: 'n',
        version: '1',
        description: 'd',
        headers: [],
        pages: [],
        includes: [],
        statements: [],
        tags: [],
        source: 's',
      }),
    ].join('\0'),
  );
