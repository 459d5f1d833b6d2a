import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDistro } from '../../ts-src/read/distro.ts';
import { parseManifest } from '../../ts-src/read/manifest/manifest.ts';
import { readPlain } from '../../ts-src/read/manifest/plain-xml.ts';
import { readTree } from '../../ts-src/read/manifest/xml-tree.ts';
import { parseCache } from '../../ts-src/read/cache-file.ts';
import { parseDistributionFile, parseIndex } from '../../ts-src/read/rosdistro.ts';
import { parseRepos } from '../../ts-src/read/repos-file.ts';
import { layerRosdep } from '../../ts-src/read/rosdep.ts';
import { parseYaml } from '../../ts-src/read/yaml.ts';
import { treeOf } from './trees.ts';
import { first } from '../../ts-src/model/lists.ts';
import { ownEntry } from '../../ts-src/model/maps.ts';

const manifest = `<?xml version="1.0"?>
<?xml-model href="http://example.org/package_format3.xsd" schematypens="http://www.w3.org/2001/XMLSchema"?>
<package format="3">
  <name>robot</name>
  <version compatibility="1.0.0">1.2.3</version>
  <description>Moves &amp; <b>stops</b>.</description>
  <maintainer email="a@b.org">A</maintainer>
  <license file="LICENSE">BSD</license>
  <depend version_gte="1.0.0" condition="$ROS_VERSION == 2">lib</depend>
  <group_depend>plugins</group_depend>
  <export><build_type>ament_cmake</build_type><x a="1"><y/></x></export>
</package>
`;

/** A valid text with parts removed, repeated or inserted. */
const damaged = (text: string, pieces: string[]) =>
  fc
    .array(
      fc.tuple(
        fc.nat(text.length),
        fc.nat(12),
        fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary', maxLength: 6 })),
      ),
      { minLength: 1, maxLength: 4 },
    )
    .map((edits) => edits.reduce((t, [at, length, put]) => t.slice(0, at) + put + t.slice(at + length), text));

describe('hostile XML', () => {
  const pieces = [
    '<',
    '>',
    '&',
    '"',
    ']]>',
    '<!--',
    '-->',
    '<![CDATA[',
    '<?',
    '?>',
    '&#0;',
    '&#xD800;',
    '&x;',
    '<!DOCTYPE a>',
    '<a:b/>',
    'xmlns:a="u"',
    '<__proto__/>',
    '<constructor>',
    '</package>',
    '<depend>',
    '<package>',
    ' format="4"',
    '\u0000',
    '\ufeff',
    '\ud800',
  ];

  it('is read or refused, nothing else', () => {
    fc.assert(
      fc.property(fc.oneof(damaged(manifest, pieces), fc.string({ unit: 'binary' })), (text) => {
        const read = parseManifest(text, 'package.xml');
        if (read.ok)
          expect([typeof read.value.name, read.value.dependencies.every((d) => d.line > 0)]).toEqual(['string', true]);
        else expect(read.diagnostics.some((d) => d.severity === 'error' && d.file === 'package.xml')).toBe(true);
        // A reader that found an error does not affect the next one.
        const after = parseManifest(manifest, 'package.xml');
        expect(after.ok && after.value.dependencies.map((d) => d.name)).toEqual(['lib', 'plugins']);
      }),
      { numRuns: 1500 },
    );
  });

  it('is read without a parser only if a parser gives the same tree', () => {
    const plain = `<?xml version="1.0" encoding="UTF-8"?>
<?xml-model href="http://example.org/package_format3.xsd" schematypens="http://www.w3.org/2001/XMLSchema"?>
<package format="3">
  <!-- what it is -->
  <name>robot</name><version compatibility='1.0.0'>1.2.3</version>
  <description>Moves,
    and "stops" (é).</description>
  <maintainer email="a@b.org">A</maintainer><license file="LICENSE">BSD</license>
  <depend version_gte="1.0.0" condition="$ROS_VERSION == 2">lib</depend>
  <export><build_type>ament_cmake</build_type><!-- - --><x a="1" b="2"/></export>
</package>
`;
    const some = [
      '<',
      '>',
      '/',
      '"',
      "'",
      '=',
      '&',
      '-',
      '--',
      '<!--',
      '-->',
      ']]>',
      '\n',
      '\t',
      '\r',
      ' ',
      'x',
      '<x>',
      '</x>',
      '<x/>',
      ' a="1"',
      ' email="b"',
      '<export>',
      '</export>',
      '</package>',
      '<?a?>',
      '<![CDATA[',
      ':',
      '\u0085',
      '\ud800',
      '\ufffe',
      '\u{1f600}',
    ];
    let read = 0;
    const same = (text: string) => {
      const quick = readPlain(text);
      if (!quick) return;
      read++;
      const whole = readTree(text);
      expect(whole.root && treeOf(whole.root)).toEqual(treeOf(quick));
    };
    same(plain);
    expect(read).toBe(1);
    const written = fc
      .array(
        fc.constantFrom(
          ...plain.split('\n').slice(3, -2),
          '<a></a>',
          '<a />',
          "<a b='\"'/>",
          '<a b="" b=""/>',
          '<description/>',
          '<export></export>',
        ),
        { maxLength: 8 },
      )
      .map((lines) => `<package>${lines.join('\n')}</package>`);
    const touched = fc
      .tuple(fc.oneof(fc.constant(plain), written), fc.nat(), fc.nat(2), fc.constantFrom('', ...some))
      .map(([text, at, cut, put]) => text.slice(0, at % text.length) + put + text.slice((at % text.length) + cut));
    fc.assert(fc.property(fc.oneof(touched, damaged(plain, some)), same), { numRuns: 20_000 });
    expect(read).toBeGreaterThan(500);
  });

  it.each([
    [
      'an entity bomb',
      `<!DOCTYPE p [<!ENTITY a "aaaaaaaaaa">${Array.from({ length: 20 }, (_, i) => `<!ENTITY a${i} "${'&a;'.repeat(10)}">`).join('')}]><package>&a19;</package>`,
      /document type declaration is refused/,
    ],
    [
      'an external entity',
      '<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><package><name>&x;</name></package>',
      /document type declaration is refused/,
    ],
    [
      'an external entity behind an instruction',
      '<?xml version="1.0"?><?xml-model a="b"?><!DOCTYPE p SYSTEM "http://127.0.0.1:1/"><package/>',
      /document type declaration is refused/,
    ],
    ['depth', '<package>'.repeat(100_000), /nested more than 200 deep/],
    [
      'depth inside export',
      manifest.replace('<y/>', '<y>'.repeat(300) + '</y>'.repeat(300)),
      /nested more than 200 deep/,
    ],
    ['size', manifest.replace('Moves', 'x'.repeat(5 << 20)), /larger than 4 MiB/],
    [
      'very many attributes',
      `<package ${Array.from({ length: 20_000 }, (_, i) => `a${i}="1"`).join(' ')}/>`,
      /must not have the attribute/,
    ],
  ])('%s', (_, text, message) => {
    const read = parseManifest(text, 'package.xml');
    expect(read.ok).toBe(false);
    expect(read.diagnostics.map((d) => d.message).join('\n')).toMatch(message);
  });
});

describe('hostile YAML', () => {
  const files = {
    'distro.yaml':
      'organization: acme\nindex: rosdistro/index-v4.yaml\ndistributions: {d: {platforms: [p]}}\nplatforms: {p: {os: debian, release: bookworm}}\npackage_settings: {"a*": {cmake_args: [-DA=1]}}\n',
    'index-v4.yaml':
      'distributions:\n  d: {distribution: [d.yaml], distribution_type: ros2, python_version: 3}\ntype: index\nversion: 4\n',
    'd.yaml':
      'release_platforms: {ubuntu: [noble]}\nrepositories:\n  a:\n    release: {url: u, version: 1.0.0-1, packages: [a, b], tags: {release: "r/{package}"}}\n    source: {type: git, url: u, version: main}\ntype: distribution\nversion: 2\n',
    'a.repos': 'repositories:\n  a/b: {type: git, url: u, version: main}\n',
    'rosdep.yaml': 'a: {debian: [x], ubuntu: {noble: [y], "*": null}}\nb:\n  debian:\n    pip: {packages: [z]}\n',
    'cache.yaml':
      'distribution_file:\n- repositories: {}\n  type: distribution\n  version: 2\nname: d\nrelease_package_xmls:\n  a: <package/>\n  b: "<package>\\n</package>"\ntype: cache\nversion: 2\n',
  };
  const readers: Record<string, (text: string) => { ok: boolean; diagnostics: { severity: string }[] }> = {
    'distro.yaml': (t) => parseDistro(t, 'f'),
    'index-v4.yaml': (t) => parseIndex(t, 'f', 'd'),
    'd.yaml': (t) => parseDistributionFile(t, 'f'),
    'a.repos': (t) => parseRepos(t, 'f'),
    'rosdep.yaml': (t) => layerRosdep([{ file: 'f', text: t }]),
    'cache.yaml': (t) => parseCache(t, 'f'),
  };
  const pieces = [
    ': ',
    '- ',
    '\n',
    '\n  ',
    '&a ',
    '*a',
    '<<: *a',
    '!!js/function x',
    '!!python/object:os.system x',
    '!!binary "x"',
    '{',
    '}',
    '[',
    ']',
    '|\n',
    '>-\n',
    '? ',
    '"',
    "'",
    '#',
    '%YAML 1.1\n---\n',
    '---\n',
    '...\n',
    '__proto__: {a: 1}',
    'constructor: ',
    'toString: 1',
    '2026-11-23',
    '0x1f',
    '.nan',
    '\t',
    '\u0000',
    '~',
  ];

  it.each(Object.entries(files))('%s is read or refused, nothing else', (name, text) => {
    fc.assert(
      fc.property(fc.oneof(damaged(text, pieces), fc.string({ unit: 'binary' })), (t) => {
        const read = ownEntry(readers, name)(t);
        if (!read.ok) expect(read.diagnostics.some((d) => d.severity === 'error')).toBe(true);
        expect(({} as Record<string, unknown>).a).toBeUndefined();
      }),
      { numRuns: 600 },
    );
  });

  it.each([
    ['a circle of aliases', 'a: &a [*a]\nb: &b {c: *b}\n'],
    [
      'aliases that multiply',
      `a: &a [x]\n${Array.from({ length: 30 }, (_, i) => `b${i}: &b${i} [${Array.from({ length: 40 }, () => (i ? `*b${i - 1}` : '*a')).join(', ')}]`).join('\n')}\n`,
    ],
    ['depth', `${'['.repeat(50_000)}\n`],
    ['depth in blocks', Array.from({ length: 3000 }, (_, i) => `${' '.repeat(i)}a:`).join('\n')],
  ])('%s ends in an answer, in every file', (_, text) => {
    for (const read of Object.values(readers)) expect(read(text).diagnostics.length).toBeGreaterThanOrEqual(0);
    const parsed = parseYaml(text, 'f');
    if (!parsed.ok) expect(first(parsed.diagnostics).code).toBe('yaml-invalid');
  });

  it('allows __proto__ and constructor as names', () => {
    const rosdep = layerRosdep([{ file: 'f', text: '__proto__: {debian: [pp]}\nconstructor: {debian: [cc]}\n' }]);
    expect(rosdep.ok && [...rosdep.value.rules.keys()].sort()).toEqual(['__proto__', 'constructor']);
    const read = parseDistributionFile(
      'repositories:\n  constructor:\n    source: {type: git, url: u, version: main}\ntype: distribution\nversion: 2\n',
      'f',
    );
    expect(read.ok && read.value.repositories.map((r) => r.name)).toEqual(['constructor']);
  });
});
