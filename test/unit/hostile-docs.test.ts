import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { LinkChecker, linkRoom } from '../../ts-src/docs/links.ts';
import { wordsOf } from '../../ts-src/docs/search-index.ts';
import { writeSite } from '../../ts-src/docs/site.ts';
import { packPages } from '../../ts-src/inspect/pages.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import { describedPackage, docRecord, noFacts } from '../doc-packages.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-hostile-docs-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const timeOf = (work: () => unknown): number => {
  const begun = performance.now();
  work();
  return performance.now() - begun;
};
const filled = (text: string, bytes: number): string => text.repeat(Math.floor(bytes / text.length));
/** More links than a package may have. */
const manyLinks = (): string => `<a ${Array.from({ length: 2_000_001 }, (_, i) => ` id=${i.toString(36)}`).join('')}>`;

describe('a page of a package', () => {
  it.each(['<!--', '<script>', '<script', '<a', '<a href="', " href='", '<!-- --> <script></script>'])(
    'of many `%s` is read in linear time',
    (text) => {
      expect(timeOf(() => new LinkChecker().add('d/p/doc/a.html', filled(text, 4 << 20)))).toBeLessThan(10_000);
    },
  );

  it('may not take the memory with its links and anchors', () => {
    const links = new LinkChecker();
    expect(() => links.add('d/p/doc/a.html', manyLinks())).toThrow('more than 2000000 links and anchors');
    links.add('d/p/index.html', '<a href="doc/a.html">');
    expect(links.dead()).toMatchObject([{ link: 'doc/a.html', why: 'missing' }]);
  });

  it('may not take the memory together with those of other packages, which keep a part of their own', () => {
    const links = new LinkChecker(1 << 20);
    const many = (count: number, of: string): string =>
      Array.from({ length: count }, (_, i) => `<a id="${i}" href="${of}${i}.html">`).join('');
    const room = linkRoom();
    for (const page of ['a', 'b']) links.add(`d/p/doc/${page}.html`, many(2000, page), room);
    expect(() => links.add('d/p/doc/c.html', many(6000, 'c'), room)).toThrow(
      'need more memory than all packages may take',
    );
    // Links that other pages had before take no more.
    links.add('d/q/doc/a.html', many(4000, 'a'), linkRoom());
    links.add('d/q/doc/b.html', '<a href="a.html#3999">', linkRoom());
    expect(links.dead().some((l) => l.page === 'd/q/doc/b.html')).toBe(false);
    expect(links.dead()).toHaveLength(8000);
  });
});

it('a long name of capital letters is split into words in linear time', () => {
  expect(timeOf(() => wordsOf(filled('A', 4 << 20)))).toBeLessThan(10_000);
  expect(wordsOf('HTTPServer ABc XMLHttpRequest aBCDe')).toEqual(
    'http server a bc xml request bc de'.split(' ').filter((w, i, all) => all.indexOf(w) === i),
  );
});

describe('a site', () => {
  it('has all its other pages if a package left too much in its README or its pages', async () => {
    const store = await openStore('file:store', folder, join(folder, 'state'), undefined);
    const packed = join(folder, 'p.pages');
    const pages = { 'doc/index.html': '<p>first</p>', 'doc/many.html': manyLinks() };
    writeFileSync(packed, packPages(Object.entries(pages).map(([path, text]) => ({ path, data: Buffer.from(text) }))));
    const stored = await store.put(packed);
    const packages = [
      describedPackage('a', { facts: { ...noFacts, readme: manyLinks(), changelog: 'never read' } }),
      describedPackage('b', { facts: { ...noFacts, readme: filled('<!--', 16 << 20) } }),
      describedPackage('c', { facts: noFacts, record: docRecord('p', stored) }),
      describedPackage('d', { facts: { ...noFacts, readme: '<p id="here">plain</p>' } }),
    ];
    const files = new Map<string, string>();
    const site = await writeSite({ organization: 'acme', packages }, store, (path, data) => {
      files.set(path, data.toString('utf8'));
    });
    const why = 'its pages have more than 2000000 links and anchors';
    expect(site.refused).toEqual([
      { id: 'd/a', why },
      { id: 'd/c', why },
    ]);
    expect(site.lost).toEqual([]);
    expect(files.get('d/a/index.html')).toContain(why);
    expect(files.get('d/a/index.html')).toContain('The package a.');
    expect(files.has('d/c/doc/index.html')).toBe(true);
    expect(files.has('d/c/doc/many.html')).toBe(false);
    expect(files.get('d/d/index.html')).toContain('plain');
    expect(site.dead).toEqual([]);
  });
});
