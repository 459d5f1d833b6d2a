import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { keepDependencyTimes } from '../../ts-src/engine/build/dependency-times.ts';
import { readSource } from '../../ts-src/engine/build/objects.ts';
import { applyPatches } from '../../ts-src/engine/build/source.ts';

let folder = '';
let source = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-source-'));
  source = join(folder, 'build', 'robot');
  mkdirSync(source, { recursive: true });
  writeFileSync(join(source, 'text'), 'one\n');
  writeFileSync(join(folder, 'change.patch'), '--- a/text\n+++ b/text\n@@ -1 +1 @@\n-one\n+two\n');
  writeFileSync(join(folder, 'new.patch'), '--- /dev/null\n+++ b/sub/new\n@@ -0,0 +1 @@\n+new\n');
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

/** A git configuration that runs a command whenever git reads or writes a file. */
const configuration = (): string =>
  `[core]\n\trepositoryformatversion = 0\n\tfsmonitor = touch ${folder}/ran\n` +
  `[filter "x"]\n\tclean = touch ${folder}/ran; cat\n\tsmudge = touch ${folder}/ran; cat\n\trequired = true\n`;

/** Files that make a folder a git repository with that configuration. */
function repositoryIn(at: string): void {
  for (const name of ['objects', 'refs', 'info']) mkdirSync(join(at, name), { recursive: true });
  writeFileSync(join(at, 'HEAD'), 'ref: refs/heads/main\n');
  writeFileSync(join(at, 'config'), configuration());
  writeFileSync(join(at, 'info', 'attributes'), '* filter=x\n');
}

it.each(['', '.git'])('a source that is a repository at `%s` gives git no command to run', async (at) => {
  repositoryIn(join(source, at));
  writeFileSync(join(source, '.gitattributes'), '* filter=x\n');
  expect(await applyPatches(folder, ['change.patch', 'new.patch'], source)).toBeUndefined();
  expect(readFileSync(join(source, 'text'), 'utf8')).toBe('two\n');
  expect(readFileSync(join(source, 'sub/new'), 'utf8')).toBe('new\n');
  expect(existsSync(join(folder, 'ran'))).toBe(false);
});

it("a repository above the sources and the user's configuration change nothing", async () => {
  execFileSync('git', ['init', '--quiet', folder]);
  writeFileSync(join(folder, '.git/config'), configuration());
  writeFileSync(join(folder, '.git/info/attributes'), '* filter=x\n');
  writeFileSync(join(source, '.gitattributes'), '* filter=x\n');
  const own = join(folder, 'own');
  writeFileSync(own, configuration());
  process.env.GIT_CONFIG_GLOBAL = own;
  try {
    expect(await applyPatches(folder, ['change.patch'], source)).toBeUndefined();
  } finally {
    delete process.env.GIT_CONFIG_GLOBAL;
  }
  expect(readFileSync(join(source, 'text'), 'utf8')).toBe('two\n');
  expect(existsSync(join(folder, 'ran'))).toBe(false);
});

it("a patch does not write through a source's symlink", async () => {
  const victim = join(folder, 'victim');
  mkdirSync(victim);
  writeFileSync(join(victim, 'text'), 'one\n');
  rmSync(join(source, 'text'));
  symlinkSync(join(victim, 'text'), join(source, 'text'));
  symlinkSync(victim, join(source, 'sub'));
  expect(await applyPatches(folder, ['change.patch'], source)).toMatch(/^the patch change\.patch does not apply/);
  expect(await applyPatches(folder, ['new.patch'], source)).toMatch(/^the patch new\.patch does not apply/);
  expect(readFileSync(join(victim, 'text'), 'utf8')).toBe('one\n');
  expect(existsSync(join(victim, 'new'))).toBe(false);
});

it('a file of gigabytes does not end the run where objects are kept', () => {
  for (const name of ['map.bin', 'code.c']) writeFileSync(join(source, name), '');
  truncateSync(join(source, 'map.bin'), 2 ** 31 + 1);
  expect(Object.keys(readSource(source)?.files ?? {})).toEqual(['code.c', 'map.bin', 'text']);
  truncateSync(join(source, 'code.c'), 600 << 20);
  expect(readSource(source)).toBeUndefined();
  const former = join(folder, 'former');
  mkdirSync(former);
  writeFileSync(join(former, 'map.bin'), '');
  truncateSync(join(former, 'map.bin'), 2 ** 31 + 1);
  keepDependencyTimes(source, [{ name: 'a', former, paths: ['map.bin'] }], join(folder, 'views'));
  expect(statSync(join(source, 'map.bin')).ino).toBe(statSync(join(former, 'map.bin')).ino);
}, 120_000);
