import { describe, expect, it } from 'vitest';
import { deflateSync } from 'node:zlib';
import { soundInventory, soundTag } from '../../ts-src/engine/docs/references.ts';
import { interfaceDigest, inventoryLines } from '../../ts-src/engine/docs/results.ts';

describe("what other packages' documentation refers to", () => {
  const member = (place: string, anchor: string) =>
    `<member kind="function" virtualness="virtual"><type>void</type><name>run</name><anchorfile>${place}</anchorfile><anchor>${anchor}</anchor><arglist>(A&lt; int &gt; &amp;a)</arglist></member>`;
  const thing = (name: string, place: string, more = '') =>
    `<compound kind="class"><name>${name}</name><filename>${place}</filename>${more}</compound>`;
  const script = 'x.html&quot;&gt;&lt;script&gt;';

  it("preserves a tag file's content", () => {
    const own = `<tagfile doxygen_version="1.9.4">${thing('A&lt; T &gt;', 'classA.html', `<templarg>T</templarg><base protection="private">B</base>${member('classA.html', 'a1')}<docanchor file="classA.html" title="t">x</docanchor>`)}<compound kind="file"><name>a.h</name><path>x/</path><filename>a_8h.html</filename><includes id="b" name="b">b.h</includes><class kind="class">A</class></compound></tagfile>`;
    const lines = (text: string) => text.replace(/^<\?.*\n/, '').replaceAll('\n', '');
    expect(lines(soundTag(own))).toBe(
      own.replace(/ doxygen_version="[^"]*"/, '').replace(/<includes.*<\/includes>/, ''),
    );
    expect(lines(soundTag(soundTag(own)))).toBe(lines(soundTag(own)));
  });

  it("drops invalid file names and anchors of a tag file, since they are copied into others' pages", () => {
    const things = [
      thing('A', script),
      thing('B', 'b.html', member(script, 'a') + member('b.html', script) + member('b.html', 'b1')),
      thing('C', '../c.html'),
      thing('D', 'd.html', `<docanchor file="${script}">x</docanchor><class kind="${script}">E</class>`),
    ];
    const sound = soundTag(`<tagfile>${things.join('')}</tagfile>`);
    expect(sound).not.toMatch(/script|\.\./);
    expect([...sound.matchAll(/<(?:name|anchor)>([^<]*)/g)].map((m) => m[1])).toEqual(['B', 'run', 'b1', 'D']);
  });

  it('drops what Doxygen would warn of or crash on', () => {
    const empty = "<?xml version='1.0' encoding='UTF-8' standalone='yes' ?>\n<tagfile>\n</tagfile>\n";
    for (const text of [
      '</compound></member></tagfile>',
      '<compound kind="class"><name>A',
      '<compound kind="class"><name>A</name></compound>',
      '<compound kind="x"><name>A</name><filename>a</filename></compound>',
      thing('A', 'a.html', '<member>'),
      '<compound '.repeat(100_000),
    ])
      expect(soundTag(text), text.slice(0, 80)).toBe(empty);
    expect(soundTag(thing('A', 'a.html', '<title>x</title><member kind="y"/><title><a/></title>'))).toBe(
      empty.replace('</', '<compound kind="class">\n<name>A</name>\n<filename>a.html</filename>\n</compound>\n</'),
    );
  });

  it('keeps lines of an inventory that lead below its own documentation, and refuses other files', () => {
    const head = '# Sphinx inventory version 2\n# Project: p\n# Version: 1\n# zlib\n';
    const sound = [
      'a.b py:class 1 python/a.html#$ -',
      'index std:doc -1 index.html The guide: a <b>',
      'x y std:label -1 doc..html#x-y X',
    ];
    const bad = [
      'a py:class 1 //example.org/a.html -',
      '//example.org/ py:class 1 $ -',
      'a py:class 1 /a.html -',
      'a py:class 1 javascript:alert(1) -',
      'a py:class 1 ../../b/doc/a.html -',
      'a py:class 1 x/.. -',
      'nonsense',
    ];
    const made = soundInventory(
      Buffer.concat([Buffer.from(head), deflateSync([...bad, ...sound, ''].join('\n'))]),
      'n',
      '2.0.0',
    );
    expect(inventoryLines(made ?? '')).toEqual(sound);
    expect(Buffer.from(made ?? '', 'base64').toString('latin1')).toMatch(
      /^# Sphinx inventory version 2\n# Project: n\n/,
    );
    expect(soundInventory(Buffer.from(`${head}no`), 'n', '1.0.0')).toBeUndefined();
    const bomb = Buffer.concat([Buffer.from(head), deflateSync(Buffer.alloc(65 << 20))]);
    expect(soundInventory(bomb, 'n', '1.0.0')).toBeUndefined();
  });
});

it('the digest for dependents ignores the version in an inventory', () => {
  const inventory = (version: string, lines: string) =>
    Buffer.concat([
      Buffer.from(`# Sphinx inventory version 2\n# Project: p\n# Version: ${version}\n# zlib\n`),
      deflateSync(Buffer.from(lines)),
    ]).toString('base64');
  const of = (version: string, lines: string) =>
    interfaceDigest({ schema: 1, inventory: inventory(version, lines), messages: [] });
  expect(of('1', 'a py:class 1 a.html#$ -\nb py:class 1 b.html#$ -\n')).toBe(
    of('2', 'b py:class 1 b.html#$ -\na py:class 1 a.html#$ -\n'),
  );
  expect(of('1', 'a py:class 1 a.html#$ -\n')).not.toBe(of('1', 'b py:class 1 a.html#$ -\n'));
});
