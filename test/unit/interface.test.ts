import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { readElf } from '../../ts-src/inspect/elf.ts';
import { describe as describeStage, interfaceOf } from '../../ts-src/inspect/interface.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-interface-'));

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const compile = (source: string, out: string, ...args: string[]) => {
  writeFileSync(join(folder, 'a.c'), source);
  execFileSync('cc', [...args, '-o', out, join(folder, 'a.c')], { stdio: ['ignore', 'ignore', 'inherit'] });
};

describe('the interface of a shared library', () => {
  const library = (source: string, ...args: string[]) => {
    const out = join(folder, 'lib.so');
    compile(source, out, '-shared', '-fPIC', '-Wl,-soname,libx.so.1', ...args);
    return readElf(readFileSync(out))!;
  };

  it('is its soname and its exported symbols, as nm lists them; not its code', () => {
    const source =
      'int shown(int a) { return a + 1; }\nint data[4];\n__attribute__((weak)) void soft(void) {}\n__attribute__((visibility("hidden"))) int inner(void) { return 2; }\nstatic int own(void) { return 3; }\nint (*keep)(void) = own;\n';
    const elf = library(source);
    expect(elf).toMatchObject({ kind: 'library', soname: 'libx.so.1' });
    expect(elf.exports).toEqual([
      'data object global 16',
      'keep object global 8',
      'shown func global',
      'soft func weak',
    ]);
    const nm = execFileSync('nm', ['-D', '--defined-only', join(folder, 'lib.so')], { encoding: 'utf8' })
      .split('\n')
      .filter(Boolean)
      .map((l) => l.split(' ')[2]!)
      .sort();
    expect(elf.exports.map((e) => e.split(' ')[0])).toEqual(nm);
    expect(library(source.replace('a + 1', 'a + 2'))).toEqual(elf);
    expect(library(source.replace('data[4]', 'data[5]'))).not.toEqual(elf);
    expect(library(`${source}void more(void) {}\n`)).not.toEqual(elf);
  });

  it('tells symbol versions apart', () => {
    writeFileSync(join(folder, 'map'), 'V1 { global: f; local: *; };\n');
    const elf = library('void f(void) {}\nvoid g(void) {}\n', `-Wl,--version-script=${join(folder, 'map')}`);
    expect(elf.exports).toContain('f@@V1 func global');
    expect(elf.exports.some((e) => e.startsWith('g'))).toBe(false);
  });

  it('knows a program, an object and a damaged file', () => {
    compile('int main(void) { return 0; }', join(folder, 'program'));
    expect(readElf(readFileSync(join(folder, 'program')))!.kind).toBe('program');
    compile('int f(void) { return 0; }', join(folder, 'object.o'), '-c');
    expect(readElf(readFileSync(join(folder, 'object.o')))!.kind).toBe('object');
    library('void f(void) {}');
    const whole = readFileSync(join(folder, 'lib.so'));
    for (let size = 0; size < whole.length; size += 97) expect(() => readElf(whole.subarray(0, size))).not.toThrow();
    for (let at = 16; at < 2000; at += 13) {
      const broken = Buffer.from(whole);
      broken[at] = 0xff;
      broken[at + 1] = 0xff;
      expect(() => readElf(broken)).not.toThrow();
    }
    expect(readElf(Buffer.from('#!/bin/sh\n'))).toBeUndefined();
  });
});

describe('the rules of the cut-off', () => {
  const stage = join(folder, 'stage');
  const prefix = '/opt/acme/mini';
  const put = (path: string, text: string, mode = 0o644) => {
    const file = join(stage, prefix, path);
    mkdirSync(join(file, '..'), { recursive: true });
    writeFileSync(file, text);
    chmodSync(file, mode);
  };
  const make = () => {
    rmSync(stage, { recursive: true, force: true });
    put('include/p/p.h', 'int f(int);\n');
    put('share/p/cmake/pConfig.cmake', 'set(p_LIBRARIES p)\n');
    put(
      'share/p/package.xml',
      '<package format="3"><name>p</name><version>1.0.0</version><description>old</description><maintainer email="a@b.c">A</maintainer><depend>q</depend></package>\n',
    );
    put('share/p/launch/p.launch', '<launch/>\n');
    put('share/p/msg/P.msg', 'int32 a\n');
    put('lib/python3.11/site-packages/p/__init__.py', 'x = 1\n');
    put('lib/pkgconfig/p.pc', 'Libs: -lp\n');
    mkdirSync(join(stage, prefix, 'lib/p'), { recursive: true });
    compile(
      'int f(int a) { return a; }',
      join(stage, prefix, 'lib/libp.so'),
      '-shared',
      '-fPIC',
      '-Wl,-soname,libp.so',
    );
    compile('int main(void) { return 0; }', join(stage, prefix, 'lib/p/node'));
    mkdirSync(join(stage, 'usr/share/doc/p'), { recursive: true });
    writeFileSync(join(stage, 'usr/share/doc/p/changelog'), 'stamp\n');
  };
  const seen = () => interfaceOf(describeStage(stage));
  const changed = (change: () => void, prepare: () => void = () => undefined, then: () => void = () => undefined) => {
    make();
    prepare();
    const before = seen();
    change();
    then();
    const after = seen();
    return {
      api: before.api !== after.api,
      tool: before.tool !== after.tool,
      full: before.full !== after.full,
    };
  };

  it('rebuild dependents if what they can see has changed, and only then', () => {
    const at = (path: string) => join(stage, prefix, path);
    const all = { api: true, tool: true, full: true };
    const bytes = { api: false, tool: false, full: true };
    expect(changed(() => appendFileSync(at('include/p/p.h'), '// a comment\n'))).toEqual(bytes);
    expect(changed(() => put('include/p/p.h', '\nint f(int);\n'))).toEqual(all);
    expect(changed(() => put('include/p/p.h', 'int f(long);\n'))).toEqual(all);
    expect(changed(() => appendFileSync(at('share/p/cmake/pConfig.cmake'), '#\n'))).toEqual(bytes);
    expect(changed(() => appendFileSync(at('share/p/cmake/pConfig.cmake'), 'set(x)\n'))).toEqual(all);
    expect(changed(() => put('lib/python3.11/site-packages/p/__init__.py', '# why\nx = 1\n'))).toEqual(bytes);
    expect(changed(() => appendFileSync(at('lib/pkgconfig/p.pc'), '#\n'))).toEqual(all);
    expect(changed(() => put('share/p/msg/P.msg', 'int64 a\n'))).toEqual(all);
    expect(changed(() => put('lib/python3.11/site-packages/p/__init__.py', 'x = 2\n'))).toEqual(all);
    expect(changed(() => chmodSync(at('share/p/cmake/pConfig.cmake'), 0o755))).toEqual(all);
    expect(
      changed(() =>
        compile(
          'int f(int a) { return a; }\nint g(void) { return 0; }',
          at('lib/libp.so'),
          '-shared',
          '-fPIC',
          '-Wl,-soname,libp.so',
        ),
      ),
    ).toEqual(all);
    expect(
      changed(() =>
        compile('int f(int a) { return -a; }', at('lib/libp.so'), '-shared', '-fPIC', '-Wl,-soname,libp.so'),
      ),
    ).toEqual({ api: false, tool: false, full: true });
    expect(changed(() => compile('int main(void) { return 1; }', at('lib/p/node')))).toEqual({
      api: false,
      tool: true,
      full: true,
    });
    expect(changed(() => put('share/p/launch/p.launch', '<launch><!-- --></launch>\n'))).toEqual({
      api: false,
      tool: true,
      full: true,
    });
    expect(changed(() => writeFileSync(join(stage, 'usr/share/doc/p/changelog'), 'another stamp\n'))).toEqual({
      api: false,
      tool: false,
      full: false,
    });
    expect(
      changed(() => put('share/p/package.xml', readFileSync(at('share/p/package.xml'), 'utf8').replace('old', 'new'))),
    ).toEqual(bytes);
    expect(
      changed(() =>
        put('share/p/package.xml', readFileSync(at('share/p/package.xml'), 'utf8').replace('<depend>q', '<depend>r')),
      ),
    ).toEqual(all);
  });

  it('ignore texts for people, unless a file that builds read names them', () => {
    const bytes = { api: false, tool: false, full: true };
    const all = { api: true, tool: true, full: true };
    const texts = ['README.md', 'CHANGELOG.rst', 'LICENSE', 'QUALITY_DECLARATION.md', 'doc/index.html'];
    for (const path of [...texts.map((t) => `share/p/${t}`), 'share/doc/p/README', 'share/man/man1/p.1']) {
      const edited = (more: () => void = () => undefined) =>
        changed(
          () => undefined,
          () => (put(path, 'old\n'), more()),
          () => put(path, 'new\n'),
        );
      expect(edited(), path).toEqual(bytes);
      const name = path.slice(path.lastIndexOf('/') + 1);
      const named = () => put('share/p/cmake/pConfig.cmake', `file(READ \${p_DIR}/../${name} text)\n`);
      expect(edited(named), path).toEqual(all);
    }
    const reads = () => put('share/p/cmake/pConfig.cmake', 'set(p_TAGS ${CMAKE_CURRENT_LIST_DIR}/../../share/doc/p)\n');
    expect(
      changed(
        () => undefined,
        () => (put('share/doc/p/p.tag', 'old'), reads()),
        () => put('share/doc/p/p.tag', 'new'),
      ),
    ).toEqual(all);
    const config = () => put('share/p/cmake/pConfig.cmake', 'set(p_RULES ${p_DIR}/../config/rules.yaml)\n');
    expect(
      changed(
        () => undefined,
        () => (put('share/p/config/rules.yaml', 'old'), config()),
        () => put('share/p/config/rules.yaml', 'new'),
      ),
    ).toEqual(all);
    // Names alone do not decide what is for people: the folder counts, too.
    for (const path of [
      'lib/p/README.md',
      'include/p/LICENSE',
      'share/p/msg/TODO',
      'share/p/README.cmake',
      'share/p/readme.yaml',
    ])
      expect(
        changed(
          () => undefined,
          () => put(path, 'a\n'),
          () => put(path, 'b\n'),
        ),
        path,
      ).toEqual(all);
    const info = 'lib/python3.11/site-packages/p-1.egg-info/PKG-INFO';
    const metadata = (version: string, summary: string) =>
      put(
        info,
        `Metadata-Version: 2.1\nName: p\nVersion: ${version}\nSummary: ${summary}\nLicense: a\n  b\n\nlong ${summary}\n`,
      );
    expect(
      changed(
        () => undefined,
        () => metadata('1', 'a'),
        () => metadata('1', 'b'),
      ),
    ).toEqual(bytes);
    expect(
      changed(
        () => undefined,
        () => metadata('1', 'a'),
        () => metadata('2', 'a'),
      ),
    ).toEqual(all);
  });

  it("know what a dependent's build may run", () => {
    make();
    expect(seen()).toMatchObject({ loads: true, offers: false });
    put(
      'share/p/cmake/pConfig.cmake',
      'add_executable(p::node IMPORTED)\nset_property(TARGET p::node PROPERTY IMPORTED_LOCATION lib/p/node)\n',
    );
    expect(seen().offers).toBe(true);
    rmSync(join(stage, prefix, 'lib/p'), { recursive: true });
    expect(seen()).toMatchObject({ loads: false, offers: false });
    put('lib/python3.11/site-packages/p/load.py', 'import ctypes\n');
    expect(seen().loads).toBe(true);
  });

  it('use digests for files too large to read at once', () => {
    make();
    put('share/p/models/weights.bin', '');
    truncateSync(join(stage, prefix, 'share/p/models/weights.bin'), (1 << 30) + 1);
    const part = describeStage(stage).parts.find((p) => p.path.endsWith('weights.bin'));
    expect(part?.full).toMatch(/^0 [0-9a-f]{64}$/);
    expect(part).toMatchObject({ code: part?.full, api: part?.full, tool: part?.full });
  });
});
