import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { faultsOf } from '../../ts-src/engine/docs/faults.ts';
import { readWishes } from '../../ts-src/engine/docs/wishes.ts';
import { documentationNeeds } from '../../ts-src/engine/task-graph.ts';
import { closuresOf } from '../../ts-src/plan/closure.ts';
import { installedOf } from '../../ts-src/inspect/installed.ts';
import { parseMessage, typeOfField } from '../../ts-src/inspect/messages.ts';
import { isPageName, packPages, takePages, unpackPages } from '../../ts-src/inspect/pages.ts';
import { renderDoxyfile } from '../../ts-src/render/doxyfile.ts';
import type { PlannedPackage } from '../../ts-src/model/plan.ts';

const folders: string[] = [];
afterEach(() => {
  for (const f of folders.splice(0)) rmSync(f, { recursive: true, force: true });
});
function tree(files: Record<string, string>): string {
  const root = mkdtempSync(join(tmpdir(), 'slipway-docs-'));
  folders.push(root);
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), text);
  }
  return root;
}

describe('messages', () => {
  it('are read with constants, defaults, bounds and comments', () => {
    const m = parseMessage(
      'msg',
      'Goal',
      `# A place to go to.
# In two lines.

std_msgs/Header header
# how fast,
# in m/s
float64[<=3] speed 0.5  # at most three
uint8 NONE=0 # nothing
string NAME=a # b
string QUOTED="a # b" # said
geometry_msgs/msg/Point[] path
`,
    );
    expect(m.comment).toBe('A place to go to.\nIn two lines.');
    expect(m.parts).toEqual([
      {
        title: '',
        fields: [
          { type: 'std_msgs/Header', name: 'header', constant: false, comment: '' },
          {
            type: 'float64[<=3]',
            name: 'speed',
            value: '0.5',
            constant: false,
            comment: 'how fast,\nin m/s\nat most three',
          },
          { type: 'uint8', name: 'NONE', value: '0', constant: true, comment: 'nothing' },
          { type: 'string', name: 'NAME', value: 'a # b', constant: true, comment: '' },
          { type: 'string', name: 'QUOTED', value: '"a # b"', constant: true, comment: 'said' },
          { type: 'geometry_msgs/msg/Point[]', name: 'path', constant: false, comment: '' },
        ],
      },
    ]);
    expect([
      typeOfField('geometry_msgs/msg/Point[]'),
      typeOfField('Header'),
      typeOfField('Own'),
      typeOfField('string<=8[3]'),
    ]).toEqual([
      { package: 'geometry_msgs', name: 'Point' },
      { package: 'std_msgs', name: 'Header' },
      { name: 'Own' },
      undefined,
    ]);
  });

  it('services have two parts, actions three; additional lines of dashes are ignored', () => {
    expect(
      parseMessage('srv', 'S', 'bool a\n---\nbool b\n---\nbool c').parts.map((p) => p.fields.map((f) => f.name)),
    ).toEqual([['a'], ['b', 'c']]);
    expect(
      parseMessage('action', 'A', 'bool a\n---\n---\nbool c').parts.map((p) => [p.title, p.fields.length]),
    ).toEqual([
      ['Goal', 1],
      ['Result', 0],
      ['Feedback', 1],
    ]);
  });
});

it('installed files are found regardless of their place in the source, without those generated from messages', () => {
  const p = '/opt/acme/d';
  const installed = installedOf('drive', p, [
    `${p}/include/drive/drive/drive.hpp`,
    `${p}/include/drive/drive/msg/twist.hpp`,
    `${p}/include/drive/drive/msg/detail/twist__struct.hpp`,
    `${p}/share/drive/msg/Twist.msg`,
    `${p}/share/drive/msg/Twist.idl`,
    `${p}/share/drive/action/Go.action`,
    `${p}/share/drive/msg/GoActionGoal.msg`,
    `${p}/share/drive/launch/drive.launch.py`,
    `${p}/share/drive/config/drive.yaml`,
    `${p}/share/drive/package.xml`,
    `${p}/share/drive/plugins.xml`,
    `${p}/lib/drive/node`,
    `${p}/lib/libdrive.so`,
    `${p}/lib/python3.11/site-packages/drive/__init__.py`,
    `${p}/lib/python3.11/site-packages/drive/msg/_twist.py`,
    `${p}/lib/python3.11/site-packages/drive_tools/__init__.py`,
  ]);
  expect(installed).toEqual({
    headers: [`${p}/include/drive/drive/drive.hpp`],
    includes: [`${p}/include/drive`, `${p}/include`],
    messages: [
      { kind: 'action', name: 'Go', path: `${p}/share/drive/action/Go.action` },
      { kind: 'msg', name: 'Twist', path: `${p}/share/drive/msg/Twist.msg` },
    ],
    modules: [{ name: 'drive_tools', path: `${p}/lib/python3.11/site-packages/drive_tools` }],
    launch: [`${p}/share/drive/launch/drive.launch.py`],
    parameters: [`${p}/share/drive/config/drive.yaml`],
    descriptions: [`${p}/share/drive/plugins.xml`],
    executables: ['node'],
  });
  const classic = installedOf('std', p, [
    `${p}/include/std/String.h`,
    `${p}/include/std/macros.h`,
    `${p}/share/std/msg/String.msg`,
  ]);
  expect(classic.headers).toEqual([`${p}/include/std/macros.h`]);
});

describe('what a source says of its documentation', () => {
  it('README, changelog, Doxyfile, prose and rosdoc2.yaml are found', async () => {
    const wishes = await readWishes(
      tree({
        'README.md': '# x',
        'CHANGELOG.rst': 'x',
        'mainpage.dox': '/** */',
        'etc/Doxy': 'INPUT = include\n',
        'manual/conf.py': '',
        'manual/index.rst': '',
        'rosdoc2.yaml': `type: 'rosdoc2 config'
version: 1
---
settings:
  never_run_sphinx_apidoc: true
  something: 1
builders:
  - doxygen: {doxyfile: etc/Doxy, extra_doxyfile_statements: ["PREDEFINED += X=1", "@INCLUDE = /etc/passwd"]}
  - sphinx: {sphinx_sourcedir: manual/}
`,
      }),
    );
    expect(wishes).toEqual({
      readme: 'README.md',
      changelog: 'CHANGELOG.rst',
      doxyfile: { path: 'etc/Doxy', hasInput: true, selects: false },
      prose: 'manual',
      conf: 'manual/conf.py',
      statements: ['PREDEFINED += X=1'],
      pages: ['mainpage.dox'],
      doxygen: true,
      python: false,
      notes: [
        "rosdoc2.yaml:1: the setting 'something' is not known",
        'rosdoc2.yaml:1: "@INCLUDE = /etc/passwd" is no setting of Doxygen',
      ],
    });
  });

  it('links are not followed, and paths stay inside', async () => {
    const root = tree({ 'rosdoc2.yaml': 'builders:\n  - sphinx: {sphinx_sourcedir: ../../etc}\n' });
    symlinkSync('/etc/passwd', join(root, 'README.md'));
    symlinkSync('/etc', join(root, 'doc'));
    const wishes = await readWishes(root);
    expect([wishes.readme, wishes.prose]).toEqual([undefined, undefined]);
    expect(wishes.notes.join('\n')).toMatch(/README.md is a link, not a file/);
    expect(wishes.notes.join('\n')).toMatch(/is no path in the package/);
  });
});

it("a Doxyfile's values can't begin another line or setting", () => {
  const text = renderDoxyfile({
    name: 'n',
    version: '1',
    description: 'a "quoted" \\ thing',
    headers: ['/opt/a b/"x".h'],
    pages: [],
    includes: ['/opt/include'],
    statements: ['PREDEFINED = A'],
    tags: ['base'],
    source: '/build/n',
    own: { file: '/build/n/Doxyfile', hasInput: false },
  });
  expect(text).toContain('PROJECT_BRIEF = "a \\"quoted\\" \\\\ thing"\n');
  expect(text).toContain('INPUT = "/opt/a b/\\"x\\".h"');
  expect(text.indexOf('@INCLUDE = /build/n/Doxyfile')).toBeLessThan(text.indexOf('HTML_TIMESTAMP = NO'));
  expect(text).toMatch(/TAGFILES = "\/slipway\/tags\/base.tag=..\/..\/base\/api"\n$/);
});

describe('pages', () => {
  it('are read only if they are regular files with plain names', async () => {
    const build = tree({ 'docs/pages/doc/a.html': 'a', 'docs/pages/api/b.html': 'b' });
    const taken = await takePages(build, 'docs/pages', (p) => p === 'skipped');
    expect(taken.map((f) => f.path)).toEqual(['api/b.html', 'doc/a.html']);
    expect(unpackPages(packPages(taken))).toEqual(taken);
    symlinkSync('/etc/passwd', join(build, 'docs/pages/c.html'));
    await expect(takePages(build, 'docs/pages', () => false)).rejects.toThrow('c.html is a link, not a file');
    const bad = tree({ 'docs/doc/.htaccess': '' });
    await expect(takePages(bad, 'docs', () => false)).rejects.toThrow('doc/.htaccess is no name for a page');
  });

  it("that would collide with the site's own pages, or with each other, are refused", async () => {
    for (const path of ['index.html/x', 'messages.html', 'msg', 'msg/Own.html', `doc/${'x'.repeat(201)}`])
      await expect(
        takePages(tree({ [`p/${path}`]: '' }), 'p', () => false),
        path,
      ).rejects.toThrow('is no name for a page');
    const data = Buffer.from('x');
    for (const [a, b] of [
      ['doc/a', 'doc/a/b'],
      ['doc/a/b', 'doc/a'],
      ['doc/a', 'doc/a'],
    ] as const)
      expect(
        unpackPages(
          packPages([
            { path: a, data },
            { path: b, data },
          ]),
        ),
      ).toBeUndefined();
  });

  it("with names that can't be part of a URL are refused, and so are invalid packs", () => {
    expect(['doc/a.html', 'api/a_1.html', 'doc/_static/x.css', 'files/~x.html'].every(isPageName)).toBe(true);
    expect(
      ['', '../a', 'a//b', 'a\nb', '.x', 'a/.b', 'a"b', '<b>', 'a?b', 'a#b', 'a%2e', '/a', 'a\\b'].some(
        (name) => isPageName(`doc/${name}`) || isPageName(name),
      ),
    ).toBe(false);
    expect(unpackPages(Buffer.from('no'))).toBeUndefined();
    const packed = packPages([{ path: '../x', data: Buffer.from('x') }]);
    expect(unpackPages(packed)).toBeUndefined();
  });
});

describe('faults', () => {
  const results = {
    tools: [{ tool: 'doxygen', code: 0, cpu: 1 }],
    warnings: [],
    warning_count: 0,
    documented: 1,
    total: 4,
    undocumented: ['x.h:3: f'],
    compounds: [],
    failed_modules: [],
  };
  const installed = installedOf('x', '/p', ['/p/include/x/a.h', '/p/include/x/b.h']);
  const tag = '<compound kind="file"><name>a.h</name><path>x/</path><filename>a_8h.html</filename></compound>';
  const judged = { results, installed, tag, ownScope: false, doxygen: true, warnings: 0, told: [], settings: {} };

  it('are headers without page, tools that fail, modules that fail, warnings and coverage', () => {
    expect(faultsOf(judged)).toEqual(['1 of 2 installed headers have no API page: x/b.h']);
    const both = tag + tag.replaceAll('a.h', 'b.h');
    expect(faultsOf({ ...judged, tag: both })).toEqual([]);
    expect(faultsOf({ ...judged, tag: both, settings: { coverage: 50 } })).toEqual([
      '25.0 % of its public entities are described, 50 % are asked for: x.h:3: f',
    ]);
    expect(
      faultsOf({ ...judged, tag: both, warnings: 2, told: ['a.h:1: x', 'b.h:2: y'], settings: { warnings: 1 } }),
    ).toEqual(['2 warnings, 1 are allowed: a.h:1: x; b.h:2: y']);
    expect(
      faultsOf({
        ...judged,
        tag: both,
        results: { ...results, tools: [{ tool: 'sphinx', code: 2, cpu: 1 }], failed_modules: ['m'] },
      }),
    ).toEqual(['sphinx ended with 2', "Python can't import m: "]);
    expect(faultsOf({ ...judged, tag: undefined })).toEqual([
      '2 of 2 installed headers have no API page: x/a.h, x/b.h',
    ]);
  });
});

it('packages in a cycle refer to the documentation of those before them', () => {
  const of = (name: string, build: string[], run: string[]) =>
    ({ name, build, run, test: [] }) as unknown as PlannedPackage;
  const closures = closuresOf({ packages: [of('a', [], ['b']), of('b', ['a'], ['a']), of('c', ['b'], ['a'])] });
  expect(documentationNeeds(closures)).toEqual([[], [0], [1, 0]]);
});
