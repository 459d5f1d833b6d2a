// npm run e2e:images: systemd-sysupdate of Debian 13 finds a published version in a booted machine, verifies it, and
// installs it in the slot that is not running; the machine then starts it. The disk's device is larger than the image.
import { execFileSync } from 'node:child_process';
import {
  createReadStream,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { cache, discard, example, slipway } from '../e2e/helpers.ts';
import { installTools } from '../setup.mjs';
import { boot, consoleUnit, installFirmware } from './boot.ts';

const tables = z.object({
  partitiontable: z.object({ partitions: z.array(z.object({ name: z.string(), start: z.number() })) }),
});

/** Lists and installs what the channel has. */
const script = `tool=/usr/lib/systemd/systemd-sysupdate
for i in $(seq 60); do ip -4 route show default | grep -q . && break; sleep 1; done
export SYSTEMD_COLORS=0
$tool --no-pager list
$tool update
echo "update ended with $?"
systemctl --no-block poweroff
`;

let folder: string;
let work: string;
let disk: string;
/** Files of the old image and the new one, by ending. */
const made: Record<string, string>[] = [];
const requested: string[] = [];

/** Serves what was published. A robot reaches it over the network of qemu. */
const server = createServer((request, response) => {
  const path = new URL(request.url ?? '', 'http://localhost').pathname;
  requested.push(path);
  const file = createReadStream(join(folder, 'published', path));
  file.once('error', () => response.writeHead(404).end());
  file.once('open', () => {
    response.writeHead(200, { 'content-length': statSync(file.path).size });
    file.pipe(response);
  });
});

async function build(hostname: string): Promise<Record<string, string>> {
  const file = join(folder, 'distro.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/hostname: \w+/, `hostname: ${hostname}`));
  const ran = await slipway(['image', 'build', 'slots', '--local'], folder);
  expect(ran.code, ran.stderr).toBe(0);
  return Object.fromEntries(
    ran.stdout
      .trim()
      .split('\n')
      .map((f) => [f.replace(/^.*?_amd64\./, ''), f]),
  );
}

beforeAll(async () => {
  installTools(['sfdisk', 'mcopy', 'mkfs.vfat', 'qemu-img', 'qemu-system-x86_64', 'zstd']);
  installFirmware();
  work = mkdtempSync(join(cache, 'sysupdate-'));
  disk = join(work, 'disk.raw');
  folder = example('sysupdate-large');
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', () => resolve()));
  const address = server.address();
  const port = typeof address === 'object' && address ? address.port : 0;
  const at = join(folder, 'overlay');
  for (const part of ['etc/systemd/system', 'usr/local/lib']) mkdirSync(join(at, part), { recursive: true });
  writeFileSync(
    join(at, 'etc/systemd/system/try-update.service'),
    consoleUnit('test-update', '/usr/local/lib/try-update'),
  );
  writeFileSync(join(at, 'usr/local/lib/try-update'), script);
  const file = join(folder, 'distro.yaml');
  writeFileSync(
    file,
    `${readFileSync(file, 'utf8').replace('platforms: [bookworm]', 'platforms: [trixie]')}
  slots:
    channel: nightly
    distribution: mini
    packages: [acme_drive]
    kinds: [disk]
    apt: http://10.0.2.2:${port}/apt
    partitions: ab
    size: 1200M
    hostname: former
    kernel: linux-image-cloud-{architecture}
    overlay: overlay
    services: [try-update.service]
    check: [[drive, "4"], [cat, /etc/hostname], [findmnt, -n, -o, PARTLABEL, /]]
`,
  );
  const built = await slipway(['build', '--distribution', 'mini'], folder);
  expect(built.code, built.stderr).toBe(0);
  made.push(await build('former'));
  // The version of an image follows from its state.
  const rebuilt = await slipway(['build', '--distribution', 'mini', '--rebuild', 'acme_drive'], folder);
  expect(rebuilt.code, rebuilt.stderr).toBe(0);
  made.push(await build('newer'));
});
afterAll(async () => {
  server.close();
  server.closeAllConnections();
  rmSync(work, { recursive: true, force: true });
  await discard(folder);
});

const partitions = () =>
  tables.parse(JSON.parse(execFileSync('sfdisk', ['--json', disk], { encoding: 'utf8' }))).partitiontable.partitions;
const versionOf = (files: Record<string, string>) => /slots_([^_]+)_amd64/.exec(files.conf ?? '')?.[1] ?? '';

it('is published with checksums that the key of the channel signs, after its data grew in a larger disk', async () => {
  const to = `file://${join(folder, 'published/apt')}`;
  const done = await slipway(['image', 'publish', 'slots', '--local', '--to', to], folder);
  expect(done.code, done.stderr).toBe(0);
  execFileSync('sha256sum', ['--check', '--strict', '--quiet', 'SHA256SUMS'], {
    cwd: join(folder, 'published/images'),
  });
});

it('is installed by systemd-sysupdate in the other slot', async () => {
  const [former = {}, newer = {}] = made;
  execFileSync('zstd', ['-q', '-d', '--sparse', former['raw.zst'] ?? '', '-o', disk]);
  truncateSync(disk, statSync(disk).size + 2 ** 30);
  // The other slot has a version that did not start: it is replaced, and not the older one, which is running.
  const failed = `slots_${versionOf(former).replace(/-.*/, '-99999999999')}`;
  execFileSync('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', '--part-label', disk, '3', failed]);
  const esp = `${disk}@@${(partitions()[0]?.start ?? 0) * 512}`;
  for (const [ending, to] of [
    ['vmlinuz', `slipway/${failed}.vmlinuz`],
    ['initrd', `slipway/${failed}.initrd`],
    ['conf', `loader/entries/${failed}+0-3.conf`],
  ] as const)
    execFileSync('mcopy', ['-i', esp, former[ending] ?? '', `::/${to}`]);
  const said = await boot(disk, 'test-update', /reboot: Power down/, true);
  expect(said).toContain('update ended with 0');
  expect(said).toMatch(new RegExp(`${versionOf(newer)}.*candidate`));
  expect(said).toMatch(new RegExp(`${versionOf(former)}.*protected`));
  expect(said).toContain('Signature verification succeeded');
  expect(partitions().map((p) => p.name)).toEqual([
    'ESP',
    `slots_${versionOf(former)}`,
    `slots_${versionOf(newer)}`,
    'data',
  ]);
});

it('is what the machine starts then', async () => {
  const [, newer = {}] = made;
  const said = await boot(disk, 'slipway-check-slots', /slipway-check: (passed|failed) slots/);
  expect(said).toContain('slipway-check: passed slots');
  expect(Number(/slipway-check: \/data has (\d+) MiB/.exec(said)?.[1])).toBeGreaterThan(1024);
  expect(said).toMatch(/^newer\r?$/m);
  expect(said).toContain(`slots_${versionOf(newer)}\r\n`);
});
