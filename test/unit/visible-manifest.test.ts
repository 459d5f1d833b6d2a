import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { visibleManifest } from '../../ts-src/inspect/visible-manifest.ts';
import { parseManifest } from '../../ts-src/read/manifest/manifest.ts';

describe("a manifest's part in an interface", () => {
  interface Shape {
    version: string;
    tags: [string, string, string][];
    groups: string[];
    exports: string[];
    people: string[];
    comments: string[];
    space: string;
  }
  const word = fc.stringMatching(/^[a-z][a-z_]{0,6}$/);
  const shape: fc.Arbitrary<Shape> = fc.record({
    version: fc.stringMatching(/^\d\.\d\.\d$/),
    tags: fc.array(
      fc.tuple(
        fc.constantFrom('depend', 'build_depend', 'exec_depend', 'test_depend', 'group_depend'),
        word,
        fc.constantFrom('', ' version_gte="1.0.0"', ' condition="$A == b"', " condition='$A'"),
      ),
      { maxLength: 4 },
    ),
    groups: fc.array(word, { maxLength: 2 }),
    exports: fc.array(
      fc.constantFrom(
        '<build_type>cmake</build_type>',
        '<a b="c"/>',
        '<x>text <!-- c --> here</x>',
        '<description>d</description>',
      ),
      {
        maxLength: 3,
      },
    ),
    people: fc.array(
      fc.constantFrom(
        '<author>a</author>',
        '<url type="website">u</url>',
        '<license file="L">MIT</license>',
        '<author email="x@y.z"><![CDATA[<depend>not</depend>]]></author>',
      ),
      { maxLength: 3 },
    ),
    comments: fc.array(fc.constantFrom('<!-- c -->', '<!-- <depend>no</depend> -->', '<?note x?>'), { maxLength: 3 }),
    space: fc.constantFrom('', '\n', '\n    ', '\t'),
  });
  const render = (s: Shape): string =>
    [
      '<?xml version="1.0"?>',
      '<package format="3">',
      '<name>p</name>',
      `<version>${s.version}</version>`,
      `<description>words<b>more</b>${s.people.length}</description>`,
      '<maintainer email="a@b.org">m</maintainer>',
      '<license>BSD</license>',
      ...s.people,
      ...s.comments,
      ...s.tags.map(([t, n, a]) => `<${t}${a}>${n}</${t}>`),
      ...s.groups.map((g) => `<member_of_group>${g}</member_of_group>`),
      `<export>${s.exports.join(s.space)}</export>`,
      '</package>',
    ].join(s.space);
  const relevant = (s: Shape) => JSON.stringify([s.version, s.tags, s.groups, s.exports]);

  it('changes with what others can see of it, and with nothing else', () => {
    fc.assert(
      fc.property(
        shape,
        shape,
        fc.subarray(['version', 'tags', 'groups', 'exports', 'people', 'comments', 'space'] as const),
        (a, b, keys) => {
          const edited: Shape = { ...a, ...Object.fromEntries(keys.map((k) => [k, b[k]])) };
          const [one, other] = [visibleManifest(render(a)), visibleManifest(render(edited))];
          expect(one).toBeDefined();
          expect(one === other).toBe(relevant(a) === relevant(edited));
        },
      ),
      { numRuns: 1000 },
    );
  });

  it('never hides what the planner reads, whatever is edited', () => {
    const manifest = render({
      version: '1.0.0',
      tags: [
        ['depend', 'q', ''],
        ['exec_depend', 'r', ' condition="$A == b"'],
      ],
      groups: ['g'],
      exports: ['<a b="c"/>'],
      people: ['<url>u</url>'],
      comments: ['<!-- c -->'],
      space: '\n',
    });
    const planned = (xml: string): string | undefined => {
      const read = parseManifest(xml, 'package.xml');
      if (!read.ok) return undefined;
      const { name, version, dependencies, memberOfGroups, buildTypes } = read.value;
      return JSON.stringify([
        name,
        version,
        dependencies.map((d) => [d.tag, d.name, d.condition, d.versions]),
        memberOfGroups.map((g) => [g.name, g.condition]),
        buildTypes.map((t) => t.name),
      ]);
    };
    const before = planned(manifest);
    expect(before).toBeDefined();
    const pieces = [
      '<!--',
      '-->',
      '<depend>x</depend>',
      '<![CDATA[',
      ']]>',
      '</description>',
      '<description>',
      '"',
      "'",
      '>',
      '<',
      ' ',
      '/',
      '<author>',
      '</author>',
      'x',
      '<url/>',
      '&amp;',
    ];
    fc.assert(
      fc.property(
        fc.nat(manifest.length),
        fc.nat(12),
        fc.array(fc.constantFrom(...pieces), { maxLength: 3 }),
        (at, cut, put) => {
          const edited = manifest.slice(0, at) + put.join('') + manifest.slice(at + cut);
          const after = planned(edited);
          if (after === undefined || after === before) return;
          const visible = visibleManifest(edited);
          if (visible !== undefined) expect(visible, edited).not.toBe(visibleManifest(manifest));
        },
      ),
      { numRuns: 5000 },
    );
  });

  it('is every byte if the text is not a plain manifest', () => {
    for (const xml of [
      '<package><name>p</package>',
      '<!DOCTYPE x [<!ENTITY a "b">]><package/>',
      '<package>',
      'caf\ufffd',
      '<package a=<b>/>',
    ])
      expect(visibleManifest(xml), xml).toBeUndefined();
  });
});
