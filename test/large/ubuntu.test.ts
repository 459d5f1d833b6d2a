// npm run e2e:ubuntu: Ubuntu as a platform, in images, and as the host. The archive is the one that mmdebstrap uses.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keyrings } from '../../ts-src/sandbox/archive.ts';
import { cache, discard, example, root as repository, slipway, states } from '../e2e/helpers.ts';
import { installTools } from '../setup.mjs';
import { installFirmware } from './boot.ts';
import { cloneInto, makeRoot, runIn } from './fresh-root.mjs';

const keyring = keyrings.ubuntu;

beforeAll(() => {
  if (existsSync(keyring)) return;
  try {
    execFileSync('apt-get', ['install', '-y', '-q', 'ubuntu-keyring'], { stdio: 'ignore' });
  } catch {
    throw new Error(`${keyring} is missing, and this release has no package of it: copy it from an Ubuntu machine`);
  }
});

/** The example for this release only, with an image for each kind that needs no service of its own. */
function exampleFor(release: string): string {
  const folder = example(`ubuntu-${release}`);
  const file = join(folder, 'distro.yaml');
  const [before = '', after = ''] = readFileSync(file, 'utf8').split(/^platforms:\n[^]*?^(?=rosdep:)/m);
  const mini = before.replace('platforms: [bookworm]', `platforms: [${release}]`).replace(/^ {2}classic:[^]*/m, '');
  const platforms = `platforms:\n  ${release}: {os: ubuntu, release: ${release}, architectures: [amd64]}\n`;
  writeFileSync(
    file,
    `${mini}${platforms}${after}
  machine:
    channel: nightly
    distribution: mini
    packages: [acme_drive]
    kinds: [disk]
    boot: [uefi, bios]
    check: [[drive, "4"]]
`,
  );
  return folder;
}

describe.each(['focal', 'jammy', 'noble'])('for Ubuntu %s', (release) => {
  let folder: string;
  beforeAll(() => {
    installTools(['sfdisk', 'mcopy', 'mkfs.vfat', 'qemu-img', 'qemu-system-x86_64', 'mksquashfs']);
    installFirmware();
    folder = exampleFor(release);
  });
  afterAll(() => discard(folder));

  it('packages are built, and their tests pass', async () => {
    const built = await slipway(['build'], folder);
    expect(built.code, built.stderr).toBe(0);
    const tested = await slipway(['test'], folder);
    expect(tested.code, tested.stderr).toBe(0);
    expect(states(folder)).toMatchObject({ acme_drive: 'cached', acme_teleop: 'cached' });
  });

  it('images are made', async () => {
    const made = await slipway(['image', 'build', 'robot', '--local'], folder);
    expect(made.code, made.stderr).toBe(0);
    expect(made.stdout).toContain('.docker.tar');
  });

  it('a disk starts by UEFI and by a BIOS, and runs its check', async () => {
    const made = await slipway(['image', 'build', 'machine', '--local'], folder);
    expect(made.code, made.stderr).toBe(0);
    const to = `file://${join(folder, 'published/apt')}`;
    const published = await slipway(['image', 'publish', 'machine', '--local', '--to', to], folder);
    expect(published.code, published.stderr).toBe(0);
    expect(published.stderr).toContain("starting the disk image of 'machine'");
  });
});

describe('on a fresh Ubuntu noble', () => {
  let made: ReturnType<typeof makeRoot>;
  let logs: string;
  beforeAll(() => {
    logs = mkdtempSync(join(cache, 'ubuntu-'));
    made = makeRoot('noble', ['git', 'nodejs'], 'ubuntu');
    cloneInto(made.root, repository, '/home/slipway');
  });
  afterAll(() => {
    made.remove();
    rmSync(logs, { recursive: true, force: true });
  });

  it("README's first command builds the example", async () => {
    const log = join(logs, 'build.log');
    const code = await runIn(made.root, '/home/slipway', ['examples/robot/build.sh'], openSync(log, 'w'));
    expect(code, readFileSync(log, 'utf8')).toBe(0);
    expect(readFileSync(log, 'utf8')).toMatch(/10 packages in .*: 10 built/);
  });
});
