import { spawnSync } from 'node:child_process';
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { commandNames } from '../../ts-src/cli/all.ts';
import { knownCause, tellingPart } from '../../ts-src/render/log.ts';
import { at } from '../../ts-src/model/lists.ts';

const root = join(__dirname, '../..');
const run = (...args: string[]) =>
  spawnSync('node', [join(root, 'resources/slipway.cjs'), ...args], { encoding: 'utf8', cwd: root });

describe('the command line', () => {
  it('has help for all commands, and for each one', () => {
    const help = run('--help');
    expect(help.status).toBe(0);
    const verbs = [...help.stdout.matchAll(/^ {2}([a-z][a-z-]*) {2,}/gm)].map((m) => at(m, 1));
    expect(verbs).toEqual(expect.arrayContaining(['init', 'validate', 'plan', 'build', 'lock', 'doctor']));
    for (const verb of verbs) {
      const own = run(verb, '--help');
      expect(own.status, verb).toBe(0);
      expect(own.stdout).toContain(`Usage: slipway ${verb}`);
    }
  });

  it('exits with 2 on wrong usage, and suggests similar names', () => {
    expect([run().status, run('biuld').status, run('build', '--jbos', '3').status, run('schema', 'x').status]).toEqual([
      2, 2, 2, 2,
    ]);
    expect(run('biuld').stderr).toBe(
      "slipway: 'biuld' is not a command; did you mean 'build'?\n    slipway --help lists them\n",
    );
    expect(run('build', '--jbos', '3').stderr).toContain('did you mean --jobs?');
    expect(run('build', '--jobs', 'many').status).toBe(2);
    for (const [args, told] of [
      [['--distro'], '--distro needs a value: --distro FILE'],
      [['-j'], '--jobs needs a value: --jobs N'],
      [
        ['--state', '--lock'],
        "--state needs a value: --state DIR\n    a value that starts with '-' is written --state=DIR",
      ],
      [['--json=x'], '--json takes no value'],
      [['-z'], 'unknown option -z'],
    ] as const)
      expect(run('build', ...args).stderr).toBe(`slipway build: ${told}\n    slipway build --help shows its options\n`);
  });

  it('exits with 1 on a fault in the input, with its location', () => {
    const ran = run('plan', '--distro', '/nowhere/distro.yaml');
    expect(ran.status).toBe(1);
    expect(ran.stderr).toBe(
      '/nowhere/distro.yaml: error: there is no such file [distro-missing]\n    run slipway in a distro repository, name its file with --distro, or make one with `slipway init`\n1 error, 0 warnings\n',
    );
  });
});

it('every command is named in README or a page of the docs', () => {
  const pages = readdirSync(join(root, 'docs')).filter((name) => name.endsWith('.md'));
  const text = ['README.md', ...pages.map((name) => `docs/${name}`)]
    .map((name) => readFileSync(join(root, name), 'utf8'))
    .join('\n');
  expect(commandNames.filter((name) => !new RegExp(`\\bslipway ${name}\\b|\`${name}\``).test(text))).toEqual([]);
});

it('every diagnostic is explained in the docs', () => {
  const source = join(root, 'ts-src');
  const text = readdirSync(source, { recursive: true })
    .map(String)
    .filter((f) => f.endsWith('.ts'))
    .map((f) => readFileSync(join(source, f), 'utf8'))
    .join('\n');
  const codes = new Set(
    [...text.matchAll(/(?:error|warning|say)\)?\('([a-z]+(?:-[a-z]+)*)',|code: '([a-z-]+)'/g)].map(
      (m) => m[1] ?? at(m, 2),
    ),
  );
  const docs = readFileSync(join(root, 'docs/diagnostics.md'), 'utf8');
  expect(codes.size).toBeGreaterThan(40);
  expect([...codes].filter((c) => !new RegExp(`^- \\*\\*(.*, )?${c}(, .*)?\\*\\*:`, 'm').test(docs))).toEqual([]);
});

describe('the relevant part of a log', () => {
  it('is the text around the first error of the last step', () => {
    const log = `== a 1.0\n== build\n${Array.from({ length: 50 }, (_, i) => `[ ${i}%] Building`).join('\n')}\n/build/a/x.cpp: In function\n/build/a/x.cpp:3:1: error: 'y' was not declared\n    3 | y\nmake: *** [all] Error 2\n`;
    expect(tellingPart(log)).toEqual([
      '[ 48%] Building',
      '[ 49%] Building',
      '/build/a/x.cpp: In function',
      "/build/a/x.cpp:3:1: error: 'y' was not declared",
      '    3 | y',
      'make: *** [all] Error 2',
    ]);
  });
  it('does not pass control characters of a log to the terminal', () => {
    expect(tellingPart('== build\nx: error: \x1b[31mred\x1b[0m \x1b]0;title\x07\n')).toEqual([
      '== build',
      'x: error: red \\x1b]0;title\\x07',
    ]);
  });
  it('contains known causes', () => {
    expect(
      knownCause(
        'CMake Error at CMakeLists.txt:5 (find_package):\n  By not providing "Findacme_math.cmake" in CMAKE_MODULE_PATH',
      )!.cause,
    ).toBe("CMake did not find 'acme_math'");
    expect(knownCause('CMake Error at x.cmake:230 (message):\n  Could NOT find PythonLibs (missing: A)')!.cause).toBe(
      "CMake did not find 'PythonLibs'",
    );
    // A missing optional package is not the cause of a compiler error.
    expect(
      knownCause(
        'CMake Warning at x:1 (find_package):\n  By not providing "FindLTTNG.cmake"\n-- Could NOT find Doxygen\na.cpp:1:10: fatal error: zlib.h: No such file or directory',
      )!.cause,
    ).toBe('the header zlib.h was not found');
    expect(
      knownCause("fatal: unable to access 'https://example.org/x.git/': Could not resolve host: example.org")!.cause,
    ).toBe('it tried to fetch https://example.org/x.git while building, and builds have no network');
    const causes: [string, string][] = [
      ["/build/a/src/x.cpp:3:1: error: 'y' was not declared\nmake: *** Error 2", "a/src/x.cpp:3: 'y' was not declared"],
      ['\x1b[1m/build/a/x.hpp:7: error: no\x1b[0m', 'a/x.hpp:7: no'],
      ['/usr/bin/ld: cannot find -lacme: No such file', "the linker did not find the library 'acme'"],
      ["x.o: undefined reference to `acme::run()'", "undefined reference to 'acme::run()'"],
      ['CMake Error at CMakeLists.txt:9 (message):\n  needs more\n', 'CMakeLists.txt:9: needs more'],
      ['/bin/sh: 1: protoc: not found', "the program 'protoc' was not found"],
      [
        'Traceback (most recent call last):\n  File "setup.py", line 1\nValueError: bad\n',
        'Python stopped with ValueError: bad',
      ],
    ];
    for (const [text, cause] of causes) expect(knownCause(text)?.cause).toBe(cause);
    expect(knownCause('all is well')).toBeUndefined();
  });
  it("names the dependency missing in package.xml, and the path in the package's folder", () => {
    const failed = { folder: 'app', undeclared: (name: string) => name === 'acme_math' };
    const hint = "'acme_math' is a package of this distribution: add <depend>acme_math</depend> to package.xml";
    const causes: [string, string][] = [
      [
        'CMake Error at CMakeLists.txt:3 (find_library):\n  Could not find MATH using the following names: acme_math\n',
        'app/CMakeLists.txt:3: CMake did not find acme_math (for MATH)',
      ],
      [
        'x.cpp:1:10: fatal error: acme_math/a.hpp: No such file or directory',
        'the header acme_math/a.hpp was not found',
      ],
      ["ModuleNotFoundError: No module named 'acme_math.sub'", "the Python module 'acme_math.sub' was not found"],
      ['/usr/bin/ld: cannot find -lacme_math: No such file', "the linker did not find the library 'acme_math'"],
    ];
    for (const [log, cause] of causes) expect(knownCause(log, failed)).toEqual({ cause, hint });
    expect(knownCause("No module named 'x'\nImportError: No module named numpy", failed)?.hint).not.toContain('numpy');
    expect(
      knownCause(
        'CMake Error at CMakeLists.txt:5 (add_executable):\n  Cannot find source file:\n\n    src/a.cpp\n',
        failed,
      )?.cause,
    ).toBe('app/CMakeLists.txt:5: Cannot find source file: src/a.cpp');
    expect(
      knownCause(
        'CMake Error at /usr/share/x.cmake:9 (message):\n  error: could not find git for clone of y-populate\n',
      )?.cause,
    ).toBe('it tried to fetch y while building, and builds have no network');
  });
});
