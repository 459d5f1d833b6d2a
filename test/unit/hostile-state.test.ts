import { execFileSync } from 'node:child_process';
import { chmodSync, chownSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { loadNamed } from '../../ts-src/cli/farm/work.ts';
import { checkOwnFolder, checkStateFolder, checkStore } from '../../ts-src/read/own-folder.ts';
import { readWorkspace } from '../../ts-src/read/workspace.ts';
import { committing } from './git-author.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-state-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const victim = join(folder, 'victim');
const git = (root: string, ...args: string[]): void =>
  void execFileSync('git', args, { cwd: root, stdio: 'ignore', env: committing });

/** A distro repository with committed files from `fill`. */
function repository(name: string, fill: (root: string) => void): string {
  const root = join(folder, name);
  mkdirSync(root);
  writeFileSync(
    join(root, 'distro.yaml'),
    'organization: acme\ndistributions:\n  tiny: {platforms: [p], folders: [src], ros_version: 1}\n' +
      'platforms:\n  p: {os: debian, release: bookworm}\n',
  );
  git(root, 'init', '-q');
  fill(root);
  git(root, 'add', '--all', '--force');
  git(root, 'commit', '-qm', 'x');
  return root;
}

beforeAll(() => {
  mkdirSync(join(victim, 'documents'), { recursive: true });
});

const planted: Record<string, (state: string) => void> = {
  'a link to a folder of the user': (state) => symlinkSync(victim, state),
  'a link where roots are removed': (state) => {
    mkdirSync(state);
    symlinkSync(victim, join(state, 'work'));
  },
  'what was parsed before': (state) => {
    mkdirSync(join(state, 'parsed'), { recursive: true });
    writeFileSync(join(state, 'parsed/distro.json'), 'x');
  },
  'a base system': (state) => {
    mkdirSync(join(state, 'bases/p-amd64'), { recursive: true });
    writeFileSync(join(state, 'bases/p-amd64/current.json'), '{"root":"/"}');
  },
};

for (const [what, fill] of Object.entries(planted))
  it(`a state folder that was committed is refused: ${what}`, async () => {
    const root = repository(`state ${what}`, (at) => fill(join(at, '.slipway')));
    const read = await readWorkspace(join(root, 'distro.yaml'), undefined);
    expect(read.ok ? [] : read.diagnostics.map((d) => d.code)).toEqual(['state-foreign']);
    expect(readdirSync(victim)).toEqual(['documents']);

    expect(await checkStateFolder(root, join(folder, 'mine'))).toBeUndefined();
  });

it('a store and output behind symlinks are refused if committed, and accepted if not', async () => {
  const root = repository('places', (at) => {
    symlinkSync(victim, join(at, 'link'));
    mkdirSync(join(at, 'kept/objects'), { recursive: true });
    writeFileSync(join(at, 'kept/objects/x'), 'x');
    mkdirSync(join(at, 'data'));
    writeFileSync(join(at, 'data/readme'), 'x');
    mkdirSync(join(at, 'out'));
    writeFileSync(join(at, 'out/readme'), 'x');
  });
  for (const [uri, told] of [
    ['file:link/store', 'link'],
    ['file:kept', 'kept/objects/x'],
    [`file:${root}/kept/objects`, 'kept/objects/x'],
  ] as const)
    expect((await checkStore(uri, root))?.message, uri).toContain(`the repository has ${told}:`);
  mkdirSync(join(root, 'data/store'));
  mkdirSync(join(root, '.slipway/work'), { recursive: true });
  for (const uri of ['file:data/store', 'file:.slipway/store', `file:${victim}`, 's3://bucket'])
    expect(await checkStore(uri, root), uri).toBeUndefined();
  expect(await checkStateFolder(root, join(root, '.slipway'))).toBeUndefined();
  symlinkSync(victim, join(root, 'out/logs'));
  expect(await checkStateFolder(root, join(root, '.slipway'))).toBeUndefined();
  git(root, 'add', 'out');
  expect((await checkStateFolder(root, join(root, '.slipway')))?.file).toBe(join(root, 'out/logs'));
});

it('a state folder that others can write to, or of another user, is refused', async () => {
  const state = join(folder, 'open');
  mkdirSync(state);
  chmodSync(state, 0o777);
  expect((await checkStateFolder(folder, state))?.message).toBe('everybody may write to the folder');
  chmodSync(state, 0o755);
  expect(await checkStateFolder(folder, state)).toBeUndefined();
  symlinkSync(victim, join(state, 'work'));
  expect((await checkStateFolder(folder, state))?.file).toBe(join(state, 'work'));
  if (process.getuid?.() !== 0) return;
  const other = join(folder, 'other');
  mkdirSync(join(other, '.slipway'), { recursive: true });
  chownSync(other, 65534, 65534);
  expect((await checkStateFolder(other, join(other, '.slipway')))?.message).toContain('another user (65534)');
  chownSync(join(other, '.slipway'), 65534, 65534);
  expect((await checkStateFolder(other, join(other, '.slipway')))?.message).toBe(
    'the folder belongs to another user (65534)',
  );
});

it('commands of a farm refuse such a state folder', async () => {
  const state = join(folder, 'farm');
  mkdirSync(state);
  chmodSync(state, 0o777);
  const said: string[] = [];
  const write = vi.spyOn(process.stderr, 'write').mockImplementation((text) => said.push(String(text)) > 0);
  try {
    expect(await loadNamed('work', { run: 'x', store: `file:${folder}`, state })).toBeUndefined();
  } finally {
    write.mockRestore();
  }
  expect(said.join('')).toContain('everybody may write to the folder');
  expect(readdirSync(state)).toEqual([]);

  // A package's repository may have a link in `out`: these commands write nothing there.
  const root = repository('package', (at) => symlinkSync(victim, join(at, 'out')));
  expect(await checkOwnFolder(root, join(folder, 'mine'))).toBeUndefined();
});
