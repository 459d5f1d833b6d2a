import type { ImageKind } from '../model/images.ts';
import { run } from '../io/process.ts';
import { imageTools } from '../sandbox/doctor.ts';

/** Options with which programs print their version, where that is not `--version`. */
const options = new Map([
  ['mke2fs', '-V'],
  ['mkfs.vfat', '--help'],
  ['mksquashfs', '-version'],
]);
const known = new Map<string, Promise<string>>();

/** The first line with a version that a program of this machine prints; some print it to stderr. Asked once a run. */
export function versionOf(program: string): Promise<string> {
  const asked = known.get(program) ?? askVersion(program);
  known.set(program, asked);
  return asked;
}

async function askVersion(program: string): Promise<string> {
  const script = 'PATH=$PATH:/usr/sbin:/sbin; exec "$@" 2>&1';
  const option = options.get(program) ?? '--version';
  const told = await run('sh', ['-c', script, 'version', program, option], { limit: 1 << 16 });
  const line = told.stdout.split('\n').find((l) => /\d\.\d/.test(l));
  return `${program}: ${line?.trim().slice(0, 200) ?? 'unknown'}`;
}

/**
 * Versions of the programs that write images of these kinds, sorted. Other versions of tar and zstd give other bytes
 * for the same files, so they are part of an image's key.
 */
export async function writerVersions(kinds: readonly ImageKind[]): Promise<string[]> {
  const programs = new Set(['tar', ...kinds.flatMap((kind) => imageTools[kind].map((tool) => tool.command))]);
  return (await Promise.all([...programs].map(versionOf))).sort();
}
