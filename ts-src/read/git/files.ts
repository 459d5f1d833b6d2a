import { bad, error, good, type Result } from '../../model/diagnostics.ts';
import { sizeText } from '../../model/sizes.ts';
import { withMutex } from '../../io/mutex.ts';
import { run } from '../../io/process.ts';
import { utf8Text } from '../../io/utf8.ts';
import { git, local, patiently, storeFault, unreachable, type Remote, type Reporter } from './process.ts';
import { tooLarge } from './tree.ts';

/** Limit for all manifests of a repository, in bytes. */
const largestTexts = 64 << 20;

/** The missing ones among these blobs, and the total size of the others. */
async function lookFor(
  gitDir: string,
  { url }: Remote,
  blobs: readonly string[],
): Promise<Result<{ missing: string[]; bytes: number }>> {
  const checked = await git([...local, 'cat-file', '--batch-check'], { gitDir, input: `${blobs.join('\n')}\n` });
  if (checked.code !== 0) return bad(storeFault(`can't look for files of ${url}`, checked, gitDir));
  const missing = new Set<string>();
  let bytes = 0;
  for (const line of checked.stdout.split('\n')) {
    const [object = '', kind, size] = line.split(' ');
    if (kind === 'missing') missing.add(object);
    else bytes += Number(size) || 0;
  }
  return good({ missing: [...missing], bytes });
}

/** Fetches missing blobs in one request. Returns the total size of all. */
export async function fetchBlobs(gitDir: string, remote: Remote, blobs: readonly string[]): Promise<Result<number>> {
  if (!blobs.length) return good(0);
  const looked = await lookFor(gitDir, remote, blobs);
  if (!looked.ok) return looked;
  const { missing } = looked.value;
  if (!missing.length) return good(looked.value.bytes);
  const got = await patiently(
    () => [
      '-c',
      'fetch.negotiationAlgorithm=noop',
      'fetch',
      '--quiet',
      '--no-tags',
      '--no-write-fetch-head',
      '--recurse-submodules=no',
      '--filter=blob:none',
      '--stdin',
      'origin',
    ],
    { gitDir, input: `${missing.join('\n')}\n` },
    remote,
  );
  if (got.code !== 0) return unreachable(remote, got, gitDir);
  const now = await lookFor(gitDir, remote, blobs);
  return now.ok ? good(now.value.bytes) : now;
}

/** The texts of a snapshot's blobs. Fetches them if the repository has only trees. */
export async function readFiles(
  snapshot: { gitDir: string },
  url: string,
  blobs: readonly string[],
  reporter: Reporter,
): Promise<Result<string[]>> {
  if (!blobs.length) return good([]);
  const remote = { url, reporter };
  const looked = await lookFor(snapshot.gitDir, remote, blobs);
  if (!looked.ok) return looked;
  // Whoever holds the lock removes parts of packs that others left.
  const there = looked.value.missing.length
    ? await withMutex(`${snapshot.gitDir}.lock`, () => fetchBlobs(snapshot.gitDir, remote, blobs))
    : good(looked.value.bytes);
  if (!there.ok) return there;
  if (there.value > largestTexts) return tooLarge(url, `${sizeText(largestTexts)} of manifests`);
  const out = await run('git', ['--git-dir', snapshot.gitDir, ...local, 'cat-file', '--batch'], {
    input: `${blobs.join('\n')}\n`,
    encoding: 'latin1',
  });
  const bytes = Buffer.from(out.stdout, 'latin1');
  const texts: string[] = [];
  let at = 0;
  for (const blob of blobs) {
    const end = bytes.indexOf(10, at);
    const [, kind, size] = bytes.subarray(at, end).toString().split(' ');
    if (kind !== 'blob')
      return bad(
        error('source-store', `${snapshot.gitDir} lacks ${blob} of ${url}`, {
          hint: 'remove that folder to fetch it again',
        }),
      );
    texts.push(utf8Text(bytes.subarray(end + 1, end + 1 + Number(size))));
    at = end + 2 + Number(size);
  }
  return good(texts);
}
