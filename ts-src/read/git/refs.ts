import { first } from '../../model/lists.ts';
import { bad, error, good, NearNames, type Result } from '../../model/diagnostics.ts';
import { localFault } from './credentials.ts';
import { patiently, unreachable, type Reporter } from './process.ts';

const isCommit = (v: string): boolean => /^([0-9a-f]{40}|[0-9a-f]{64})$/i.test(v);
const isShortCommit = (v: string): boolean => /^[0-9a-f]{7,39}$/i.test(v);

/** Ref names → commits, as listed by ls-remote. */
type Refs = Map<string, string>;

/** The current commit of a branch, tag (peeled) or HEAD. */
export async function resolveRef(
  url: string,
  version: string | undefined,
  reporter: Reporter = {},
): Promise<Result<string>> {
  const found = await resolveRefs(url, [version], reporter);
  return found.ok ? first(found.value) : found;
}

/** Possible ref names of a version; the first existing one is used. `heads/x`, `tags/x`: as in vcstool. */
function namesOf(version: string): string[] {
  const names = [`refs/heads/${version}`, `refs/tags/${version}^{}`, `refs/tags/${version}`];
  if (version === 'HEAD') names.push('HEAD');
  const full = /^(heads|tags)\//.test(version) ? `refs/${version}` : version;
  if (full.startsWith('refs/')) names.push(`${full}^{}`, full);
  return names;
}

/** Resolves several refs of one repository by one ls-remote. Each may be missing. */
export async function resolveRefs(
  url: string,
  versions: readonly (string | undefined)[],
  reporter: Reporter = {},
): Promise<Result<Result<string>[]>> {
  const fault = localFault(url);
  if (fault) return bad(fault);
  const asked = versions.filter((v) => v === undefined || !isCommit(v));
  const refs: Refs = new Map();
  // Command lines are limited in length, and a release repository may have thousands of tags.
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
  // All refs of a repository that lacks one, for the message.
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

/** Adds the refs that match these patterns. */
async function listRefs(url: string, patterns: string[], refs: Refs, reporter: Reporter): Promise<Result<void>> {
  const listed = await patiently((at) => ['ls-remote', '--', at, ...patterns], {}, { url, reporter });
  if (listed.code !== 0) return unreachable({ url, reporter }, listed);
  for (const line of listed.stdout.split('\n')) {
    const tab = line.indexOf('\t');
    if (tab > 0) refs.set(line.slice(tab + 1), line.slice(0, tab));
  }
  return good(undefined);
}

/** The commit with this prefix, if branches or tags name exactly one such commit. */
function atShortCommit(version: string, all: Refs): string | undefined {
  if (!isShortCommit(version)) return undefined;
  const short = version.toLowerCase();
  const found = new Set([...all.values()].filter((commit) => commit.startsWith(short)));
  return found.size === 1 ? [...found][0] : undefined;
}

/** The error for a missing branch or tag, with names that exist. */
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

/** Lists at most six names: the most common ones first. */
function listed(names: readonly string[], one: string, many: string): string {
  if (!names.length) return `no ${many}`;
  const usual = ['main', 'master', 'devel', 'develop', 'rolling'];
  const rank = (name: string) => (usual.includes(name) ? usual.indexOf(name) : usual.length);
  const order = [...names].sort((a, b) => rank(a) - rank(b));
  const shown = order.slice(0, 6).join(', ');
  return `the ${names.length === 1 ? one : many} ${shown}${names.length > 6 ? ` and ${names.length - 6} more` : ''}`;
}
