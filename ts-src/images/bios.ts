/**
 * Starting a disk by a BIOS: GRUB's first program in the first sector, the rest of it in a partition of its own without
 * a file system. Both hold numbers of sectors, which are written here, since grub-install wants a device for it
 * (grub-core/boot/i386/pc of GRUB 2 has the places).
 */

/** The type of the partition that holds GRUB. */
export const biosPartition = '21686148-6449-6e6f-744e-656564454649';

const sector = 512;
/** Where GRUB's first program ends, and the partition table begins. */
const program = 440;
const kernelSector = 0x5c;
const driveCheck = 0x66;
const blocklist = sector - 12;
/** Sectors of the partition that holds the rest. */
const most = 2048;
/** Where the rest is loaded to: behind its own first sector. */
const segment = 0x820;

/** GRUB's core as it lies from the sector `start` on; undefined where it is none. */
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

/** The first sector of a disk with GRUB's program, and the partition table that was there; undefined: it is none. */
export function bootSector(before: Buffer, boot: Buffer, start: number): Buffer | undefined {
  if (boot.length !== sector || boot.readUInt16LE(sector - 2) !== 0xaa55) return undefined;
  const made = Buffer.concat([boot.subarray(0, program), before.subarray(program, sector)]);
  made.writeBigUInt64LE(BigInt(start), kernelSector);
  // Two NOPs: the number that the BIOS gives is taken, as grub-install writes it for disks.
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
