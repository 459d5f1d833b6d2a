import { hostName, installPrefix } from '../model/names.ts';
import { hasBios, type ImageSpec } from '../model/images.ts';
import type { Facts } from './facts.ts';
import { tarOf } from './tar-writer.ts';
import { isSplit, splitPackages, sysupdate, updateTools } from './sysupdate.ts';
import type { ImageTarget } from './target.ts';
import { scripts } from './scripts.ts';

/** System packages in every image besides those that distro.yaml names. */
export const systemNames = (spec: ImageSpec): string[] =>
  [
    ...new Set([
      ...spec.system,
      ...(spec.locale.startsWith('C') ? [] : ['locales']),
      ...(spec.timezone === 'Etc/UTC' ? [] : ['tzdata']),
      ...(spec.users.some((u) => u.sudo) ? ['sudo'] : []),
      ...(spec.users.some((u) => u.keys.length) ? ['openssh-server'] : []),
    ]),
  ].sort();

/** The kernel package's name in the platform's archive. */
export const kernelName = ({ spec, target }: ImageTarget): string =>
  (spec.kernel ?? (target.os === 'ubuntu' ? 'linux-image-generic' : 'linux-image-{architecture}')).replaceAll(
    '{architecture}',
    target.architecture,
  );

/**
 * Releases whose package systemd contains systemd-resolved and systemd-boot, which are packages of their own in later
 * ones. None of these releases has systemd-repart.
 */
const oneSystemd = ['buster', 'bullseye', 'bionic', 'focal', 'jammy'];

/** Whether a release has no systemd-repart, which grows and adds the partitions of other disks. */
export const lacksRepart = ({ release }: ImageTarget['target']): boolean => oneSystemd.includes(release);

const diskTools = ['initramfs-tools', 'e2fsprogs', 'dosfstools', 'fdisk'];

const growTools = (target: ImageTarget['target']) => (lacksRepart(target) ? ['cloud-guest-utils'] : []);

/** System packages of a machine: an init system and, with its own kernel, kernel and boot loader. */
export function machineNames(image: ImageTarget, kernel: boolean): string[] {
  const { spec, target } = image;
  const ownPackages = (...names: string[]) => (oneSystemd.includes(target.release) ? [] : names);
  const split = isSplit(target) ? splitPackages : [];
  const updates = isSplit(target) && spec.partitions === 'ab' ? updateTools : [];
  return [
    'systemd-sysv',
    'udev',
    'dbus',
    'netbase',
    'iproute2',
    ...ownPackages('systemd-resolved'),
    ...(spec.cloud_init ? ['cloud-init'] : []),
    ...(kernel
      ? [...split, ...updates, ...ownPackages('systemd-boot'), kernelName(image), ...diskTools, ...growTools(target)]
      : []),
    ...(kernel && hasBios(spec) ? ['grub-pc-bin'] : []),
  ].sort();
}

/** Partition labels; root and data use them as file system labels, too. */
export const labels = { esp: 'ESP', root: 'root', data: 'data', bios: 'bios' } as const;

/** fstab of a machine with its own kernel. */
export const fstabOf = (spec: ImageSpec): string => {
  const root = `PARTLABEL=${labels.root} / ext4 defaults,x-systemd.growfs 0 1\n`;
  const esp = `PARTLABEL=${labels.esp} /boot/efi vfat umask=0077,nofail 0 2\n`;
  const data = `PARTLABEL=${labels.data} /data ext4 defaults,nofail,x-systemd.growfs 0 2\n`;
  return spec.partitions === 'ab' ? `${esp}${data}` : `${root}${esp}`;
};

const hostKeys = `[Unit]
Description=Make SSH host keys at the first start
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key
ConditionPathExists=/usr/bin/ssh-keygen
Before=ssh.service

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -A

[Install]
WantedBy=multi-user.target
`;

const check = `[Unit]
Description=Check this image in the machine that slipway starts it in
After=basic.target systemd-user-sessions.service
ConditionPathExists=/sys/class/dmi/id/product_serial

[Service]
Type=oneshot
ExecCondition=/bin/grep -q ^slipway-check- /sys/class/dmi/id/product_serial
ExecStart=/usr/lib/slipway/check
StandardOutput=tty
StandardError=tty
TTYPath=/dev/console
TimeoutStartSec=15min

[Install]
WantedBy=multi-user.target
`;

const grow = `[Unit]
Description=Grow the root to the end of the disk
ConditionVirtualization=!container
Before=slipway-check.service

[Service]
Type=oneshot
ExecStart=/usr/lib/slipway/grow

[Install]
WantedBy=multi-user.target
`;
const growUnit = 'slipway-grow.service';

const network = `[Match]
Type=ether

[Network]
DHCP=yes
`;

const growRoot = '[Partition]\nType=root\n';
const growData = `[Partition]\nType=linux-generic\nLabel=${labels.data}\n`;

/** Quotes a word for a shell. */
const quoted = (word: string): string => `'${word.replaceAll("'", "'\\''")}'`;

/** The commands of `check`, one a line, quoted for a shell. */
const checkLines = (spec: ImageSpec): string => spec.check.map((c) => `${c.map(quoted).join(' ')}\n`).join('');

/** Files and enabled units of a machine, as tar. */
export function machineFiles(facts: Facts, key: string, time: number): Buffer {
  const { image } = facts;
  const { spec } = image;
  const files = new Map<string, { data: string | Buffer; mode?: number }>();
  const unit = (name: string, data: string) => files.set(`usr/lib/systemd/system/${name}`, { data });
  unit('slipway-host-keys.service', hostKeys);
  unit('slipway-check.service', check);
  files.set('usr/lib/slipway/check', { data: scripts.check, mode: 0o755 });
  files.set('usr/lib/slipway/check.prefix', { data: `${installPrefix(facts.distro, image.distribution)}\n` });
  files.set('usr/lib/slipway/check.commands', { data: checkLines(spec) });
  if (lacksRepart(image.target)) {
    unit(growUnit, grow);
    files.set('usr/lib/slipway/grow', { data: scripts.grow, mode: 0o755 });
  }
  files.set('usr/lib/repart.d/50-slipway.conf', { data: spec.partitions === 'ab' ? growData : growRoot });
  files.set('etc/profile.d/slipway.sh', { data: '. /usr/lib/slipway/environment\n' });
  if (!spec.cloud_init) files.set('etc/systemd/network/80-slipway.network', { data: network });
  if (spec.partitions === 'ab') {
    for (const [path, data] of sysupdate(facts, key)) files.set(path, { data });
    files.set('data/.slipway', { data: `${hostName(image.name)}\n` });
  }
  return tarOf(files, time);
}
/**
 * Units enabled on a machine. cloud-init writes files of systemd-networkd, but does not start it; systemd-resolved
 * asks the name servers that DHCP gave.
 */
export const machineUnits = (target: ImageTarget['target']): readonly string[] => [
  ...(lacksRepart(target) ? [growUnit] : []),
  'slipway-host-keys.service',
  'slipway-check.service',
  'systemd-networkd.service',
  'systemd-resolved.service',
];
