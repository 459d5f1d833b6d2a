// npm run e2e:images: a disk with cloud-init takes its settings from a seed (NoCloud) and its address from DHCP.
// It also starts without a seed. A disk without cloud-init has an address and name servers, too.
import { execFileSync } from 'node:child_process';
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { cache, discard, example, slipway } from '../e2e/helpers.ts';
import { installTools } from '../setup.mjs';
import { boot, consoleUnit, installFirmware } from './boot.ts';

/** Tells the state of the network on the console. */
const script = `export SYSTEMD_COLORS=0
for i in $(seq 60); do resolvectl dns | grep -q '10\\.0\\.2\\.3' && break; sleep 1; done
echo "told: host $(cat /proc/sys/kernel/hostname)"
echo "told: address $(ip -4 -o address show scope global | grep -o 'inet [0-9.]*')"
echo "told: servers $(resolvectl dns | grep -o '10\\.0\\.2\\.3' | head -n 1)"
echo "told: resolver $(readlink -f /etc/resolv.conf) $(grep ^nameserver /etc/resolv.conf)"
echo "told: user $(getent passwd grace | cut -d: -f1,7)"
echo "told: key $(grep -c test-key /home/grace/.ssh/authorized_keys)"
echo "told: end"
`;
const userData = `#cloud-config
hostname: seeded
users:
  - name: grace
    shell: /bin/bash
    ssh_authorized_keys: ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIIGVz test-key"]
runcmd:
  - [sh, -c, "sh /usr/local/lib/tell-network > /dev/console 2>&1"]
`;

let folder: string;
let work: string;
let seed: string;

const imageOf = (name: string, platform: string, more: string) => `  ${name}:
    channel: nightly
    distribution: mini
    platform: ${platform}
    packages: [acme_drive]
    kinds: [disk]
    kernel: linux-image-cloud-{architecture}
    overlay: overlay
    check: [[drive, "4"]]
${more}`;

beforeAll(async () => {
  installTools(['sfdisk', 'mcopy', 'mkfs.vfat', 'qemu-img', 'qemu-system-x86_64', 'zstd']);
  installFirmware();
  work = mkdtempSync(join(cache, 'cloud-init-'));
  folder = example('cloud-init-large');
  seed = join(work, 'seed.img');
  writeFileSync(seed, '');
  truncateSync(seed, 2 << 20);
  execFileSync('mkfs.vfat', ['-n', 'CIDATA', seed], { stdio: 'ignore' });
  writeFileSync(join(work, 'user-data'), userData);
  writeFileSync(join(work, 'meta-data'), 'instance-id: seed-1\n');
  execFileSync('mcopy', ['-i', seed, join(work, 'user-data'), join(work, 'meta-data'), '::/']);
  const at = join(folder, 'overlay');
  for (const part of ['etc/systemd/system', 'usr/local/lib']) mkdirSync(join(at, part), { recursive: true });
  writeFileSync(
    join(at, 'etc/systemd/system/tell-network.service'),
    consoleUnit('test-plain', '/usr/local/lib/tell-network'),
  );
  writeFileSync(join(at, 'usr/local/lib/tell-network'), script);
  const file = join(folder, 'distro.yaml');
  const distro = readFileSync(file, 'utf8')
    .replace('platforms: [bookworm]', 'platforms: [bookworm, trixie]')
    .replace('    distribution: mini\n', '    distribution: mini\n    platform: bookworm\n');
  const plain = '    services: [tell-network.service]\n';
  const images = [
    imageOf('cloud-bookworm', 'bookworm', '    cloud_init: true\n'),
    imageOf('cloud-trixie', 'trixie', '    cloud_init: true\n'),
    imageOf('plain-bookworm', 'bookworm', plain),
    imageOf('plain-trixie', 'trixie', plain),
  ];
  writeFileSync(file, `${distro}${images.join('')}`);
  const built = await slipway(['build', '--distribution', 'mini'], folder);
  expect(built.code, built.stderr).toBe(0);
});
afterAll(async () => {
  rmSync(work, { recursive: true, force: true });
  await discard(folder);
});

/** Builds an image; returns a copy of its disk. */
async function diskOf(name: string): Promise<string> {
  const ran = await slipway(['image', 'build', name, '--local'], folder);
  expect(ran.code, ran.stderr).toBe(0);
  const packed = ran.stdout.split('\n').find((f) => f.endsWith('.raw.zst')) ?? '';
  const disk = join(work, `${name}.raw`);
  execFileSync('zstd', ['-q', '-d', '--sparse', packed, '-o', disk]);
  return disk;
}
const told = (said: string): Record<string, string> =>
  Object.fromEntries([...said.matchAll(/told: (\w+) ([^\r\n]*)/g)].map((m) => [m[1] ?? '', m[2] ?? '']));
const network = {
  address: 'inet 10.0.2.15',
  servers: '10.0.2.3',
  resolver: '/run/systemd/resolve/stub-resolv.conf nameserver 127.0.0.53',
};

describe.each(['bookworm', 'trixie'])('a disk of %s', (platform) => {
  it('has an address and name servers by DHCP', async () => {
    const disk = await diskOf(`plain-${platform}`);
    expect(told(await boot(disk, 'test-plain', /told: end/, true))).toMatchObject(network);
  });

  it('with cloud-init takes its settings from a seed, and its network by DHCP', async () => {
    const disk = await diskOf(`cloud-${platform}`);
    const used = join(work, 'seed-used.img');
    copyFileSync(seed, used);
    const said = told(await boot(disk, 'test-cloud', /told: end/, true, used));
    expect(said).toMatchObject({ ...network, host: 'seeded', user: 'grace:/bin/bash', key: '1' });
  });

  it('with cloud-init and without a seed starts as it is', async () => {
    const to = `file://${join(folder, 'published/apt')}`;
    const done = await slipway(['image', 'publish', `cloud-${platform}`, '--local', '--to', to], folder);
    expect(done.code, done.stderr).toBe(0);
  });
});
