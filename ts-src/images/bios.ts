/**
 * BIOS boot: GRUB's first program lies in the first sector; the rest lies in a partition of its own without a file
 * system. Both contain sector numbers, which are written here because grub-install needs a block device. Offsets:
 * grub-core/boot/i386/pc of GRUB 2.
 */

/** The type of the partition that holds GRUB. */
export const biosPartition = '21686148-6449-6e6f-744e-656564454649';

const sector = 512;
/** End of GRUB's first program; the partition table begins here. */
const program = 440;
const kernelSector = 0x5c;
const driveCheck = 0x66;
const blocklist = sector - 12;
/** Size in sectors of the partition for the rest of GRUB. */
const most = 2048;
/** Memory segment where the rest is loaded, after its own first sector. */
const segment = 0x820;

/** Patches GRUB's core image for the sector `start`; undefined if it is not a core image. */
export function placedCore(core: Buffer, start: number): Buffer | undefined {
  const count = Math.ceil(core.length / sector);
  if (count < 2 || count > most || core.readUInt16LE(sector - 2) !== segment) return undefined;
  const placed = Buffer.alloc(count * sector);
  core.copy(placed);
  placed.writeBigUInt64LE(BigInt(start + 1), blocklist);
  placed.writeUInt16LE(count - 1, blocklist + 8);
  placed.writeUInt16LE(segment, blocklist + 10);
  return placed;
}

/** The boot sector: GRUB's program with the disk's partition table. Undefined if `boot` is not GRUB's. */
export function bootSector(before: Buffer, boot: Buffer, start: number): Buffer | undefined {
  if (boot.length !== sector || boot.readUInt16LE(sector - 2) !== 0xaa55) return undefined;
  const made = Buffer.concat([boot.subarray(0, program), before.subarray(program, sector)]);
  made.writeBigUInt64LE(BigInt(start), kernelSector);
  // Two NOPs: use the drive number from the BIOS, as grub-install does for hard disks.
  made.writeUInt16LE(0x9090, driveCheck);
  return made;
}

/** GRUB's menu in the ESP. */
export const grubMenu = (title: string, version: string, options: string): string =>
  [
    'set timeout=1',
    'set gfxpayload=text',
    `menuentry '${title}' {`,
    `  linux /slipway/${version}.vmlinuz ${options}`,
    `  initrd /slipway/${version}.initrd`,
    '}',
    '',
  ].join('\n');
