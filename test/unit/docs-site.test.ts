import { describe, expect, it } from 'vitest';
import { deflateSync } from 'node:zlib';
import { LinkChecker } from '../../ts-src/docs/links.ts';
import { sourceLink } from '../../ts-src/docs/package-info.ts';
import { allRows, searchFiles, symbolsOfInventory, symbolsOfTag, wordsOf } from '../../ts-src/docs/search-index.ts';

describe('the link checker', () => {
  const check = (files: Record<string, string>) => {
    const links = new LinkChecker();
    for (const [path, text] of Object.entries(files)) links.add(path, text);
    return links;
  };

  it('finds missing files and anchors, absolute paths and links that lead out, with their lines', () => {
    const links = check({
      'd/a/index.html': `<p id="here"></p>
<a href="#here">x</a><a href='../b/index.html#there'>x</a>
<a href="../b/none.html">x</a><a href="../b/index.html#none">x</a>
<a href="/root.html">x</a><a href="../../../out.html">x</a> <!-- <a href="no.html"> -->
<script>"<a href='no.html'>"</script><a href="https://example.org/x">x</a><img src="p%20q.png"><a href="mailto:a@b">x</a>`,
      'd/b/index.html': '<h1 id="there">x</h1>',
      'd/a/p q.png': '',
    });
    expect(links.dead().map((d) => `${d.page}:${d.line} ${d.link} ${d.why}`)).toEqual([
      'd/a/index.html:3 ../b/index.html#none anchor',
      'd/a/index.html:3 ../b/none.html missing',
      'd/a/index.html:4 ../../../out.html outside',
      'd/a/index.html:4 /root.html absolute',
    ]);
  });

  it('counts links from one package to another', () => {
    const links = check({
      'd/a/api/x.html':
        '<a href="../../b/api/y.html">x</a><a href="../../b/api/y.html#z">x</a><a href="../index.html">x</a>',
      'd/b/api/y.html': '<a id="z"></a>',
      'd/a/index.html': '',
    });
    expect([...links.crossing]).toEqual([['d/a → d/b', 2]]);
    expect(links.dead()).toEqual([]);
  });
});

describe('the search', () => {
  const tag = `<tagfile><compound kind="class"><name>tf2::BufferCore</name><filename>classtf2_1_1BufferCore.html</filename>
<member kind="function"><type>bool</type><name>lookupTransform</name><anchorfile>classtf2_1_1BufferCore.html</anchorfile><anchor>a1</anchor><arglist>()</arglist></member>
</compound><compound kind="file"><name>buffer_core.h</name><path>tf2/</path><filename>buffer__core_8h.html</filename></compound></tagfile>`;

  it('has the symbols of tag files and inventories whose pages exist', () => {
    expect(symbolsOfTag(tag, 3, () => true)).toEqual([
      ['BufferCore', 'tf2::BufferCore', 'c', 'api/classtf2_1_1BufferCore.html', 3],
      ['lookupTransform', 'tf2::BufferCore::lookupTransform', 'f', 'api/classtf2_1_1BufferCore.html#a1', 3],
      ['buffer_core.h', 'buffer_core.h', 'h', 'api/buffer__core_8h.html', 3],
    ]);
    expect(symbolsOfTag(tag, 3, () => false)).toEqual([]);
    const inventory = Buffer.concat([
      Buffer.from('# Sphinx inventory version 2\n# Project: p\n# Version: 1\n# zlib\n'),
      deflateSync(Buffer.from('acme.main py:function 1 python/acme.html#$ -\nindex std:doc -1 index.html Guides\n')),
    ]).toString('base64');
    expect(symbolsOfInventory(inventory, 0, () => true)).toEqual([
      ['main', 'acme.main', 'p', 'doc/python/acme.html#acme.main', 0],
      ['Guides', '', 'g', 'doc/index.html', 0],
    ]);
  });

  const nothing = { maintainers: [], authors: [], licenses: [], urls: [], build: [], run: [], test: [], system: [] };
  const withTag = (text: string) => ({
    ...nothing,
    distribution: 'd',
    name: 'p',
    version: '1',
    description: '</script>',
    buildType: 'catkin',
    repository: 'r',
    url: '',
    path: '',
    debian: 'p',
    dependents: [],
    channels: [],
    interface: { schema: 1 as const, tag: text, messages: [] },
  });

  it('has few files for a name with many words, and none for endless text', () => {
    const compound = (name: string) =>
      `<compound kind="class"><name>${name}</name><filename>c.html</filename></compound>`;
    const word = (i: number) => String.fromCharCode(65 + Math.floor(i / 26), 97 + (i % 26));
    const many = Array.from({ length: 400 }, (_, i) => word(i)).join('');
    const files = [...searchFiles([withTag(compound(many) + compound(`${many}${'x'.repeat(1000)}`))], () => true)];
    expect(files.length).toBeLessThan(25);
    expect(files.some((file) => file.data.includes('xxx'))).toBe(false);
  });

  it('has all names of small packages if those of others have no room', () => {
    const members = (count: number) =>
      Array.from(
        { length: count },
        (_, i) =>
          `<member kind="function"><name>f${i}</name><anchorfile>c.html</anchorfile><anchor>a${i}</anchor></member>`,
      ).join('');
    const named = (name: string, count: number) => ({
      ...withTag(`<compound kind="class"><name>C</name><filename>c.html</filename>${members(count)}</compound>`),
      name,
    });
    const rows = allRows([named('large', 5000), named('small', 100), named('larger', 9000)], () => true, 1e6);
    const counts = [0, 1, 2].map((n) => rows.filter((row) => row[4] === n).length);
    expect(counts[1]).toBe(101);
    expect(counts[0]).toBeGreaterThan(500);
    expect(counts[2]).toBeGreaterThan(500);
    expect(rows.length).toBeLessThan(4000);
  });

  it('splits names into words, and files by prefixes of words', () => {
    expect(wordsOf('tf2::BufferCore get_HTTPServer')).toEqual(['tf2', 'buffer', 'core', 'get', 'http', 'server']);
    const members = Array.from(
      { length: 3000 },
      (_, i) =>
        `<member kind="function"><name>get${String.fromCharCode(65 + (i % 26))}thing${i}</name><anchorfile>c.html</anchorfile><anchor>a${i}</anchor></member>`,
    ).join('');
    const one = withTag(`<compound kind="class"><name>C</name><filename>c.html</filename>${members}</compound>`);
    const files = [...searchFiles([one], () => true)];
    const names = files.map((f) => f.path.replace('_site/search/', ''));
    expect(names).toEqual(expect.arrayContaining(['packages.js', 'shards.js']));
    expect(files.every((f) => !f.data.includes('</script'))).toBe(true);
    const sizes = files.flatMap((f) => (/\/s-/.test(f.path) ? [f.data.split('"api/').length - 1] : []));
    expect(Math.max(...sizes)).toBeLessThan(1100);
    // A word in too many names finds none of them; each is found by its other words and as a whole.
    expect(names).not.toContain('s-get.js');
    const found = new Set(files.flatMap((f) => f.data.match(/get[A-Z]thing\d+/g) ?? []));
    expect(found.size).toBe(3000);
  });
});

it('links to the source lead to the built commit, if the host shows it', () => {
  const at = { commit: 'abc', path: 'tf2' };
  expect(sourceLink({ ...at, url: 'https://github.com/ros/geometry2.git' }, 'doc/x.md#y')).toBe(
    'https://github.com/ros/geometry2/tree/abc/tf2/doc/x.md#y',
  );
  expect(sourceLink({ ...at, url: 'git@gitlab.example.org:a/b.git' })).toBe(
    'https://gitlab.example.org/a/b/-/tree/abc/tf2',
  );
  expect(sourceLink({ ...at, url: 'file:///srv/x.git' })).toBeUndefined();
  expect(sourceLink({ ...at, url: 'https://user:secret@github.com/a/b' })).toBe('https://github.com/a/b/tree/abc/tf2');
});
