import { execFileSync, spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folder, bundle, write, git, manifest, slipway } from './sample-distro.ts';
import { packagesIn } from '../told-plan.ts';

describe('slipway compare', () => {
  it('finds changes in folders of the distro repository, committed or not', () => {
    write(
      'single/distro.yaml',
      'organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 2}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\n',
    );
    write('single/.gitignore', '.slipway\n');
    write('single/src/r/one/package.xml', manifest('one', ''));
    write('single/src/r/two/package.xml', manifest('two', '<depend>one</depend>'));
    write('single/src/r/two/two.cpp', 'int two;\n');
    execFileSync('git', ['init', '-q', '-b', 'main', join(folder, 'single')]);
    git('single', 'add', '-A');
    git('single', 'commit', '-qm', 'x');
    const single = (...args: string[]) =>
      spawnSync('node', [bundle, ...args], { cwd: join(folder, 'single'), encoding: 'utf8' }).stdout;
    expect(single('compare', 'HEAD')).toBe('d on bookworm: no difference\n');
    write('single/src/r/two/two.cpp', 'int two = 2;\n');
    const text = 'd on bookworm:\nchanged, version as it was (1)\n  two  1.0.0  source\n';
    expect(single('compare', 'HEAD')).toBe(text);
    expect(
      packagesIn(single('plan', '--changed-since', 'HEAD', '--only', '--json')).flatMap((p) =>
        'named' in p.why ? [p.name] : [],
      ),
    ).toEqual(['two']);
    git('single', 'commit', '-qam', 'y');
    expect(single('compare', 'HEAD')).toBe('d on bookworm: no difference\n');
    expect(single('compare', 'HEAD~1', 'HEAD')).toBe(text);
  });

  it('compares commits, lockfiles and current files, and plan --changed-since selects by the result', () => {
    expect(slipway('lock', '-o', 'lock.yaml').status).toBe(0);
    git('distro', 'add', '-A');
    git('distro', 'commit', '-qm', 'locked');
    execFileSync('cp', [join(folder, 'distro/lock.yaml'), join(folder, 'before.yaml')]);
    write('core/base/package.xml', manifest('base', '', '1.1.0'));
    git('core', 'commit', '-qam', 'up');
    write('apps/check/package.xml', manifest('check', ''));
    write('apps/extra/package.xml', manifest('extra', ''));
    git('apps', 'add', '-A');
    git('apps', 'commit', '-qm', 'more');
    const text = `d on bookworm:
added (1)
  extra  1.0.0
version up (1)
  base  1.0.0 → 1.1.0
changed, version as it was (1)
  check  1.0.0  source, dependencies
as they were, rebuilt for what they need (2)
  app  1.0.0  for base
  lib  1.0.0  for base
`;
    expect(slipway('compare', 'HEAD').stdout).toBe(text);
    expect(slipway('compare', 'HEAD~1', 'HEAD~1').stdout).toBe('d on bookworm: no difference\n');
    expect(slipway('lock', '-o', '../after.yaml').status).toBe(0);
    expect(slipway('compare', '../before.yaml', '../after.yaml').stdout).toBe(text);
    expect(slipway('compare', '../after.yaml', '../before.yaml').stdout).toContain(
      'removed (1)\n  extra  1.0.0\nversion down (1)\n  base  1.1.0 → 1.0.0\n',
    );
    const chosen = packagesIn(slipway('plan', '--changed-since', 'HEAD', '--json').stdout);
    expect(chosen.map((p) => [p.name, Object.keys(p.why)[0]])).toEqual([
      ['base', 'named'],
      ['check', 'named'],
      ['extra', 'named'],
    ]);
    expect(slipway('compare', 'nowhere').stderr).toBe(
      "error: the distro repository has no commit 'nowhere' [history]\n    name a branch, a tag or a commit; in a shallow clone, fetch it first\n1 error, 0 warnings\n",
    );
  });
});
