import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { allowedPaths, memberFaults } from '../../ts-src/inspect/members.ts';
import { describe, expect, it } from 'vitest';
import * as z from 'zod';
import { loadCommands } from '../../ts-src/cli/all.ts';
import { maintainerUnset } from '../../ts-src/cli/maintainer.ts';
import { outputFolder } from '../../ts-src/cli/output-folder.ts';
import { unmatched } from '../../ts-src/cli/planned-names.ts';
import { valueFault } from '../../ts-src/cli/usage.ts';
import { targetsOf } from '../../ts-src/images/target.ts';
import { refusal } from '../../ts-src/engine/build/pack.ts';
import { knownCause } from '../../ts-src/render/log.ts';
import { renderSummary } from '../../ts-src/render/summary.ts';
import { ownEntry } from '../../ts-src/model/maps.ts';
import { distroSchema } from '../../ts-src/model/distro.ts';
import { isSourceUrl } from '../../ts-src/model/urls.ts';
import { parseDistro } from '../../ts-src/read/distro.ts';
import { parseManifest } from '../../ts-src/read/manifest/manifest.ts';
import { missingPatches } from '../../ts-src/read/patches.ts';
import { parseRepos } from '../../ts-src/read/repos-file.ts';
import { parseYaml } from '../../ts-src/read/yaml.ts';
import { renderDiagnostics } from '../../ts-src/render/diagnostics.ts';
import { withoutBlanks } from '../../ts-src/sandbox/base-archive.ts';
import { baseAtHand } from '../../ts-src/sandbox/archive-names.ts';
import { underlaySources } from '../../ts-src/sandbox/archive.ts';
import { wantedBase } from '../../ts-src/sandbox/base-system.ts';

const distro = (more: string): string =>
  `organization: acme\ndistributions:\n  d: {platforms: [bookworm], folders: [src], ros_version: 2}\nplatforms:\n  bookworm: {os: debian, release: bookworm}\n${more}`;
const ofDistro = (text: string): string => renderDiagnostics(parseDistro(text, 'd').diagnostics);
const ofYaml = (text: string): string => renderDiagnostics(parseYaml(text, 'f').diagnostics);
const ofRepos = (text: string): string => renderDiagnostics(parseRepos(text, 'r').diagnostics);

describe('values in distro.yaml', () => {
  it('are named in messages, with suggestions', () => {
    expect(ofDistro(distro('').replace('[bookworm]', 'x').replace(' 2}', ' jazzy}'))).toContain(
      "distributions.d.ros_version must be 1 or 2, not 'jazzy'",
    );
    expect(ofDistro(distro('').replace('release: bookworm', 'release: bookworm, architectures: [aarch64]'))).toContain(
      "    Debian's name of aarch64 is arm64\n",
    );
    expect(ofDistro('organisation: acme\ndistributions: {}\nplatforms: {}\n')).not.toContain('organization is missing');
    expect(ofDistro(distro('signing_key: 12\n'))).toContain('signing_key must be a text or a list');
    expect(ofDistro(distro('signing_key: xyz\n'))).toContain("not 'xyz'");
    expect(ofDistro(distro('tests:\n'))).toContain('nothing stands after its colon');
    expect(ofDistro(distro('tests: {retries: 99}\n'))).toContain('tests.retries is too large: at most 10');
  });

  it('have checks whose messages say in words what a value must be', () => {
    const silent: string[] = [];
    const seen = new Set<unknown>();
    const visit = (schema: unknown, path: string): void => {
      if (!(schema instanceof z.ZodType) || seen.has(schema)) return;
      seen.add(schema);
      if (schema instanceof z.ZodString)
        for (const check of schema._zod.def.checks ?? []) {
          const { format, error } = check._zod.def as { format?: string; error?: unknown };
          if (format === 'regex' && error === undefined) silent.push(path);
        }
      for (const [key, value] of Object.entries(schema instanceof z.ZodObject ? schema.shape : schema._zod.def)) {
        const inner: unknown[] = Array.isArray(value) ? value : [value];
        for (const one of inner) visit(one, `${path}.${key}`);
      }
    };
    visit(distroSchema, 'distro');
    expect(seen.size).toBeGreaterThan(200);
    expect(silent).toEqual([]);
  });

  it('must name existing patches', () => {
    const root = mkdtempSync(join(tmpdir(), 'slipway-patches-'));
    const file = join(root, 'distro.yaml');
    const text = distro('package_settings:\n  a*:\n    patches: [there.patch, gone.patch]\n');
    writeFileSync(file, text);
    writeFileSync(join(root, 'there.patch'), '');
    const read = parseDistro(text, file);
    const told = read.ok ? missingPatches({ distro: read.value, root, file, state: root, urlBase: root }) : undefined;
    expect(told).toMatchObject([
      { line: 8, message: "package_settings of 'a*' names the patch gone.patch, which does not exist" },
    ]);
    rmSync(root, { recursive: true });
  });
});

describe('YAML', () => {
  it('has keys as written, and `y` as PyYAML reads it', () => {
    const text = 'y: n\non: yes\n1.0: a\n012: b\n2024-01-01: c\nnull: d\n"no": e\n<<: {x: 1}\nlist: [{off: 1}, y]\n';
    expect(parseYaml(text, 'f')).toMatchObject({
      value: { y: 'n', on: true, '1.0': 'a', '012': 'b', '2024-01-01': 'c', null: 'd', no: 'e', x: 1 },
    });
    expect(parseYaml(text, 'f')).toMatchObject({ value: { list: [{ off: 1 }, 'y'] } });
    const repos = parseRepos('repositories:\n  y: {type: git, url: ../a, version: y}\n', 'r');
    expect(repos.ok && repos.value.map((r) => [r.name, r.source?.version])).toEqual([['y', 'y']]);
  });

  it('with a syntax error is reported with the line that is wrong', () => {
    expect(ofYaml('')).toBe(
      'f:1: error: the file is empty [yaml-invalid]\n    write its entries, or remove the file\n',
    );
    expect(ofYaml('# nothing\n')).toContain('f:1: error: the file has nothing but comments');
    expect(ofYaml('a: 1\nb: 2\na: 3\n')).toContain("f:3: error: the key 'a' is there twice: it is also in line 1");
    expect(ofYaml('a: "x\nb: 1\n')).toContain('f:1: error: not valid YAML: a bracket or quote that is not closed');
    expect(ofYaml('a: {v: *main}\n')).toContain('a value that begins with `*` must be in quotes');
    expect(ofYaml('a: @x\n')).toContain('write "@x"');
    expect(ofYaml('k: 1\nkey:value\n')).toMatch(/write a blank after the colon: `key: value`/);
    expect(ofYaml('a: 1\n---\nb: 2\n')).toContain('f:2: error: the file has 2 documents');
  });

  it('of .repos files: reports missing and misspelt keys', () => {
    expect(ofRepos('')).toContain('write `repositories:` and its entries');
    expect(ofRepos('repositorys: {}\n')).toContain("write 'repositories' for 'repositorys'");
    expect(ofRepos('repositories:\n  a: {type: git, url: ../a, vesion: main}\n')).toBe(
      "r:2: warning: unknown key 'vesion' is ignored [entry-key]\n    did you mean 'version'?\n",
    );
    expect(ofRepos('repositories:\n  a: {type: git, url: ../my arm}\n')).toBe('');
    expect(['https://h/a b', 'git@h:a b', 'file:///a b', ' a', 'a\tb'].filter((u) => isSourceUrl(u, true))).toEqual([]);
  });
});

describe('a manifest', () => {
  it('with an unescaped character is reported with its line', () => {
    const text = (description: string): string =>
      `<package format="3">\n<name>a</name>\n<!-- a & b -->\n<description>${description}</description>\n</package>\n`;
    const told = (description: string) => parseManifest(text(description), 'p').diagnostics[0];
    expect([told('arm & node')?.line, told('a < b')?.line]).toEqual([4, 4]);
    expect(told('arm & node')?.message).toContain('`&` must be written `&amp;`');
    expect(told('a < b')?.message).toContain('`&lt;`');
    expect(told('a &amp; b')?.message).not.toContain('must be written');
    expect(parseManifest('', 'p').diagnostics).toMatchObject([{ line: 1, message: 'the manifest is empty' }]);
  });
});

const commands = await loadCommands();

describe('values of options', () => {
  const wrong = (name: string, values: Record<string, unknown>, words: string[] = []): string | undefined =>
    valueFault(ownEntry(commands, name), values, words);
  it('are validated before a command runs', () => {
    expect(wrong('publish', { store: 'nowhere' })).toBe("--store 'nowhere' is not file:PATH or s3://BUCKET/PREFIX");
    for (const [name, command] of Object.entries(commands))
      for (const [option, { check }] of Object.entries(command.options))
        if (option === 'store') expect(check?.('nowhere'), name).toBeDefined();
    expect(wrong('store', { size: 'big' })).toBe("--size 'big' is not a size such as 800M or 20G");
    expect(wrong('init', { os: 'fedora' })).toBe("--os 'fedora' is none of debian, ubuntu");
    expect(wrong('image', { kind: ['dokcer'] })).toContain('did you mean docker?');
    expect(wrong('image', {}, ['bild'])).toContain('did you mean build?');
    expect(wrong('store', { size: '20G', days: '3' }, ['gc'])).toBeUndefined();
  });
});

describe('an underlay', () => {
  const parsed = parseDistro(
    distro('').replace(
      'release: bookworm',
      'release: bookworm, underlays: {u: {uri: "http://h/a", suite: s, key: "my keys/u.asc"}}',
    ),
    'd',
  );
  const platform = parsed.ok ? ownEntry(parsed.value.platforms, 'bookworm') : undefined;

  it('may have spaces in the path of its key, which apt never sees', () => {
    const root = mkdtempSync(join(tmpdir(), 'slipway blank-'));
    mkdirSync(join(root, 'my keys'));
    writeFileSync(join(root, 'my keys/u.asc'), 'key');
    const { sources, done } = withoutBlanks({ lines: [], underlays: platform ? underlaySources(platform, root) : [] });
    const [, copy = ''] = /signed-by=([^\s\]]+)\]/.exec(sources.underlays[0] ?? '') ?? [];
    expect(readFileSync(copy, 'utf8')).toBe('key');
    expect(statSync(copy).mode & 0o777).toBe(0o644);
    done();
    expect(() => statSync(copy)).toThrow();
    rmSync(root, { recursive: true });
  });

  it("added after the base was made is not searched in that base's lists", () => {
    const state = mkdtempSync(join(tmpdir(), 'slipway-hand-'));
    if (!platform) throw new Error('the distro file is wrong');
    const folder = join(state, 'bases/bookworm-amd64');
    mkdirSync(folder, { recursive: true });
    const ask = (of: typeof platform) =>
      baseAtHand(state, '/d', { name: 'bookworm', platform: of, architecture: 'amd64' });
    const base = { digest: 'x', wanted: wantedBase('/d', platform, 'amd64').wanted };
    writeFileSync(join(folder, 'current.json'), JSON.stringify(base));
    expect(ask(platform)).toMatchObject({ digest: 'x' });
    expect(ask({ ...platform, underlays: {} })).toBeUndefined();
    rmSync(state, { recursive: true });
  });
});

describe('a build that fails', () => {
  it('because it wants the network is told that there is none', () => {
    const log = 'CMake Error at CMakeLists.txt:15 (message):\n  download: 7;"Couldn\'t connect to server"\n\n';
    expect(knownCause(log)?.cause).toContain('builds have no network');
  });

  it('is told the whole of what CMake says, wrapped or not', () => {
    const log =
      'CMake Error at /build/obj/cmake_install.cmake:92 (file):\n  file INSTALL cannot find "/build/p/a.yaml": No such file or\n  directory.\n';
    expect(knownCause(log, { folder: 'p', undeclared: () => false })?.cause).toBe(
      'cmake_install.cmake:92: file INSTALL cannot find "p/a.yaml": No such file or directory.',
    );
    const far = `CMake Error at a:1 (b):\n${'  x y'.repeat(400)}\n  z`;
    expect(knownCause(far)?.cause).toMatch(/^a:1: x y/);
  });

  it('by a file outside the prefix is told what to do, once', () => {
    const files = ['/etc/a', '/etc/b'].map((path) => ({ path, type: 'file' as const, mode: 0o644, target: '' }));
    expect(refusal(memberFaults(files, allowedPaths('x', '/opt/x', [])))?.split('\n')).toEqual([
      "it can't be published: /etc/a is outside the prefix /opt/x; /etc/b is outside the prefix /opt/x",
      'install it below CMAKE_INSTALL_PREFIX, or declare it in package_settings (system_files)',
    ]);
    expect(refusal([{ text: '/a is no plain path' }])).toBe("it can't be published: /a is no plain path");
    expect(refusal([])).toBeUndefined();
  });

  it('names what it stopped, but not its own tests', () => {
    const task = (id: string, kind: 'build' | 'test', state: 'failed' | 'stopped') => ({
      id: `d/p/${id}`,
      name: id,
      kind,
      state,
      reason: "'a' failed",
    });
    const text = renderSummary(
      [task('a', 'build', 'failed'), task('a:test', 'test', 'stopped'), task('b', 'build', 'stopped')],
      () => [],
      0,
    );
    expect(text).toContain("stopped d/p/b: 'a' failed");
    expect(text).not.toContain('d/p/a:test');
    expect(text).toContain('1 failed, 2 stopped');
  });
});

describe('an image that is not there', () => {
  it('is told with the one that is meant', () => {
    const parsed = parseDistro(distro('images: {robot: {packages: [a], channel: nightly}}\n'), 'd');
    if (!parsed.ok) throw new Error('the distro file is wrong');
    expect(targetsOf(parsed.value, 'robto').diagnostics).toMatchObject([{ hint: "did you mean 'robot'?" }]);
    expect(targetsOf(parsed.value, 'other').diagnostics).toMatchObject([{ hint: 'it has robot' }]);
  });
});

describe('what a publication and a build are asked', () => {
  it('is warned of where no maintainer is set or no package has a name', () => {
    const parsed = parseDistro(distro(''), 'd');
    const named = parseDistro(distro('maintainer: A Team <a@b.org>\n'), 'd');
    if (!parsed.ok || !named.ok) throw new Error('the distro file is wrong');
    expect(maintainerUnset(parsed.value, { file: 'd' })).toMatchObject([{ code: 'maintainer-unset' }]);
    expect(maintainerUnset(named.value, { file: 'd' })).toEqual([]);
    const plan = { schema: 'slipway-plan-1', organization: 'acme', scopes: [], stamp: '20260101000000' } as const;
    expect(unmatched(['nothere'], { ...plan, scopes: [] })).toMatchObject([{ severity: 'warning' }]);
  });
});

it('commands that read the last build name a distro file that is missing', () => {
  const found = outputFolder({ distro: '/nowhere/distro.yaml' });
  expect(renderDiagnostics(found.diagnostics)).toMatch(/^\/nowhere\/distro\.yaml: error: there is no such file/);
  expect(outputFolder({ output: '/a' })).toMatchObject({ ok: true, value: '/a' });
});
