import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { homeFolder } from '../../ts-src/io/home.ts';
import { SshConnection } from '../../ts-src/publish/ssh-connection.ts';
import { parseRemotePlace } from '../../ts-src/model/remote-place.ts';
import { nameRepositories, closeNames } from '../../ts-src/read/git/credentials.ts';
import { fetchCommit, repositoryFolder } from '../../ts-src/read/git/git.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-cache-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("content fetched with a login is not given to a pull request that knows a commit's name", async () => {
  const url = (name: string) => `https://127.0.0.1:9/${name}.git`;
  const commits = ['named', 'private'].map((name) => {
    const dir = repositoryFolder(folder, url(name));
    const git = (...args: string[]) =>
      execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.org', '--git-dir', dir, ...args], {
        encoding: 'utf8',
      }).trim();
    execFileSync('git', ['init', '-q', '--bare', dir]);
    const tree = execFileSync('git', ['--git-dir', dir, 'mktree'], { input: '', encoding: 'utf8' }).trim();
    const commit = git('commit-tree', '-m', name, tree);
    mkdirSync(join(dir, 'slipway'));
    writeFileSync(join(dir, 'slipway', commit), tree);
    return commit;
  });
  nameRepositories([url('named')]);
  const read = async () => {
    const all = await Promise.all(
      ['named', 'private'].map((name, i) => fetchCommit(url(name), commits[i] ?? '', folder)),
    );
    return all.map((r) => (r.ok ? 'there' : r.diagnostics[0]?.code));
  };
  expect(await read()).toEqual(['there', 'there']);
  closeNames();
  expect(await read()).toEqual(['there', 'source-unreachable']);
});

it('sockets of connections are not in a folder that another user could replace', () => {
  const place = parseRemotePlace('ssh://host/srv');
  if (typeof place === 'string') throw new Error(place);
  const before = process.env.TMPDIR;
  try {
    process.env.TMPDIR = join(folder, 'tmp');
    const own = join(folder, 'own');
    mkdirSync(own, { mode: 0o700 });
    mkdirSync(process.env.TMPDIR);
    expect(() => new SshConnection(place)).not.toThrow();
    rmSync(process.env.TMPDIR, { recursive: true });
    mkdirSync(process.env.TMPDIR);
    symlinkSync(own, join(process.env.TMPDIR, `slipway-ssh-${process.getuid?.()}`));
    expect(() => new SshConnection(place)).toThrow('is not a folder of this user alone');
  } finally {
    if (before === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = before;
  }
});

it('a home is never the current folder', () => {
  expect(homeFolder({ HOME: '/home/ann' })).toBe('/home/ann');
  for (const env of [{}, { HOME: '' }, { HOME: 'home' }]) expect(homeFolder(env)).toMatch(/^\//);
});

it('no files are writable for everyone, regardless of the umask', () => {
  const program = join(import.meta.dirname, '../../resources/slipway.cjs');
  const told = execFileSync(
    'sh',
    [
      '-c',
      'umask 000; node "$1" init "$2" --organization acme > /dev/null && find "$2" -perm -o+w',
      'sh',
      program,
      join(folder, 'init'),
    ],
    { encoding: 'utf8' },
  );
  expect(told).toBe('');
  expect(existsSync(join(folder, 'init/distro.yaml'))).toBe(true);
});
