import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { bad, error, good, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { resolveRefs, type Reporter } from './git/git.ts';
import { isRefName } from './source-entry.ts';

/** Replaces a repository in this run: by a folder, another ref, or the merge result of a pull request. */
export type Override = { folder: string } | { ref: string } | { request: number };
export type Overrides = ReadonlyMap<string, Override>;

/** Parses `NAME=FOLDER`, `NAME@BRANCH` (or tag, or commit) and `NAME#NUMBER` from the command line. */
export function parseOverrides(texts: readonly string[]): Result<Overrides> {
  const overrides = new Map<string, Override>();
  const diagnostics: Diagnostic[] = [];
  const fault = (text: string, why: string) =>
    void diagnostics.push(
      error('override-invalid', `--override ${text}: ${why}`, {
        hint: 'NAME=FOLDER, NAME@BRANCH or NAME#PULL_REQUEST',
      }),
    );
  for (const text of texts) {
    const m = /^([A-Za-z0-9][A-Za-z0-9._+/-]*)([=@#])(.+)$/s.exec(text);
    if (!m) {
      fault(text, 'not of a known form');
      continue;
    }
    const [, name = '', kind = '', value = ''] = m;
    if (overrides.has(name)) fault(text, `'${name}' is overridden twice`);
    else if (kind === '=') {
      const folder = resolve(value);
      if (isFolder(folder)) overrides.set(name, { folder });
      else fault(text, 'there is no such folder');
    } else if (kind === '@') {
      if (isRefName(value)) overrides.set(name, { ref: value });
      else fault(text, 'that is no branch, tag or commit');
    } else if (/^[1-9]\d{0,9}$/.test(value)) overrides.set(name, { request: Number(value) });
    else fault(text, 'a pull request is a number');
  }
  return diagnostics.length ? bad(diagnostics) : good(overrides);
}

const isFolder = (path: string): boolean => statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;

/** The merge commit of a pull request, by the ref names of GitHub and Gitea, GitLab and Bitbucket. */
export async function resolveRequest(url: string, number: number, reporter: Reporter): Promise<Result<string>> {
  const refs = await resolveRefs(
    url,
    [`refs/pull/${number}/merge`, `refs/merge-requests/${number}/merge`, `refs/pull-requests/${number}/merge`],
    reporter,
  );
  if (!refs.ok) return refs;
  return (
    refs.value.find((r) => r.ok) ??
    bad(
      error('source-ref', `${url} has no merge commit of the pull request ${number}`, {
        hint: 'check that it is open and has no conflicts, or name its branch: NAME@BRANCH',
      }),
    )
  );
}
