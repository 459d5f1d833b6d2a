import { first } from '../../model/lists.ts';
import { bad, error, good, NearNames, type Result } from '../../model/diagnostics.ts';
import { localFault } from './credentials.ts';
import { patiently, unreachable, type Reporter } from './process.ts';

const isCommit = (v: string): boolean => /^([0-9a-f]{40}|[0-9a-f]{64})$/i.test(v);
const isShortCommit = (v: string): boolean => /^[0-9a-f]{7,39}$/i.test(v);

/** Names of refs and the commits that they stand at, as ls-remote lists them. */
type Refs = Map<string, string>;

/** The commit that a branch, tag (peeled) or HEAD is now. */
export async function resolveRef(
  url: string,
  version: string | undefined,
  reporter: Reporter = {},
): Promise<Result<string>> {
  const found = await resolveRefs(url, [version], reporter);
  return found.ok ? first(found.value) : found;
}

/** Names that a version may have on a server; the first that is there is taken. `heads/x`, `tags/x`: as in vcstool. */
function namesOf(version: string): string[] {
  const names = [`refs/heads/${version}`, `refs/tags/${version}^{}`, `refs/tags/${version}`];
  if (version === 'HEAD') names.push('HEAD');
  const full = /^(heads|tags)\//.test(version) ? `refs/${version}` : version;
  if (full.startsWith('refs/')) names.push(`${full}^{}`, full);
  return names;
}

/** The same of several refs of one repository, by one ls-remote; each by itself may not be there. */
export async function resolveRefs(
  url: string,
  versions: readonly (string | undefined)[],
  reporter: Reporter = {},
): Promise<Result<Result<string>[]>> {
  const fault = localFault(url);
  if (fault) return bad(fault);
  const asked = versions.filter((v) => v === undefined || !isCommit(v));
  const refs: Refs = new Map();
  // A command line has its limits; a release repository may have thousands of tags.
  for (let i = 0; i < asked.length; i += 200) {
    const patterns = asked.slice(i, i + 200).flatMap((v) => (v === undefined ? ['HEAD'] : namesOf(v)));
    const listed = await listRefs(url, patterns, refs, reporter);
    if (!listed.ok) return listed;
  }
  const found = versions.map((v) => {
    if (v === undefined) return refs.get('HEAD');
    if (isCommit(v)) return v.toLowerCase();
    return namesOf(v).flatMap((name) => refs.get(name) ?? [])[0];
  });
  // Of a repository that lacks one, all names: to say what it has.
  const all: Refs = new Map();
  if (versions.some((v, i) => found[i] === undefined && v !== undefined && !v.startsWith('refs/'))) {
    const listed = await listRefs(url, ['refs/heads/*', 'refs/tags/*'], all, reporter);
    if (!listed.ok) return listed;
  }
  return good(
    found.map((commit, i) => {
      if (commit !== undefined) return good(commit);
      const version = versions[i];
      if (version === undefined) return bad(error('source-ref', `${url} has no HEAD`, { hint: 'name a branch' }));
      const abbreviated = atShortCommit(version, all);
      return abbreviated === undefined ? notThere(url, version, all) : good(abbreviated);
    }),
  );
}

/** Adds the refs of these patterns that a repository has. */
async function listRefs(url: string, patterns: string[], refs: Refs, reporter: Reporter): Promise<Result<void>> {
  const listed = await patiently((at) => ['ls-remote', '--', at, ...patterns], {}, { url, reporter });
  if (listed.code !== 0) return unreachable({ url, reporter }, listed);
  for (const line of listed.stdout.split('\n')) {
    const tab = line.indexOf('\t');
    if (tab > 0) refs.set(line.slice(tab + 1), line.slice(0, tab));
  }
  return good(undefined);
}

/** The commit that begins with these digits, where a branch or tag stands at it and at no other such. */
function atShortCommit(version: string, all: Refs): string | undefined {
  if (!isShortCommit(version)) return undefined;
  const short = version.toLowerCase();
  const found = new Set([...all.values()].filter((commit) => commit.startsWith(short)));
  return found.size === 1 ? [...found][0] : undefined;
}

/** Says that a branch or tag is not there, and what is. */
function notThere(url: string, version: string, all: Refs): Result<never> {
  const short = (kind: string) =>
    [...all.keys()].flatMap((n) => (n.startsWith(kind) && !n.endsWith('^{}') ? [n.slice(kind.length)] : []));
  const [branches, tags] = [short('refs/heads/'), short('refs/tags/')];
  const fault = (hint: string) => bad(error('source-ref', `${url} has no branch or tag '${version}'`, { hint }));
  const remote = /^(?:refs\/)?(?:remotes\/)?[^/]+\/(.+)$/.exec(version)?.[1];
  if (remote !== undefined && branches.includes(remote))
    return fault(`the branch is called '${remote}' in that repository`);
  if (isShortCommit(version))
    return fault('an abbreviated commit is only found if a branch or tag points to it: write all 40 digits');
  const [near] = new NearNames([...branches, ...tags]).of(version, 1);
  if (near !== undefined) return fault(`did you mean '${near}'? It has ${listed(branches, 'branch', 'branches')}`);
  return fault(
    `it has ${listed(branches, 'branch', 'branches')}${tags.length ? ` and ${listed(tags, 'tag', 'tags')}` : ''}`,
  );
}

/** The names that people look for first, then others, at most six. */
function listed(names: readonly string[], one: string, many: string): string {
  if (!names.length) return `no ${many}`;
  const usual = ['main', 'master', 'devel', 'develop', 'rolling'];
  const rank = (name: string) => (usual.includes(name) ? usual.indexOf(name) : usual.length);
  const order = [...names].sort((a, b) => rank(a) - rank(b));
  const shown = order.slice(0, 6).join(', ');
  return `the ${names.length === 1 ? one : many} ${shown}${names.length > 6 ? ` and ${names.length - 6} more` : ''}`;
}
