import license from '../../node_modules/minisearch/LICENSE.txt';
import search from '../../resources/templates/docs/search.browser';
import css from '../../resources/templates/docs/site.css';
import theme from '../../resources/templates/docs/theme.client';
import { readFileSync } from 'node:fs';
import { unpackPages } from '../inspect/pages.ts';
import { Patience } from '../io/bounded.ts';
import { LeftBehindError } from '../io/untrusted.ts';
import { compare } from '../model/diagnostics.ts';
import type { Store } from '../store/store.ts';
import { indexPage } from './index-page.ts';
import { changelogPage, landingPage } from './landing.ts';
import { LinkChecker, linkRoom, type DeadLink } from './links.ts';
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
  /** Packages without some of their pages, which take too long to read or have too much, with the reason. */
  refused: { id: string; why: string }[];
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
  const written: WrittenSite = {
    files: 0,
    bytes: 0,
    pages: 0,
    links: 0,
    dead: [],
    crossing: {},
    lost: [],
    refused: [],
  };
  const paths = new Set<string>();
  let [time, room] = [new Patience(), linkRoom()];
  const begin = () => ([time, room] = [new Patience(), linkRoom()]);
  const put = (path: string, data: Buffer | string): void => {
    if (paths.has(path)) return;
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    time.spend(path, () => links.add(path, bytes, room));
    paths.add(path);
    written.files++;
    written.bytes += bytes.length;
    if (path.endsWith('.html')) written.pages++;
    write(path, bytes);
  };
  // A package whose pages take too long to read is written without them.
  const putAll = (p: DocPackage, files: Iterable<readonly [string, Buffer | string]>): void => {
    try {
      for (const [path, data] of files) put(`${idOf(p)}/${path}`, data);
    } catch (e) {
      if (!(e instanceof LeftBehindError)) throw e;
      written.refused.push({ id: idOf(p), why: e.message });
    }
  };
  const known = new Set(site.packages.map(idOf));
  const index = messageIndex(site.packages);
  for (const p of site.packages) {
    begin();
    if (p.refused !== undefined) written.refused.push({ id: idOf(p), why: p.refused });
    putAll(p, ownPages(site, p, known, index));
    if (!paths.has(`${idOf(p)}/index.html`)) {
      begin();
      put(`${idOf(p)}/index.html`, landingPage(site, withoutPages(p, written.refused.at(-1)?.why), known));
      continue;
    }
    if (!p.record) continue;
    const packed = await store.path(p.record.pages);
    const files = packed === undefined ? undefined : unpackPages(readFileSync(packed));
    if (!files) written.lost.push(idOf(p));
    else
      putAll(
        p,
        files.map(({ path, data }) => [path, data] as const),
      );
  }
  begin();
  put('index.html', indexPage(site));
  for (const d of new Set(site.packages.map((p) => p.distribution))) put(`${d}/index.html`, indexPage(site, d));
  for (const [path, data] of Object.entries(assets(site))) put(path, data);
  for (const { path, data } of searchFiles(site.packages, (p, path) => paths.has(`${idOf(p)}/${path}`)))
    put(path, data);
  const crossing = [...links.crossing].sort(([a], [b]) => compare(a, b));
  return { ...written, links: links.links, dead: links.dead(), crossing: Object.fromEntries(crossing) };
}

/** A package of which only the manifest is shown. */
function withoutPages(p: DocPackage, why = ''): DocPackage {
  const plain = { ...p, problem: p.problem ?? why };
  delete plain.facts;
  return plain;
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
