import { append } from '../model/lists.ts';
import { bad, error, good, nearest, type Result } from '../model/diagnostics.ts';
import type { Plan } from '../model/plan.ts';
import { absoluteUrl, git } from '../read/git/git.ts';
import { readEntries } from '../read/entries.ts';
import type { Workspace } from '../read/workspace.ts';

/**
 * The repository of the distributions that a checkout belongs to: by name, else by its origin's URL, else by the
 * folder's name.
 */
export async function repositoryOf(
  workspace: Workspace,
  folder: string,
  name: string | undefined,
  distributions: readonly string[],
): Promise<Result<string>> {
  const known = new Map<string, string[]>();
  for (const d of distributions) {
    const entries = await readEntries(workspace, d);
    if (!entries.ok) continue;
    for (const r of entries.value.repositories)
      known.set(r.name, [
        ...(known.get(r.name) ?? []),
        ...[r.source?.url, r.doc?.url].flatMap((u) =>
          u === undefined ? [] : [plainUrl(absoluteUrl(u, workspace.urlBase))],
        ),
      ]);
  }
  if (name !== undefined) {
    if (known.has(name)) return good(name);
    const near = nearest(name, known.keys());
    return bad(
      error('selection', `no distribution has a repository '${name}'`, {
        hint: near ? `did you mean '${near}'?` : 'add it to the distribution file',
      }),
    );
  }
  const asked = await git(['remote', 'get-url', 'origin'], { cwd: folder });
  const url = plainUrl(asked.stdout.trim());
  const found = asked.code === 0 ? [...known].find(([, urls]) => urls.includes(url)) : undefined;
  if (found) return good(found[0]);
  const last = url.split('/').pop() ?? '';
  if (known.has(last)) return good(last);
  return bad(
    error('selection', `no distribution has the repository ${url || folder}`, {
      hint: 'add it to the distribution file, or set packagePipeline(repository: …) to its name there',
    }),
  );
}

/** Normalizes a repository's URL: without scheme, user and `.git`; `host:path` as `host/path`. */
export const plainUrl = (url: string): string =>
  url
    .trim()
    .replace(/^[a-z+]+:\/\//, '')
    .replace(/^[^@/]*@/, '')
    .replace(/^([^/:]+):(?!\d+\/)\/?/, '$1/')
    .replace(/^([^/:]+):\d+\//, '$1/')
    .replace(/\.git\/?$/, '')
    .replace(/\/+$/, '');

/** Dependents of these packages, nearest first, then by name, up to `budget`. `left`: number of those omitted. */
export function downstreamOf(
  plan: Plan,
  own: ReadonlySet<string>,
  how: 'none' | 'direct' | 'all',
  budget: number,
): { names: string[]; left: number } {
  if (how === 'none') return { names: [], left: 0 };
  const dependents = new Map<string, Set<string>>();
  for (const s of plan.scopes) {
    for (const p of s.packages) {
      if (p.blocked || 'forTests' in p.why) continue;
      for (const d of [...p.build, ...p.run, ...p.test])
        dependents.set(d, (dependents.get(d) ?? new Set()).add(p.name));
    }
  }
  const seen = new Set(own);
  const found: string[] = [];
  let edge = [...own].sort();
  while (edge.length) {
    const next = new Set<string>();
    for (const name of edge) for (const d of dependents.get(name) ?? []) if (!seen.has(d)) next.add(d);
    edge = [...next].sort();
    for (const name of edge) seen.add(name);
    append(found, edge);
    if (how === 'direct') break;
  }
  return { names: found.slice(0, budget), left: Math.max(0, found.length - budget) };
}
