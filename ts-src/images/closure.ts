import { bad, error, good, nearest, type Result } from '../model/diagnostics.ts';
import { debianize } from '../model/names.ts';
import { matcher } from '../plan/globs.ts';
import { readPackages } from '../publish/indices.ts';
import { needsOf, relations } from '../publish/relations.ts';
import { fieldOf } from '../text/stanza.ts';

/** A package of the distribution in an image. */
export interface OwnPackage {
  name: string;
  version: string;
  sha256: string;
  size: number;
}

interface Known extends OwnPackage {
  /** Clauses of alternatives, by name. */
  needs: string[][];
}

/**
 * The packages of a suite that match the patterns, with their run dependencies in the suite, sorted. `debian` makes the
 * Debian name of a package. apt resolves system dependencies.
 */
export function ownPackages(
  image: string,
  index: string,
  patterns: readonly string[],
  debian: (name: string) => string,
): Result<OwnPackage[]> {
  const known = new Map<string, Known>();
  const providers = new Map<string, string>();
  for (const { text, sha256, size } of readPackages(index)) {
    const name = fieldOf(text, 'Package') ?? '';
    const needs = needsOf(text).map((alternatives) => alternatives.map((a) => a.name));
    known.set(name, { name, version: fieldOf(text, 'Version') ?? '', sha256, size, needs });
    for (const provided of relations(fieldOf(text, 'Provides')).flat()) providers.set(provided.name, name);
  }
  const usual = [...known.keys()].filter((name) => !name.endsWith('-dbgsym'));
  const wanted = new Set<string>();
  const faults = patterns.flatMap((pattern) => {
    // A pattern of package names becomes one of Debian names, because `debian` only adds a prefix or suffix.
    const matches = matcher([pattern === '*' ? '*' : debian(debianize(pattern)), pattern]);
    const found = known.has(pattern) ? [pattern] : usual.filter(matches);
    for (const name of found) wanted.add(name);
    if (found.length) return [];
    const near = nearest(debian(pattern), usual);
    return [
      error('image-packages', `the state has no package for '${pattern}', which the image '${image}' names`, {
        hint: near ? `did you mean ${near}?` : `it has ${usual.length} packages`,
      }),
    ];
  });
  if (faults.length) return bad(faults);
  const queue = [...wanted];
  for (let name = queue.pop(); name !== undefined; name = queue.pop())
    for (const alternatives of known.get(name)?.needs ?? []) {
      const own = alternatives
        .map((a) => (known.has(a) ? a : providers.get(a)))
        .find((a): a is string => a !== undefined);
      if (own === undefined || wanted.has(own)) continue;
      wanted.add(own);
      queue.push(own);
    }
  return good(
    [...wanted].sort().flatMap((name) => {
      const found = known.get(name);
      return found ? [{ name, version: found.version, sha256: found.sha256, size: found.size }] : [];
    }),
  );
}
