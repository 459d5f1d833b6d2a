import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { debs, discard, execute, slipway, states, workspace } from './helpers.ts';
import { writeTinyPackage } from './tiny.ts';

describe('mirror: state', () => {
  const folder = workspace('mirror');
  afterAll(() => discard(folder));

  /** With `gone` no archive answers: all URLs lead to a port without a server. */
  const describeDistro = (mirror: 'archive' | 'state', gone: boolean): void =>
    writeFileSync(
      join(folder, 'distro.yaml'),
      `organization: acme
distributions:
  tiny: { platforms: [bookworm], folders: [src], ros_version: 1 }
platforms:
  bookworm: { os: debian, release: bookworm, architectures: [amd64]${gone ? ', proxy: "http://127.0.0.1:1"' : ''} }
rosdep: [rosdep.yaml]
store: "file:${join(folder, 'store')}"
mirror: ${mirror}
`,
    );

  /** A machine that has only the store: no base, layers or packages. */
  const newMachine = (): void => {
    rmSync(join(folder, 'machine'), { recursive: true, force: true });
    rmSync(join(folder, 'out'), { recursive: true, force: true });
    mkdirSync(join(folder, 'machine'));
  };

  const built = async (): Promise<string> => {
    const to = join(folder, 'unpacked');
    rmSync(to, { recursive: true, force: true });
    await execute('dpkg-deb', ['-x', debs(folder).find((d) => d.includes('acme-tiny-app_')) ?? '', to]);
    return readFileSync(join(to, 'opt/acme/tiny/share/app/hello'), 'latin1');
  };

  it('builds again on a machine that has only the store, when no archive answers', async () => {
    writeFileSync(join(folder, 'rosdep.yaml'), 'hello: {debian: [hello]}\n');
    writeTinyPackage(folder, 'app', {
      manifest: '<depend>hello</depend>\n',
      cmake: 'install(PROGRAMS /usr/bin/hello DESTINATION share/app)',
    });
    // Built before mirroring was enabled: the packages of those roots are stored all the same.
    describeDistro('archive', false);
    const before = await slipway(['build'], folder);
    expect(before.code, before.stderr).toBe(0);
    describeDistro('state', false);
    const kept = await slipway(['build'], folder);
    expect(kept.code, kept.stderr).toBe(0);
    expect(states(folder)).toEqual({ app: 'cached' });
    const hello = await built();
    describeDistro('state', true);
    newMachine();
    const alone = await slipway(['build', '--state', 'machine', '--rebuild', 'app'], folder);
    expect(alone.code, alone.stderr).toBe(0);
    expect(states(folder)).toEqual({ app: 'built' });
    expect(await built()).toBe(hello);
  });

  it('lists its content; without it the archive is contacted', async () => {
    const listed = await slipway(['mirror', '--json'], folder);
    expect(listed.code, listed.stderr).toBe(0);
    const kept: unknown = JSON.parse(listed.stdout);
    expect(kept).toMatchObject([{ packages: 1, channels: [expect.stringMatching(/^folder-/)] }]);
    expect((await slipway(['mirror'], folder)).stdout).toMatch(/^[0-9a-f]{16} {2}\d{4}-\d\d-\d\d {2}1 packages/);
    describeDistro('archive', true);
    newMachine();
    const ran = await slipway(['build', '--state', 'machine', '--rebuild', 'app'], folder);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('base-failed');
  });
});
