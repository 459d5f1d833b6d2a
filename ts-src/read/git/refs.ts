import { bad, error, good, type Result } from '../../model/diagnostics.ts';
import { patiently, unreachable, type Reporter } from './process.ts';

const isCommit = (v: string): boolean => /^[0-9a-f]{40}([0-9a-f]{24})?$/.test(v);

/** What ls-remote is asked for to find a branch, a tag (peeled) or HEAD. */
function patternsOf(version: string | undefined): string[] {
  if (version === undefined) return ['HEAD'];
  if (version.startsWith('refs/')) return [version];
  return [`refs/heads/${version}`, `refs/tags/${version}`, `refs/tags/${version}^{}`];
}

/** The commit that a branch, tag (peeled) or HEAD is now. */
export async function resolveRef(
  url: string,
  version: string | undefined,
  reporter: Reporter = {},
): Promise<Result<string>> {
  const found = await resolveRefs(url, [version], reporter);
  return found.ok ? found.value[0]! : found;
}

/** The same of several refs of one repository, by one ls-remote; each by itself may not be there. */
export async function resolveRefs(
  url: string,
  versions: readonly (string | undefined)[],
  reporter: Reporter = {},
): Promise<Result<Result<string>[]>> {
  const asked = versions.filter((v) => v === undefined || !isCommit(v));
  const refs = new Map<string, string>();
  // A command line has its limits; a release repository may have thousands of tags.
  for (let i = 0; i < asked.length; i += 200) {
    const patterns = asked.slice(i, i + 200).flatMap(patternsOf);
    const listed = await patiently((at) => ['ls-remote', '--', at, ...patterns], {}, { url, reporter });
    if (listed.code !== 0) return unreachable({ url, reporter }, listed);
    for (const line of listed.stdout.split('\n')) {
      const tab = line.indexOf('\t');
      if (tab > 0) refs.set(line.slice(tab + 1), line.slice(0, tab));
    }
  }
  return good(
    versions.map((v) => {
      if (v !== undefined && isCommit(v)) return good(v);
      const commit =
        v === undefined
          ? refs.get('HEAD')
          : (refs.get(`refs/heads/${v}`) ??
            refs.get(`refs/tags/${v}^{}`) ??
            refs.get(`refs/tags/${v}`) ??
            (v.startsWith('refs/') ? refs.get(v) : undefined));
      return commit
        ? good(commit)
        : bad(error('source-ref', v === undefined ? `${url} has no HEAD` : `${url} has no branch or tag '${v}'`));
    }),
  );
}
