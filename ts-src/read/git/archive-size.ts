import { run, TooMuch, type Outcome } from '../../io/process.ts';

interface Size {
  bytes: number;
  files: number;
}

/** What an archive may unpack to at most. */
const largest: Size = { bytes: 2 * 2 ** 30, files: 500_000 };

/** KiB that a program may take to read one: a name in it may claim to be of gigabytes. */
const memory = 4 << 20;

/** A program that reads an archive which anybody may have made. */
export const readingArchive = (
  command: readonly string[],
  onOutput?: (chunk: Buffer) => void,
): ReturnType<typeof run> =>
  run('sh', ['-c', `ulimit -v ${memory}; exec "$@"`, 'sh', ...command], onOutput ? { onOutput } : {});

const tooLarge = (what: string, most: Size): TooMuch =>
  new TooMuch(`would unpack to ${what}; at most ${most.files} files of ${gigabytes(most.bytes)} are taken`);

const gigabytes = (bytes: number): string => `${(bytes / 2 ** 30).toFixed(1)} GiB`;

/** Why an archive is not unpacked: it would fill the disk. What it has too much is read no further. */
export async function archiveFault(file: string, type: string, most = largest): Promise<string | undefined> {
  try {
    await (type === 'zip' ? measureZip(file, most) : measureTar(file, most));
    return undefined;
  } catch (e) {
    if (e instanceof TooMuch) return e.message;
    throw e;
  }
}

/** Adds up what tar says of each member as it comes to it, before it reads what the member holds. */
async function measureTar(file: string, most: Size): Promise<Outcome> {
  let files = 0;
  let bytes = 0;
  let rest = '';
  return readingArchive(['tar', '-t', '-v', '--numeric-owner', '-f', file], (chunk) => {
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

/** What a zip archive's list says of sizes may be false: so its files are unpacked to nowhere, too. */
async function measureZip(file: string, most: Size): Promise<void> {
  const listed = await readingArchive(['unzip', '-Zt', file]);
  const m = /(\d+) files?, (\d+) bytes/.exec(listed.stdout);
  const [files, told] = [Number(m?.[1] ?? 0), Number(m?.[2] ?? 0)];
  if (files > most.files || told > most.bytes) throw tooLarge(`${files} files of ${gigabytes(told)}`, most);
  let bytes = 0;
  await readingArchive(['unzip', '-p', file], (chunk) => {
    bytes += chunk.length;
    if (bytes > most.bytes) throw tooLarge(`more than ${gigabytes(most.bytes)}`, most);
  });
}
