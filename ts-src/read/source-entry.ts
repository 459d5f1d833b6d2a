import { nearest, warning, type Diagnostic } from '../model/diagnostics.ts';
import type { ReleaseEntry, Repository, SourceEntry } from '../model/rosdistro.ts';
import { isSourceUrl, redacted } from '../model/urls.ts';
import { asMap } from './yaml.ts';

/** A repository whose line is computed on demand. */
export class LocatedRepository implements Repository {
  source?: SourceEntry;
  release?: ReleaseEntry;
  doc?: SourceEntry;
  constructor(
    readonly name: string,
    readonly file: string,
    private readonly locate: () => number | undefined,
  ) {}
  get line(): number | undefined {
    return this.locate();
  }
}

const urlForms =
  'https, http, ssh, git or file, user@host:path, or a path; for git ' +
  'a login before the host, not a token in a parameter';

const sourceKeys = ['type', 'url', 'version', 'sha256'];

/** Keys of an entry that resemble known keys. Others may be for other tools. */
export const misspeltKeys = (
  entry: Record<string, unknown>,
  at: (key: string) => { file: string; line: number | undefined },
): Diagnostic[] =>
  Object.keys(entry).flatMap((key) => {
    const near = sourceKeys.includes(key) ? undefined : nearest(key, sourceKeys);
    if (near === undefined || Object.hasOwn(entry, near)) return [];
    return warning('entry-key', `unknown key '${key}' is ignored`, { ...at(key), hint: `did you mean '${near}'?` });
  });

/** A source or doc entry of a distribution file, or an entry of a .repos file. */
export function sourceEntry(
  raw: Record<string, unknown>,
  fault: (message: string, key?: string, hint?: string) => void,
  versionText: () => string | undefined = () => undefined,
): SourceEntry | undefined {
  const { type = 'git', url, version } = raw;
  if (type !== 'git' && type !== 'tar' && type !== 'zip' && type !== 'hg' && type !== 'svn')
    return void fault(`type '${String(type)}' is not known`, 'type', 'git, tar and zip are');
  if (typeof url !== 'string' || url === '')
    return void fault('url is missing', undefined, 'add `url:` with the address of the repository');
  if (!isSourceUrl(url, type === 'git'))
    return void fault(`the url ${JSON.stringify(redacted(url))} is not allowed`, 'url', urlForms);
  const entry: SourceEntry = { type, url };
  if (version !== undefined && version !== null && version !== '') {
    const v = textOf(version, versionText);
    if (!isRefName(v)) return void fault(`the version ${JSON.stringify(v)} is no branch, tag or commit`, 'version');
    entry.version = v;
  }
  const sha256 = raw.sha256;
  if (sha256 !== undefined) {
    if (typeof sha256 !== 'string' || !/^[0-9a-f]{64}$/.test(sha256))
      return void fault('sha256 must be 64 hexadecimal digits', 'sha256');
    entry.sha256 = sha256;
  }
  if ((type === 'tar' || type === 'zip') && !entry.sha256)
    return void fault('an archive needs its checksum', undefined, 'add sha256: (of the file, in hex)');
  return entry;
}

/** A version as written: YAML would parse `1.0` as a number and a date as a date. */
const textOf = (version: unknown, written: () => string | undefined): string =>
  typeof version === 'string'
    ? version
    : (written() ?? (version instanceof Date ? version.toISOString().slice(0, 10) : String(version)));

/** Whether git accepts a ref name (git-check-ref-format) and no command line takes it for an option. */
export function isRefName(v: string): boolean {
  return v.length < 250 && !/^[-/.]|[\0-\x20\x7f~^:?*[\\]|\.\.|@\{|\/\/|\/\.|\.lock(\/|$)|[/.]$|^@$/.test(v);
}

/** A release entry of a distribution file (REP 143). */
export function releaseEntry(
  raw: Record<string, unknown>,
  repository: string,
  fault: (message: string, key?: string) => void,
  versionText: () => string | undefined,
): ReleaseEntry | undefined {
  const { url, version, packages } = raw;
  if (typeof url !== 'string') return void fault('url is missing');
  if (!isSourceUrl(url, true)) return void fault(`the url ${JSON.stringify(redacted(url))} is not allowed`, 'url');
  if (packages !== undefined && !Array.isArray(packages)) return void fault('packages must be a list', 'packages');
  const entry: ReleaseEntry = { url, packages: packages === undefined ? [repository] : packages.map(String) };
  if (version !== undefined && version !== null) {
    entry.version = textOf(version, versionText);
    if (!/^[0-9][A-Za-z0-9.+~]*(-[A-Za-z0-9.+~]+)?$/.test(entry.version))
      return void fault(`the version '${entry.version}' is not of the form 1.2.3-1`, 'version');
  }
  const tag = asMap(raw.tags)?.release;
  if (typeof tag === 'string') entry.tag = tag;
  return entry;
}
