import { bad, error, good, warning, type Result, Faults } from '../model/diagnostics.ts';
import { asMap, parseYaml } from './yaml.ts';

/** Parses a rosdistro cache: the distribution files that it was made from, and the manifests of their releases. */
export function parseCache(
  text: string,
  file: string,
): Result<{ name: string; distributionFiles: unknown[]; manifests: Record<string, unknown> }> {
  const parsed = parseYaml(text, file);
  if (!parsed.ok) return parsed;
  const root = asMap(parsed.value);
  if (!root || root.type !== 'cache')
    return bad(
      error('cache-invalid', 'not a rosdistro cache', {
        file,
        line: 1,
        hint: 'such a file has the entries type: cache and version: 2',
      }),
    );
  if (root.version !== 2)
    return bad(
      error('cache-invalid', `unknown cache version ${String(root.version)}`, { file, hint: 'supported version: 2' }),
    );
  const manifests = asMap(root.release_package_xmls) ?? {};
  const faults = new Faults(file);
  for (const [name, xml] of Object.entries(manifests))
    if (typeof xml !== 'string')
      faults.add([warning('cache-manifest', `the manifest of '${name}' is not a text`, { file })]);
  const files = Array.isArray(root.distribution_file) ? root.distribution_file : [root.distribution_file];
  return good({ name: String(root.name), distributionFiles: files, manifests }, faults.all());
}

/** A cache's text in pieces: the manifest of each package, and the rest. */
export interface CachePieces {
  rest: string;
  entries: Map<string, string>;
}

const mostPieces = 100_000;

const manifestsKey = 'release_package_xmls:\n';

/**
 * Splits a cache's text by its layout: below `release_package_xmls:`, a line indented by two begins an entry, and
 * deeper lines continue it; no entry occurs twice. Undefined for another layout, or more entries than any distribution
 * has. The text may be latin1, since only ASCII characters matter.
 */
export function splitCache(text: string): CachePieces | undefined {
  const begin = text.startsWith(manifestsKey) ? 0 : text.indexOf(`\n${manifestsKey}`) + 1;
  if ((begin === 0 && !text.startsWith(manifestsKey)) || text.includes('\t') || text.includes('\r')) return undefined;
  const entries = new Map<string, string>();
  const first = begin + manifestsKey.length;
  let at = first;
  let name: string | undefined;
  let started = at;
  const line = /  (?:([A-Za-z][A-Za-z0-9_-]*):(?= |\n)| )|\n/y;
  const blank = (i: number) => text.charCodeAt(i) === 0x20;
  for (; at < text.length; at = next(text, at)) {
    // Fast path: nearly all lines continue an entry.
    if (name !== undefined && blank(at) && blank(at + 1) && blank(at + 2)) continue;
    line.lastIndex = at;
    const m = line.exec(text);
    if (!m) break;
    if (m[1] === undefined) {
      if (name === undefined && m[0] !== '\n') return undefined;
      continue;
    }
    if (name !== undefined) entries.set(name, text.slice(started, at));
    name = m[1];
    started = at;
    if (entries.has(name) || entries.size > mostPieces) return undefined;
  }
  if (name !== undefined) entries.set(name, text.slice(started, at));
  if (at < text.length && !/[A-Za-z_]/.test(text.charAt(at))) return undefined;
  return { rest: text.slice(0, begin) + text.slice(at), entries };
}

const next = (text: string, at: number): number => {
  const end = text.indexOf('\n', at);
  return end < 0 ? text.length : end + 1;
};

/** Parses the manifests of some entries of a split cache. */
export function parseEntries(entries: readonly string[], file: string): Result<Record<string, unknown>> {
  const parsed = parseYaml(manifestsKey + entries.join(''), file);
  if (!parsed.ok) return parsed;
  return good(asMap(asMap(parsed.value)?.release_package_xmls) ?? {});
}
