import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkout, fetchArchive, fetchCommit, resolveRef } from '../../ts-src/read/git/git.ts';
import { isRefName } from '../../ts-src/read/source-entry.ts';
import { parseDistributionFile } from '../../ts-src/read/rosdistro.ts';
import { parseRepos } from '../../ts-src/read/repos-file.ts';
import { readFolder } from '../../ts-src/read/folders.ts';
import { layerRosdep } from '../../ts-src/read/rosdep.ts';
import { resolveRosdep } from '../../ts-src/plan/rosdep.ts';
import { committing } from './git-author.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-sources-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const env = {
  ...committing,
  GIT_CONFIG_COUNT: '1',
  GIT_CONFIG_KEY_0: 'protocol.file.allow',
  GIT_CONFIG_VALUE_0: 'always',
};
const git = (cwd: string, ...args: string[]): string =>
  execFileSync('git', args, { cwd, env, encoding: 'utf8' }).trim();

function repository(name: string, files: Record<string, string>): string {
  const path = join(folder, name);
  mkdirSync(path, { recursive: true });
  git(path, 'init', '-q', '-b', 'main');
  for (const [f, text] of Object.entries(files)) {
    mkdirSync(dirname(join(path, f)), { recursive: true });
    writeFileSync(join(path, f), text);
  }
  git(path, 'add', '-A');
  git(path, 'commit', '-qm', 'x');
  return path;
}
const value = <T>(r: { ok: true; value: T } | { ok: false; diagnostics: { message: string }[] }): T => {
  if (!r.ok) throw new Error(r.diagnostics.map((d) => d.message).join('; '));
  return r.value;
};

describe('sources by git', () => {
  it('are found at a branch, a tag (peeled), a commit and HEAD', async () => {
    const path = repository('refs', { a: '1' });
    const first = git(path, 'rev-parse', 'HEAD');
    git(path, 'tag', '-a', 'v1', '-m', 'v1');
    writeFileSync(join(path, 'a'), '2');
    git(path, 'commit', '-qam', 'y');
    const second = git(path, 'rev-parse', 'HEAD');
    expect(value(await resolveRef(path, 'main'))).toBe(second);
    expect(value(await resolveRef(`file://${path}`, 'v1'))).toBe(first);
    expect(value(await resolveRef(path, undefined))).toBe(second);
    expect(value(await resolveRef(path, first))).toBe(first);
    const missing = await resolveRef(path, 'nowhere');
    expect(missing.ok || missing.diagnostics[0]!.message).toBe(`${path} has no branch or tag 'nowhere'`);
    // A commit that is no longer a branch's head is available, too.
    const state = join(folder, 'state-refs');
    const old = value(await fetchCommit(path, first, state));
    value(await checkout(old, old.tree, join(folder, 'out-refs')));
    expect(readFileSync(join(folder, 'out-refs/a'), 'utf8')).toBe('1');
  });

  it('include their submodules, with relative URLs and nested ones', async () => {
    repository('inner', { 'i.txt': 'inner' });
    const middle = repository('middle', { 'm.txt': 'middle' });
    git(middle, 'submodule', '--quiet', 'add', '../inner', 'in');
    git(middle, 'commit', '-qm', 'sub');
    const outer = repository('outer', { 'o.txt': 'outer' });
    git(outer, 'submodule', '--quiet', 'add', '../middle', 'deep/mid');
    git(outer, 'commit', '-qm', 'sub');
    const snapshot = value(await fetchCommit(outer, git(outer, 'rev-parse', 'HEAD'), join(folder, 'state-sub')));
    value(await checkout(snapshot, snapshot.tree, join(folder, 'out-sub')));
    expect(readFileSync(join(folder, 'out-sub/deep/mid/in/i.txt'), 'utf8')).toBe('inner');
    expect(readFileSync(join(folder, 'out-sub/deep/mid/m.txt'), 'utf8')).toBe('middle');
  });

  it('keep modes and symlinks', async () => {
    const path = repository('modes', { 'run.sh': '#!/bin/sh\n' });
    execFileSync('chmod', ['755', join(path, 'run.sh')]);
    symlinkSync('run.sh', join(path, 'link'));
    git(path, 'add', '-A');
    git(path, 'commit', '-qm', 'm');
    const snapshot = value(await fetchCommit(path, git(path, 'rev-parse', 'HEAD'), join(folder, 'state-modes')));
    value(await checkout(snapshot, snapshot.tree, join(folder, 'out-modes')));
    expect(lstatSync(join(folder, 'out-modes/run.sh')).mode & 0o111).toBe(0o111);
    expect(lstatSync(join(folder, 'out-modes/link')).isSymbolicLink()).toBe(true);
  });

  it('refuse hostile names', () => {
    for (const bad of ['--upload-pack=x', 'a..b', 'a b', 'x\ny', 'a~1', '@{u}', '', '-b', 'a.lock', '/a', 'a:b'])
      expect(bad === '' || !isRefName(bad), bad).toBe(true);
    for (const good of ['main', 'feature/x', 'v1.2.3', '1.0.0', 'release/jazzy/pkg/1.0.0-1'])
      expect(isRefName(good), good).toBe(true);
    const read = parseDistributionFile(
      'repositories:\n  a: {source: {type: git, url: "--upload-pack=touch /tmp/x", version: main}}\n  b: {source: {type: git, url: "ext::sh -c id", version: main}}\n  "../c": {source: {type: git, url: u, version: main}}\n  d: {source: {type: git, url: u, version: "--x"}}\ntype: distribution\nversion: 2\n',
      'distribution.yaml',
    );
    expect(read.diagnostics.map((d) => `${d.line}: ${d.message}`)).toEqual([
      '2: source of \'a\': the url "--upload-pack=touch /tmp/x" is not allowed',
      '3: source of \'b\': the url "ext::sh -c id" is not allowed',
      '4: the repository name "../c" is not allowed',
      '5: source of \'d\': the version "--x" is no branch, tag or commit',
    ]);
  });
});

describe('sources by archive', () => {
  it.each(['tar', 'zip'] as const)('%s: unpacked after its checksum was found right', async (type) => {
    const content = join(folder, `content-${type}`, 'top-1.0');
    mkdirSync(content, { recursive: true });
    writeFileSync(join(content, 'package.xml'), '<package/>');
    const file = join(folder, `a.${type}`);
    if (type === 'tar') execFileSync('tar', ['czf', file, '-C', dirname(content), 'top-1.0']);
    else
      execFileSync('python3', [
        '-c',
        'import shutil,sys; shutil.make_archive(sys.argv[1], "zip", sys.argv[2])',
        file.replace(/\.zip$/, ''),
        dirname(content),
      ]);
    const sha256 = createHash('sha256').update(readFileSync(file)).digest('hex');
    const state = join(folder, `state-${type}`);
    const snapshot = value(await fetchArchive({ type, url: file, sha256 }, file, state));
    value(await checkout(snapshot, snapshot.tree, join(folder, `out-${type}`)));
    expect(existsSync(join(folder, `out-${type}`, 'package.xml'))).toBe(true);
    const wrong = await fetchArchive({ type, url: file, sha256: '0'.repeat(64) }, `file://${file}`, state);
    expect(wrong.ok || wrong.diagnostics[0]!.message).toBe(
      `file://${file} has the SHA-256 ${sha256}, not ${'0'.repeat(64)}`,
    );
  });

  it('need a checksum', () => {
    expect(
      parseRepos('repositories:\n  x: {type: tar, url: "https://example.org/x.tar.gz"}\n', 'a.repos').diagnostics.map(
        (d) => [d.line, d.message, d.hint],
      ),
    ).toEqual([[2, "'x': an archive needs its checksum", 'add sha256: (of the file, in hex)']]);
  });
});

describe('entries as written', () => {
  it('keep their text: a version is neither a number nor a date', () => {
    const versions = ['1.0', '2.10', '2024-01-02', '0x10', '1_000', 'true'];
    const text = `repositories:\n${versions.map((v, i) => `  r${i}: {type: git, url: "https://e.org/r.git", version: ${v}}\n`).join('')}`;
    const read = parseRepos(text, 'a.repos');
    expect(read.ok && read.value.map((r) => r.source!.version)).toEqual(versions);
    const distribution = parseDistributionFile(
      `${text.replaceAll(/\{(.*)\}/g, '{source: {$1}}')}type: distribution\nversion: 2\n`,
      'd.yaml',
    );
    expect(distribution.ok && distribution.value.repositories.map((r) => r.source!.version)).toEqual(versions);
  });

  it('affect only themselves if they are invalid', () => {
    const read = parseDistributionFile(
      'repositories:\n  good: {source: {type: git, url: "https://e.org/r.git"}}\n  "bad name": {}\n  worse: 5\ntype: distribution\nversion: 2\n',
      'd.yaml',
    );
    expect(read.ok && read.value.repositories.map((r) => r.name)).toEqual(['good']);
    expect(read.diagnostics.map((d) => [d.severity, d.line])).toEqual([
      ['error', 3],
      ['error', 4],
    ]);
  });

  it('of vcstool: an empty list, paths, and unknown values', () => {
    const empty = parseRepos('repositories:\n', 'a.repos');
    expect(empty).toMatchObject({ ok: true, value: [], diagnostics: [] });
    const read = parseRepos(
      'repositories:\n  ./k: {url: "https://e.org/k.git"}\n  m/: {url: "https://e.org/m.git"}\nextends: b.repos\n',
      'a.repos',
    );
    expect(read.ok && read.value.map((r) => r.name)).toEqual(['k', 'm']);
    expect(read.diagnostics.map((d) => [d.severity, d.line, d.message])).toEqual([
      ['warning', 4, "unknown key 'extends' is ignored"],
    ]);
    expect(
      parseRepos('- git: {local-name: a, uri: "https://e.org/a.git"}\n', 'a.rosinstall').diagnostics[0]!.hint,
    ).toContain('.rosinstall');
  });
});

describe('rosdep rules', () => {
  const of = (rule: string) => {
    const layered = layerRosdep([{ file: 'r.yaml', text: `k:\n  debian: ${rule}\n` }]);
    if (!layered.ok) throw new Error('rosdep');
    const r = resolveRosdep(layered.value, 'k', { os: 'debian', release: 'bookworm' });
    return r.kind === 'packages' ? [r.installer, ...r.packages] : r.kind;
  };

  it('that are not understood are reported, and do not mean "nothing needed"', () => {
    for (const rule of [
      '{apt: null}',
      '{apt: {packages: 12}}',
      '{apt: {package: [xx]}}',
      '[[aa, bb]]',
      '12',
      '{bookworm: [1]}',
      '{apt: [{x: y}]}',
    ])
      expect(of(rule), rule).toBe('not-here');
  });

  it('that rosdep accepts are accepted', () => {
    expect(of('[aa, bb]')).toEqual(['apt', 'aa', 'bb']);
    expect(of('"aa bb"')).toEqual(['apt', 'aa', 'bb']);
    expect(of('[]')).toEqual(['apt']);
    expect(of("{'*': [aa], jessie: [bb]}")).toEqual(['apt', 'aa']);
    expect(of('{pip: {packages: [pp]}, apt: {packages: [aa]}}')).toEqual(['apt', 'aa']);
    expect(of('{pip: {packages: [pp]}}')).toEqual(['pip', 'pp']);
  });
});

it('symlinks to packages are reported', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-links-'));
  try {
    mkdirSync(join(folder, 'src/here'), { recursive: true });
    mkdirSync(join(folder, 'there'));
    const xml = (name: string) =>
      `<package format="3"><name>${name}</name><version>1.0.0</version><description>d</description><maintainer email="a@b.org">m</maintainer><license>BSD</license></package>`;
    writeFileSync(join(folder, 'src/here/package.xml'), xml('here'));
    writeFileSync(join(folder, 'there/package.xml'), xml('there'));
    symlinkSync('../there', join(folder, 'src/linked'));
    const read = readFolder(folder, 'src');
    expect(read.ok && read.value.map((p) => p.manifest.name)).toEqual(['here']);
    expect(read.diagnostics.map((d) => [d.code, d.message])).toEqual([
      ['folder-link', 'src/linked is a symbolic link: the package it points to is not found'],
    ]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
