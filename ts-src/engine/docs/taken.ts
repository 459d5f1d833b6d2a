import type { Installed } from '../../inspect/installed.ts';
import { takePages, type PageFile } from '../../inspect/pages.ts';
import { Patience } from '../../io/bounded.ts';
import { shownName } from '../../io/untrusted.ts';
import { apiFolder, proseFolder, type DocInterface, type DocResults } from '../../model/docs.ts';
import { renderApiOverview } from '../../render/api-overview.ts';
import { docPage, guardedPage, type DocPage, type DocParts } from '../../render/doc-shell.ts';
import type { BuildEnvironment } from '../build/environment.ts';
import type { BuildRequest } from '../build/outcome.ts';
import type { DocWishes } from './wishes.ts';

/** All inputs for a package's documentation. */
export interface Job {
  request: BuildRequest;
  environment: BuildEnvironment;
  installed: Installed;
  wishes: DocWishes;
  parts: DocParts;
  doxygen: boolean;
  sphinx: boolean;
  /** Interfaces of the packages that it refers to. */
  interfaces: Map<string, DocInterface>;
}

/** The frame of a package's pages. It contains only data of the package itself. */
export function frameOf(
  organization: string,
  { request, parts }: Job,
): Omit<DocPage, 'body' | 'root' | 'title' | 'kind'> {
  const { graph, package: p } = request;
  return {
    organization,
    crumbs: [
      { text: graph.scope.distribution, href: '../index.html' },
      { text: p.name, href: 'index.html' },
    ],
    package: { version: p.version, parts, folder: '', tab: 'none' },
  };
}

/** Scripts and styles of the tools; the site has shared copies. */
const ofTools =
  /^(api\/([^/]+\.(css|js|svg|png|md5|map)|(annotated|classes|hierarchy|inherits|files|pages|namespaces|topics|modules|examples)\.html|(functions|globals|namespacemembers)(_[^/]*)?\.html|graph_legend\.html)|doc\/_static\/(basic\.css|pygments\.css|alabaster\.css|[A-Za-z_.-]*(jquery|underscore|doctools|sphinx_highlight|language_data|documentation_options|_sphinx_javascript_frameworks_compat|searchtools)[A-Za-z0-9_.-]*\.js)|doc\/(objects\.inv|\.buildinfo|\.nojekyll|searchindex\.js))$/;

/** The pages that the tools wrote, and the first page of the API. */
export async function pagesOf(organization: string, job: Job, results: DocResults): Promise<PageFile[]> {
  const { request, environment } = job;
  const skip = (path: string) => noPage.test(path) || (ofTools.test(path) && path !== `${apiFolder}/index.html`);
  const pages = await takePages(environment.build, 'docs/pages', skip);
  const time = new Patience();
  const shape = (of: (page: PageFile) => boolean, make: (data: Buffer) => Buffer): void => {
    for (const page of pages)
      if (of(page) && isPage(page)) page.data = time.spend(shownName(page.path), () => make(page.data));
  };
  shape(({ path }) => path.startsWith(`${proseFolder}/`), withoutProblems);
  const index = pages.findIndex((p) => p.path === `${apiFolder}/index.html`);
  const mainPage = index >= 0 && hasText(pages[index]?.data.toString('utf8') ?? '');
  if (index >= 0 && !mainPage) pages.splice(index, 1);
  if (job.doxygen) shape(({ path }) => path.startsWith(`${apiFolder}/`), withHeading);
  shape(
    () => true,
    (data) => Buffer.from(guardedPage(data.toString('utf8'))),
  );
  if (!job.doxygen) return pages;
  const frame = frameOf(organization, job);
  const at = (crumb: DocPage['crumbs'][number]) =>
    crumb.href === undefined ? crumb : { ...crumb, href: `../${crumb.href}` };
  const there = new Set(pages.map((p) => p.path));
  const overview = docPage({
    ...frame,
    crumbs: [...frame.crumbs.map(at), { text: 'C++ API' }],
    ...(frame.package ? { package: { ...frame.package, folder: '../', tab: 'api' as const } } : {}),
    title: `${request.package.name}: C++ API`,
    root: '../../../',
    kind: 'api',
    body: renderApiOverview(
      request.package.name,
      results.compounds.filter((c) => there.has(`${apiFolder}/${c.page}`)),
      { mainPage, documented: results.documented, total: results.total },
    ),
  });
  return [...pages, { path: `${apiFolder}/overview.html`, data: Buffer.from(overview) }].sort((a, b) =>
    a.path < b.path ? -1 : 1,
  );
}

/** Whether browsers open a file as a page. The extension's case does not matter. */
const isPage = ({ path }: PageFile): boolean => /\.s?html?$/i.test(path);

/** Pages that browsers read as XML: a policy in them has no effect in some browsers. Tools make none. */
const noPage = /\.(xhtml?|xht)$/i;

/**
 * Where Sphinx can't interpret a text, it links to a message that is not in the page. Removes that link; the warning is
 * reported.
 */
const withoutProblems = (data: Buffer): Buffer =>
  Buffer.from(data.toString('utf8').replace(/<a href="#[^"]*">(<span class="problematic")/g, '<a>$1'));

/** Turns Doxygen's titles into headings, and unfolds sections that need its scripts. */
const withHeading = (data: Buffer): Buffer =>
  Buffer.from(
    data
      .toString('utf8')
      .replace(/<div class="title">([^]*?)<\/div>/, '<h1 class="title">$1</h1>')
      .replace(/<img src="(?:closed|open)\.png"[^>]*>(?:&#160;)?/g, '')
      .replace(/ onclick="javascript:toggleInherit\('[A-Za-z0-9_-]*'\)"/g, ''),
  );

/** Whether Doxygen's main page has more than a title. */
const hasText = (html: string): boolean => /<div class="textblock">/.test(html);
