import { closeSync, lstatSync, openSync, readSync } from 'node:fs';
import { sizeText } from '../model/sizes.ts';
import { run } from '../io/process.ts';

/** Most bytes of a base's archive and of its lists, unpacked. */
export const [largestBase, largestLists] = [16 * 2 ** 30, 2 ** 30];

/**
 * What is wrong with a base's archive, or with its lists; undefined if nothing is. Who runs programs while a base is
 * made may write them: a sparse file takes no disk, but the time to read it, and tar(1) and docker unpack a compressed
 * archive, which fills the disk. Archives of mmdebstrap begin with the path of `./`.
 */
export async function baseFault(tar: string, lists: string): Promise<string | undefined> {
  const found = lstatSync(tar, { throwIfNoEntry: false });
  if (!found?.isFile()) return 'its archive is no file';
  if (found.size > largestBase) return `its archive has more than ${sizeText(largestBase)}`;
  if (!isPlainTar(tar)) return 'its archive is no tar archive';
  const sized = await run('du', ['-s', '--apparent-size', '--block-size=1', '--', lists]);
  const size = Number(/^\d+/.exec(sized.stdout)?.[0] ?? NaN);
  return size <= largestLists ? undefined : `its lists have more than ${sizeText(largestLists)}`;
}

function isPlainTar(path: string): boolean {
  const handle = openSync(path, 'r');
  try {
    const head = Buffer.alloc(512);
    return readSync(handle, head) === 512 && head.toString('latin1', 0, 2) === './' && isSealed(head);
  } finally {
    closeSync(handle);
  }
}

/** tar(1) takes a first header whose checksum is wrong for a compressed archive, or none. */
function isSealed(head: Buffer): boolean {
  const told = parseInt(head.toString('latin1', 148, 156), 8);
  let sum = 8 * 0x20;
  for (const [i, byte] of head.entries()) if (i < 148 || i >= 156) sum += byte;
  return told === sum;
}
