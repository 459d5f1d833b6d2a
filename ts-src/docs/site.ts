import license from '../../node_modules/minisearch/LICENSE.txt';
import search from '../../resources/templates/docs/search.browser';
import css from '../../resources/templates/docs/site.css';
import theme from '../../resources/templates/docs/theme.client';
import { readFileSync } from 'node:fs';
import { unpackPages, type PageFile } from '../inspect/pages.ts';
import { Patience } from '../io/bounded.ts';
import { LeftBehindError } from '../io/untrusted.ts';
import { compare } from '../model/diagnostics.ts';
import type { Store } from '../store/store.ts';
import { indexPage } from './index-page.ts';
import { changelogPage, landingPage } from './landing.ts';
import { LinkChecker, type DeadLink } from './links.ts';
import { messageDocument, messageIndex, messagesPage, type MessageIndex } from './message-pages.ts';
import { idOf, messagePage, type DocPackage, type DocSite } from './package-info.ts';
import { searchFiles } from './search-index.ts';

/** The result of writing a site. */
export interface WrittenSite {
  files: number;
  bytes: number;
  pages: number;
  links: number;
  dead: DeadLink[];
  /** Number of links between packages' pages, by `from → to`. */
  crossing: Record<string, number>;
  /** Packages whose pages the store has lost. */
  lost: string[];
}

/**
 * Writes a whole site: the stored pages of each package, pages for manifests and messages, the index and the search.
 * Calls `write` once for each file. Equal packages give equal bytes.
 */
export async function writeSite(
  site: DocSite,
  store: Store,
  write: (path: string, data: Buffer) => void,
): Promise<WrittenSite> {
  const links = new LinkChecker();
  const written: WrittenSite = { files: 0, bytes: 0, pages: 0, links: 0, dead: [], crossing: {}, lost: [] };
  const paths = new Set<string>();
  let time = new Patience();
  const put = (path: string, data: Buffer | string): void => {
    if (paths.has(path)) return;
    paths.add(path);
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    time.spend(path, () => links.add(path, bytes));
    written.files++;
    written.bytes += bytes.length;
    if (path.endsWith('.html')) written.pages++;
    write(path, bytes);
  };
  // A package whose pages take too long to parse is written without them.
  const putAll = (folder: string, files: readonly PageFile[]): boolean => {
    try {
      for (const { path, data } of files) put(`${folder}/${path}`, data);
      return true;
    } catch (e) {
      if (e instanceof LeftBehindError) return false;
      throw e;
    }
  };
  const known = new Set(site.packages.map(idOf));
  const index = messageIndex(site.packages);
  for (const p of site.packages) {
    time = new Patience();
    for (const [path, html] of ownPages(site, p, known, index)) put(`${idOf(p)}/${path}`, html);
    if (!p.record) continue;
    const packed = await store.path(p.record.pages);
    const files = packed === undefined ? undefined : unpackPages(readFileSync(packed));
    if (!files || !putAll(idOf(p), files)) written.lost.push(idOf(p));
  }
  time = new Patience();
  put('index.html', indexPage(site));
  for (const d of new Set(site.packages.map((p) => p.distribution))) put(`${d}/index.html`, indexPage(site, d));
  for (const [path, data] of Object.entries(assets(site))) put(path, data);
  for (const { path, data } of searchFiles(site.packages, (p, path) => paths.has(`${idOf(p)}/${path}`)))
    put(path, data);
  const crossing = [...links.crossing].sort(([a], [b]) => compare(a, b));
  return { ...written, links: links.links, dead: links.dead(), crossing: Object.fromEntries(crossing) };
}

function* ownPages(
  site: DocSite,
  p: DocPackage,
  known: ReadonlySet<string>,
  index: MessageIndex,
): Generator<[string, string]> {
  yield ['index.html', landingPage(site, p, known)];
  if (p.facts?.changelog !== undefined) yield ['changelog.html', changelogPage(site, p)];
  if (p.facts?.messages.length) yield ['messages.html', messagesPage(site, p)];
  for (const m of p.facts?.messages ?? []) yield [messagePage(m.kind, m.name), messageDocument(site, p, m, index)];
}

/** This file marks a folder as a site. */
export const siteMark = '_site/site.json';

const assets = (site: DocSite): Record<string, string> => ({
  '_site/site.css': css,
  '_site/theme.js': `${theme}${site.published ? `window.slipwaySite=${JSON.stringify({ state: site.published.state })};\n` : ''}`,
  '_site/search.js': search,
  '_site/LICENSES.txt': `search.js contains MiniSearch:\n\n${license}`,
  [siteMark]: `${JSON.stringify({ schema: 1, organization: site.organization, packages: site.packages.length })}\n`,
});
