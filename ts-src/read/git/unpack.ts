import { closeSync, mkdirSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';
import { environmentFault } from '../../io/faults.ts';
import { longestFetch, tookTooLong } from '../../io/patience.ts';
import { programFault, run, type Outcome } from '../../io/process.ts';
import { bad, error, good, type Result } from '../../model/diagnostics.ts';
import { archiveFault, noPassword, readingArchive } from './archive-size.ts';
import { diskWasFull } from './process.ts';

type ArchiveType = 'tar' | 'zip';

/** The type of an archive by its first bytes; tar finds out itself how a tar archive is compressed. */
export function archiveType(file: string): ArchiveType {
  const handle = openSync(file, 'r');
  try {
    const begin = Buffer.alloc(4);
    readSync(handle, begin);
    return /^PK(?:\x03\x04|\x05\x06)$/.test(begin.toString('latin1')) ? 'zip' : 'tar';
  } finally {
    closeSync(handle);
  }
}

/**
 * The first message of a program, which tells the cause; tar's last one only says that there were others. unzip writes
 * the name of the archive in a line before its message.
 */
const firstLine = ({ stderr, stdout, signal, code }: Outcome): string =>
  (stderr.trim() || stdout.trim())
    .split('\n')
    .map((line) => line.trim())
    .find((line) => line !== '' && !/^\[.*\]$/.test(line)) || `it ended with ${signal ?? code}`;

/** Whether unzip met a full disk. Its exit code is the same for a name that the file system does not take. */
const zipFilledDisk = ({ code, stderr }: Outcome): boolean => code === 50 && !/error: +cannot create/.test(stderr);

/** Why a program that unpacks into `folder` failed. */
function unpackFault(url: string, type: ArchiveType, folder: string, o: Outcome): Result<never> {
  const said = type === 'zip' && zipFilledDisk(o) ? { ...o, stderr: 'No space left on device' } : o;
  return diskWasFull(said)
    ? bad(error('source-store', `can't unpack ${url}: ${environmentFault(programFault('unpacking', folder, said))}`))
    : bad(error('source-archive', `can't unpack ${url}: ${firstLine(o)}`));
}

/**
 * Unpacks an archive that may be hostile into a new folder. Returns the folder with its content: the only top-level
 * folder, if there is nothing beside it. `url` is for messages.
 */
export async function unpackArchive(
  file: string,
  type: ArchiveType,
  url: string,
  folder: string,
): Promise<Result<string>> {
  mkdirSync(folder);
  const signal = AbortSignal.timeout(longestFetch);
  const late = (): Result<never> => bad(error('source-archive', `can't unpack ${url}: it ${tookTooLong}`));
  const fits = await archiveFault(file, type, undefined, signal);
  if (signal.aborted) return late();
  if (fits !== undefined) return bad(error('source-archive', `${url} ${fits}`));
  const unpacked =
    type === 'zip'
      ? // Its times have no zone: they would differ between machines.
        await readingArchive(['env', 'TZ=UTC0', 'unzip', '-q', ...noPassword, file, '-d', folder], signal)
      : await readingArchive(
          ['tar', '-x', '--no-same-owner', '--no-same-permissions', '-f', file, '-C', folder],
          signal,
        );
  await openFolders(folder);
  if (signal.aborted) return late();
  if (unpacked.code !== 0) return unpackFault(url, type, folder, unpacked);
  const special = await specialFile(folder);
  if (special !== undefined)
    return bad(error('source-archive', `${url} contains ${special}, which is no file, folder or link`));
  const [top, ...others] = readdirSync(folder, { withFileTypes: true });
  return good(top?.isDirectory() && !others.length ? join(folder, top.name) : folder);
}

/** Gives the owner all rights on folders: a plain user could not read or remove what lies in others. */
const openFolders = (folder: string): ReturnType<typeof run> =>
  run('find', [folder, '-type', 'd', '!', '-perm', '-0700', '-exec', 'chmod', 'u+rwx', '{}', ';']);

/** A FIFO, socket or device below a folder: git would read one named `.gitignore` without end. */
const specialFile = (folder: string): Promise<string | undefined> =>
  firstBelow(folder, ['!', '-type', 'f', '!', '-type', 'd', '!', '-type', 'l']);

/** The relative path of the first thing below a folder that passes tests of find(1), shortened for messages. */
export async function firstBelow(folder: string, tests: readonly string[]): Promise<string | undefined> {
  const found = await run('find', [folder, ...tests, '-printf', '%P', '-quit'], { limit: 1 << 16 });
  return found.stdout === '' ? undefined : found.stdout.slice(0, 200);
}
