import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { discard, shareState, workspace } from '../e2e/helpers.ts';
import { writeTiny } from '../e2e/tiny.ts';
import { jenkins, makeKey, type Built } from './built.ts';

const images = z.object({ images: z.array(z.object({ image: z.string(), kind: z.string(), file: z.string() })) });

describe('distroPipeline(images: …)', () => {
  const folder = workspace('jenkins-images');
  const distro = join(folder, 'distro');
  let count = 0;
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Acme', '-c', 'user.email=robots@example.org', ...args], { cwd: distro });
  const commit = (hook: string) => {
    writeTiny(
      distro,
      { tool: {} },
      `store: file:${join(folder, 'store')}\nimages:\n  robot: {channel: nightly, packages: [tool], kinds: [rootfs], hook: hook.sh}\n`,
    );
    writeFileSync(join(distro, 'hook.sh'), `#!/bin/sh\n${hook}\n`, { mode: 0o755 });
    git('add', '.');
    git('commit', '-qm', 'change');
  };
  const nightly = (build: Record<string, unknown> = {}) =>
    jenkins(folder, `${++count}`, {
      jenkinsfile: `distroPipeline(images: ['robot'], repository: '${join(folder, 'apt')}', signingKey: 'key')`,
      credentials: { key: { content: readFileSync(join(folder, 'key.asc'), 'utf8') } },
      scmUrl: distro,
      scmRef: 'refs/heads/main',
      job: 'distro',
      agents: [{ name: 'one', labels: 'slipway amd64', env: { XDG_STATE_HOME: join(folder, 'one') } }],
      env: { BRANCH_NAME: 'main', BRANCH_IS_PRIMARY: 'true', JOB_NAME: 'acme/distro/main' },
      ...build,
    });
  const ended = (b: Built, result: string) =>
    expect(b.result, `${b.failure}\n${b.trace}\n${b.log.slice(-6000)}`).toBe(result);
  const published = () => {
    const index = readFileSync(join(folder, 'apt/nightly/images/index.json'), 'utf8');
    return images.parse(JSON.parse(index)).images;
  };

  beforeAll(() => {
    shareState(join(folder, 'one/slipway'));
    makeKey(folder);
    mkdirSync(distro);
    git('init', '-q', '-b', 'main', '.');
    commit('test -e /opt/acme/tiny/share/tool/package.xml');
  });
  afterAll(() => discard(folder));

  it('a nightly builds images of what it published, and publishes them', async () => {
    const b = await nightly();
    ended(b, 'SUCCESS');
    expect(b.log.indexOf('{ (Images)')).toBeGreaterThan(b.log.indexOf('{ (Publish)'));
    expect(published()).toMatchObject([{ image: 'robot', kind: 'rootfs' }]);
    expect(readdirSync(join(folder, 'apt/nightly/images'))).toContain(published()[0]?.file);
  });

  it('an image whose hook fails is not published, and fails the build; packages stay published', async () => {
    const before = published();
    commit('echo no license >&2; exit 3');
    const b = await nightly();
    ended(b, 'FAILURE');
    expect(b.log).toContain('no license');
    expect(published()).toEqual(before);
    expect(readFileSync(join(folder, 'apt/nightly/apt/dists/bookworm-tiny/InRelease'), 'utf8')).toContain('Suite:');
  });

  it('a pull request builds no image', async () => {
    git('checkout', '-q', '-b', 'request');
    commit('true');
    git('checkout', '-q', 'main');
    const env = { CHANGE_ID: '3', CHANGE_TARGET: 'main', BRANCH_NAME: 'PR-3', JOB_NAME: 'acme/distro/PR-3' };
    const b = await nightly({ scmRef: 'refs/heads/request', env });
    ended(b, 'SUCCESS');
    expect(b.log).not.toContain('{ (Images)');
  });
});
