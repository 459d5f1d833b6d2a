import type { ImageKind } from '../model/images.ts';
import { run } from '../io/process.ts';

/** Programs of this machine that write bytes of images, with the option that prints their version. */
const options = {
  tar: '--version',
  zstd: '--version',
  gzip: '--version',
  sfdisk: '--version',
  mke2fs: '-V',
  'mkfs.vfat': '--help',
  mcopy: '--version',
  'qemu-img': '--version',
  xz: '--version',
  mksquashfs: '-version',
} as const;
type Writer = keyof typeof options;

const disk: readonly Writer[] = ['gzip', 'mcopy', 'mke2fs', 'mkfs.vfat', 'qemu-img', 'sfdisk', 'zstd'];
const writersOf: Record<ImageKind, readonly Writer[]> = {
  docker: [],
  rootfs: ['zstd'],
  disk,
  ami: disk,
  lxd: ['mksquashfs', 'xz'],
};

/** The first line with a version that a program prints; some print it to stderr. */
export async function versionOf(writer: Writer): Promise<string> {
  const script = 'PATH=$PATH:/usr/sbin:/sbin; exec "$@" 2>&1';
  const told = await run('sh', ['-c', script, 'version', writer, options[writer]], { limit: 1 << 16 });
  const line = told.stdout.split('\n').find((l) => /\d\.\d/.test(l));
  return `${writer}: ${line?.trim().slice(0, 200) ?? 'unknown'}`;
}

/**
 * Versions of the programs that write images of these kinds, sorted. Other versions of tar and zstd give other bytes
 * for the same files, so they are part of an image's key.
 */
export async function writerVersions(kinds: readonly ImageKind[]): Promise<string[]> {
  const writers = new Set<Writer>(['tar', ...kinds.flatMap((kind) => writersOf[kind])]);
  return (await Promise.all([...writers].map(versionOf))).sort();
}
