import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { cache, discard, example, shareState } from '../e2e/helpers.ts';
import { jenkins as runJenkins } from '../jenkins/harness.mjs';
import { debianMirror } from '../mirror.mjs';

interface Built {
  result: string;
  failure: string | null;
  description: string;
  log: string;
  home: string;
  trace: string;
}
const git = (cwd: string, ...args: string[]) =>
  execFileSync('git', ['-c', 'user.name=Acme', '-c', 'user.email=robots@example.org', ...args], {
    cwd,
    encoding: 'utf8',
  });

const folder = example('architectures');
afterAll(() => discard(folder));

/** The first bytes of a library in a package: they contain the word size. */
const firstBytes = (deb: string): string =>
  execFileSync(
    'sh',
    [
      '-c',
      'dpkg-deb --fsys-tarfile "$1" | tar -xO --wildcards "*/libacme_math.so" | head -c 5 | od -An -tx1',
      'sh',
      deb,
    ],
    { encoding: 'utf8' },
  ).trim();

/**
 * Two machines of two architectures. This machine's processor also runs i386, so the second one only claims to be such
 * a machine.
 */
it('a nightly for two architectures: each is planned, built and tested on its own agents, and both are published', async () => {
  // mmdebstrap calls it to find out whether this machine runs programs of another architecture.
  if (spawnSync('sh', ['-c', 'command -v arch-test']).status !== 0)
    execFileSync(
      'apt-get',
      ['install', '-y', '-q', '-o', 'DPkg::Lock::Timeout=300', '--no-install-recommends', 'arch-test'],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
  const d = join(folder, 'distro');
  const site = debianMirror();
  mkdirSync(d);
  for (const f of readdirSync(folder))
    if (!['distro', '.slipway'].includes(f)) execFileSync('mv', [join(folder, f), d]);
  const file = join(d, 'rosdistro/mini/distribution.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replaceAll('./repositories', join(d, 'repositories')));
  writeFileSync(
    join(d, 'distro.yaml'),
    readFileSync(join(d, 'distro.yaml'), 'utf8')
      .replace(/ {2}classic:[^]*?\n(?=platforms:)/, '')
      .replace('architectures: [amd64]', `architectures: [amd64, i386]\n    mirror: {uri: "${site}"}`) +
      `store: file:${join(folder, 'store')}\n`,
  );
  git(d, 'init', '-q', '-b', 'main', '.');
  writeFileSync(join(d, '.gitignore'), 'repositories\nsrc\n.slipway\n');
  git(d, 'add', '.');
  git(d, 'commit', '-qm', 'distro');
  const small = join(folder, 'i386.cjs');
  writeFileSync(small, 'Object.defineProperty(process, "arch", { value: "ia32" });\n');
  const agents = [
    { name: 'large', labels: 'slipway amd64 linux' },
    { name: 'small', labels: 'slipway i386 linux', env: { NODE_OPTIONS: `--require ${small}` } },
  ];
  // Each machine has its own state, for one architecture.
  for (const a of agents)
    shareState(join(folder, 'agents', a.name, 'workspace/distro@tmp/slipway'), join(cache, a.name));
  const nightly = (name: string) =>
    (runJenkins as (folder: string, name: string, build: Record<string, unknown>) => Promise<Built>)(folder, name, {
      jenkinsfile: 'distroPipeline(lanes: 2)',
      scmUrl: d,
      scmRef: 'refs/heads/main',
      job: 'distro',
      agents,
      env: { BRANCH_NAME: 'main', BRANCH_IS_PRIMARY: 'true', JOB_NAME: 'acme/distro/main' },
    });

  const first = await nightly('first');
  expect(first.result, `${first.failure}\n${first.trace}\n${first.log.slice(-4000)}`).toBe('SUCCESS');
  expect(first.description).toMatch(/16 built/);
  for (const architecture of ['amd64', 'i386'])
    expect(first.log).toContain(`building mini/bookworm-${architecture}/acme_drive\n`);
  const packages = execFileSync('find', [join(folder, 'agents'), '-name', '*acme-math_*.deb'], { encoding: 'utf8' });
  for (const architecture of ['amd64', 'i386']) expect(packages).toContain(`_${architecture}.deb`);
  expect(firstBytes(packages.split('\n').find((f) => f.endsWith('_i386.deb')) ?? '')).toBe('7f 45 4c 46 01');
  const suites = execFileSync('find', [join(folder, 'agents'), '-path', '*bookworm-mini/main/binary-*/Packages'], {
    encoding: 'utf8',
  });
  for (const architecture of ['amd64', 'i386']) expect(suites).toContain(`binary-${architecture}/`);

  const second = await nightly('second');
  expect(second.result, second.log.slice(-4000)).toBe('SUCCESS');
  expect(second.description).toMatch(/16 cached/);
});
