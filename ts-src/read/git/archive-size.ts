import { run, TooMuch, type Outcome } from '../../io/process.ts';

interface Size {
  bytes: number;
  files: number;
}

/** Limits of an archive's unpacked content. */
const largest: Size = { bytes: 2 * 2 ** 30, files: 500_000 };

/**
 * Memory limit in KiB for programs that read an archive: one with a header that claims a name of gigabytes would
 * exhaust memory.
 */
const memory = 4 << 20;

/** Wraps a program that reads an untrusted archive, until `signal`: a small one may take days to unpack. */
export const readingArchive = (
  command: readonly string[],
  signal?: AbortSignal,
  onOutput?: (chunk: Buffer) => void,
): ReturnType<typeof run> =>
  run('sh', ['-c', `ulimit -v ${memory}; exec "$@"`, 'sh', ...command], {
    signal,
    ...(onOutput ? { onOutput } : {}),
  });

/** Gives unzip a password, because it asks the terminal for that of an encrypted file. */
export const noPassword = ['-P', 'none'];

const tooLarge = (what: string, most: Size): TooMuch =>
  new TooMuch(`would unpack to ${what}; at most ${most.files} files of ${gigabytes(most.bytes)} are taken`);

const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Why an archive may not be unpacked: it is too large. Stops reading at the limit. */
export async function archiveFault(
  file: string,
  type: string,
  most = largest,
  signal?: AbortSignal,
): Promise<string | undefined> {
  try {
    await (type === 'zip' ? measureZip(file, most, signal) : measureTar(file, most, signal));
    return undefined;
  } catch (e) {
    if (e instanceof TooMuch) return e.message;
    throw e;
  }
}

/** Sums up the sizes that tar lists, before it reads a member's content. */
async function measureTar(file: string, most: Size, signal?: AbortSignal): Promise<Outcome> {
  let files = 0;
  let bytes = 0;
  let rest = '';
  return readingArchive(['tar', '-t', '-v', '--numeric-owner', '-f', file], signal, (chunk) => {
    const lines = (rest + chunk.toString('latin1')).split('\n');
    rest = (lines.pop() ?? '').slice(0, 1000);
    for (const line of lines) {
      files++;
      bytes += Number(/^\S+ +\S+ +(\d+) /.exec(line)?.[1] ?? 0);
      if (files > most.files) throw tooLarge(`more than ${most.files} files`, most);
      if (bytes > most.bytes) throw tooLarge(`${files} files of ${gigabytes(bytes)}`, most);
    }
  });
}

/** The sizes in a zip archive's list may be false, so its files are also decompressed to measure them. */
async function measureZip(file: string, most: Size, signal?: AbortSignal): Promise<void> {
  const listed = await readingArchive(['unzip', '-Zt', file], signal);
  const m = /(\d+) files?, (\d+) bytes/.exec(listed.stdout);
  const [files, unpacked] = [Number(m?.[1] ?? 0), Number(m?.[2] ?? 0)];
  if (files > most.files || unpacked > most.bytes) throw tooLarge(`${files} files of ${gigabytes(unpacked)}`, most);
  let bytes = 0;
  await readingArchive(['unzip', '-p', ...noPassword, file], signal, (chunk) => {
    bytes += chunk.length;
    if (bytes > most.bytes) throw tooLarge(`more than ${gigabytes(most.bytes)}`, most);
  });
}
