import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { folder, write, git, manifest, slipway } from './sample-distro.ts';
import { packagesIn } from '../told-plan.ts';

describe('overrides', () => {
  const versionOf = (name: string, ...args: string[]) =>
    packagesIn(slipway('plan', '--json', ...args).stdout).find((p) => p.name === name);

  it('accept a folder as it is, a branch, and a pull request, several at once', () => {
    git('core', 'checkout', '-qb', 'feature');
    write('core/base/package.xml', manifest('base', '', '2.0.0'));
    git('core', 'commit', '-qam', 'feature');
    git('core', 'checkout', '-q', 'main');
    git('apps', 'checkout', '-qb', 'request');
    write('apps/app/package.xml', manifest('app', '<depend>lib</depend>\n', '3.0.0'));
    git('apps', 'commit', '-qam', 'request');
    git('apps', 'update-ref', 'refs/pull/7/merge', 'HEAD');
    git('apps', 'checkout', '-q', 'main');
    expect(versionOf('base', '--override', 'core@feature')?.version).toBe('2.0.0');
    expect([
      versionOf('app', '--override', 'apps#7', '--override', 'core@feature')?.version,
      versionOf('base', '--override', 'apps#7', '--override', 'core@feature')?.version,
    ]).toEqual(['3.0.0', '2.0.0']);
    execFileSync('cp', ['-r', join(folder, 'core'), join(folder, 'mine')]);
    write('mine/lib/package.xml', manifest('lib', '', '5.0.0'));
    write('mine/new/package.xml', manifest('new', ''));
    expect(versionOf('lib', '--override', 'core=../mine')).toMatchObject({
      version: '5.0.0',
      source: { url: join(folder, 'mine') },
    });
    expect(versionOf('new', '--override', 'core=../mine')?.version).toBe('1.0.0');
    expect(versionOf('base')?.version).toBe('1.0.0');
  });

  it('are refused if they name nothing, all at once', () => {
    expect(
      slipway(
        'plan',
        '--override',
        'core=/no/where',
        '--override',
        'x',
        '--override',
        'core@--upload-pack=id',
        '--override',
        'apps#x',
      ).stderr,
    ).toBe(`error: --override core=/no/where: there is no such folder [override-invalid]
    NAME=FOLDER, NAME@BRANCH or NAME#PULL_REQUEST
error: --override x: not of a known form [override-invalid]
    NAME=FOLDER, NAME@BRANCH or NAME#PULL_REQUEST
error: --override core@--upload-pack=id: that is no branch, tag or commit [override-invalid]
    NAME=FOLDER, NAME@BRANCH or NAME#PULL_REQUEST
error: --override apps#x: a pull request is a number [override-invalid]
    NAME=FOLDER, NAME@BRANCH or NAME#PULL_REQUEST
4 errors, 0 warnings
`);
    expect(slipway('plan', '--override', 'coer@main').stderr).toContain(
      "--override: no distribution has a repository 'coer' [selection]\n    did you mean 'core'?",
    );
    expect(slipway('plan', '--override', 'apps#8').stderr).toContain(
      'has no merge commit of the pull request 8 [source-ref]',
    );
  });
});
