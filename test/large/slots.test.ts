// npm run e2e:images: a disk with two slots gets a new root by file copies, as systemd-sysupdate makes them, and boots
// it; if the new root does not boot, the previous one is used.
import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { cache, discard, example, slipway } from '../e2e/helpers.ts';
import { installTools } from '../setup.mjs';
import { boot, installFirmware } from './boot.ts';

const tables = z.object({
  partitiontable: z.object({
    partitions: z.array(z.object({ start: z.number(), size: z.number(), name: z.string() })),
  }),
});

let folder: string;
let work: string;
let disk: string;
/** Files of the old image and the new one, by ending. */
const made: Record<string, string>[] = [];

async function build(hostname: string): Promise<Record<string, string>> {
  const file = join(folder, 'distro.yaml');
  writeFileSync(file, readFileSync(file, 'utf8').replace(/hostname: \w+/, `hostname: ${hostname}`));
  const ran = await slipway(['image', 'build', 'slots', '--local'], folder);
  expect(ran.code, ran.stderr).toBe(0);
  const files = ran.stdout.trim().split('\n');
  return Object.fromEntries(files.map((f) => [f.replace(/^.*?_amd64\./, ''), f]));
}

beforeAll(async () => {
  installTools(['sfdisk', 'mcopy', 'mkfs.vfat', 'qemu-img', 'qemu-system-x86_64', 'zstd']);
  installFirmware();
  work = mkdtempSync(join(cache, 'slots-'));
  disk = join(work, 'disk.raw');
  folder = example('slots-large');
  const file = join(folder, 'distro.yaml');
  writeFileSync(
    file,
    `${readFileSync(file, 'utf8')}
  slots:
    channel: nightly
    distribution: mini
    packages: [acme_drive]
    kinds: [disk]
    partitions: ab
    size: 1000M
    hostname: former
    kernel: linux-image-cloud-{architecture}
    check: [[drive, "4"], [cat, /etc/hostname], [findmnt, -n, -o, PARTLABEL, /]]
`,
  );
  expect((await slipway(['build', '--distribution', 'mini'], folder)).code).toBe(0);
  made.push(await build('former'));
  // The version of an image follows from its state.
  const rebuilt = await slipway(['build', '--distribution', 'mini', '--rebuild', 'acme_drive'], folder);
  expect(rebuilt.code, rebuilt.stderr).toBe(0);
  made.push(await build('newer'));
});
afterAll(async () => {
  rmSync(work, { recursive: true, force: true });
  await discard(folder);
});

const partitions = () =>
  tables.parse(JSON.parse(execFileSync('sfdisk', ['--json', disk], { encoding: 'utf8' }))).partitiontable.partitions;
const versionOf = (files: Record<string, string>) => /slots_([^_]+)_amd64/.exec(files.conf ?? '')?.[1] ?? '';
/** The disk's ESP in the notation of mtools. */
const esp = () => `${disk}@@${(partitions()[0]?.start ?? 0) * 512}`;
const entries = () =>
  execFileSync('mdir', ['-b', '-i', esp(), '::/loader/entries'], { encoding: 'utf8' }).trim().split('\n').sort();

it('boots the slot that a file was copied into', async () => {
  const [former = {}, newer = {}] = made;
  execFileSync('zstd', ['-q', '-d', '--sparse', former['raw.zst'] ?? '', '-o', disk]);
  // The device is larger than the image.
  truncateSync(disk, statSync(disk).size + 2 ** 30);
  expect(partitions().map((p) => p.name)).toEqual(['ESP', `slots_${versionOf(former)}`, '_empty', 'data']);
  const slot = partitions()[2];
  const root = join(work, 'root.raw');
  execFileSync('sh', ['-c', 'gzip -dc < "$1" > "$2"', 'sh', newer['root.raw.gz'] ?? '', root]);
  execFileSync('dd', [
    `if=${root}`,
    `of=${disk}`,
    'bs=1M',
    `seek=${(slot?.start ?? 0) / 2048}`,
    'conv=notrunc',
    'status=none',
  ]);
  rmSync(root);
  const name = `slots_${versionOf(newer)}`;
  execFileSync('sfdisk', ['--quiet', '--no-reread', '--no-tell-kernel', '--part-label', disk, '3', name]);
  for (const [ending, to] of [
    ['vmlinuz', `slipway/${name}.vmlinuz`],
    ['initrd', `slipway/${name}.initrd`],
    ['conf', `loader/entries/${name}+3.conf`],
  ] as const)
    execFileSync('mcopy', ['-i', esp(), newer[ending] ?? '', `::/${to}`]);
  const said = await boot(disk, 'slipway-check-slots', /slipway-check: (passed|failed) slots/);
  expect(said).toContain('slipway-check: passed slots');
  expect(Number(/slipway-check: \/data has (\d+) MiB/.exec(said)?.[1])).toBeGreaterThan(1024);
  expect(said).toMatch(/^newer\r?$/m);
  expect(said).toContain(`${name}\r\n`);
  // Boot counting: it was tried once, or marked as good.
  const [entry = ''] = entries().filter((e) => e.includes(name));
  expect(entry).toMatch(/(\+2-1|[0-9a-f]{8})\.conf$/);
});

it('uses the previous root again if the new one does not boot', async () => {
  const [former = {}, newer = {}] = made;
  const slot = partitions()[2];
  execFileSync('dd', [
    'if=/dev/zero',
    `of=${disk}`,
    'bs=1M',
    `seek=${(slot?.start ?? 0) / 2048}`,
    'count=64',
    'conv=notrunc',
    'status=none',
  ]);
  // As after an update, with two tries used up.
  for (const entry of entries().filter((e) => e.includes(versionOf(newer)))) execFileSync('mdel', ['-i', esp(), entry]);
  execFileSync('mcopy', ['-i', esp(), newer.conf ?? '', `::/loader/entries/slots_${versionOf(newer)}+1-2.conf`]);
  const said = await boot(disk, 'slipway-check-slots', /slipway-check: (passed|failed) slots/);
  expect(said).toContain('Rebooting automatically due to panic= boot argument');
  expect(said).toMatch(/^former\r?$/m);
  expect(said).toContain(`slots_${versionOf(former)}\r\n`);
  expect(entries().some((e) => e.includes(`${versionOf(newer)}+0-3.conf`))).toBe(true);
});
