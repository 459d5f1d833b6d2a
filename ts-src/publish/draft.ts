import { error, type Diagnostic } from '../model/diagnostics.ts';
import { compare } from '../model/diagnostics.ts';
import type { StoredFile } from '../model/result.ts';
import type { Store } from '../store/store.ts';
import { controlStanzas } from './deb.ts';
import { packageEntry, readPackages, renderPackages } from './indices.ts';
import type { State, Suites } from './state.ts';

export interface Indices {
  indices: State['indices'];
  /** Digests of packages that the store lost. */
  lost: string[];
  diagnostics: Diagnostic[];
}

/**
 * Makes the index of each suite and architecture. What a former state's index says of a package is taken from there, so
 * that only packages that are new are read. `former`: states whose indices may have them.
 */
export async function makeIndices(
  store: Store,
  suites: Suites,
  former: readonly (State | undefined)[],
): Promise<Indices> {
  const known = await knownEntries(store, suites, former);
  const missing = new Map<string, StoredFile>();
  for (const packages of Object.values(suites))
    for (const held of Object.values(packages))
      for (const file of held.files) if (!known.has(file.sha256)) missing.set(file.sha256, file);
  const files = [...missing.values()];
  const paths = await store.many(files, (file) => store.path(file));
  const lost = files.filter((_, i) => paths[i] === undefined).map((f) => f.sha256);
  if (lost.length) return { indices: {}, lost, diagnostics: [] };
  const stanzas = await controlStanzas(files.map((f, i) => ({ name: f.name, path: paths[i]! })));
  const diagnostics: Diagnostic[] = [];
  files.forEach((file, i) => {
    const stanza = stanzas[i];
    if (stanza !== undefined) known.set(file.sha256, packageEntry(stanza, file));
    else
      diagnostics.push(
        error('publish-failed', `${file.name} is no Debian package of that name: its control file can't be read`),
      );
  });
  if (diagnostics.length) return { indices: {}, lost, diagnostics };
  const indices: State['indices'] = {};
  for (const [suite, packages] of Object.entries(suites)) {
    const entries = Object.entries(packages)
      .sort(([a], [b]) => compare(a, b))
      .flatMap(([, held]) => held.files.map((f) => known.get(f.sha256)!));
    indices[suite] = await store.putText('Packages', renderPackages(entries));
  }
  return { indices, lost, diagnostics };
}

/** By digest the entries of packages that are wanted, from indices of former states. */
async function knownEntries(
  store: Store,
  suites: Suites,
  former: readonly (State | undefined)[],
): Promise<Map<string, string>> {
  const known = new Map<string, string>();
  const read = new Set<string>();
  for (const state of former) {
    for (const [suite, index] of Object.entries(state?.indices ?? {})) {
      if (!Object.hasOwn(suites, suite) || read.has(index.sha256)) continue;
      read.add(index.sha256);
      const text = await store.readText(index);
      for (const entry of readPackages(text ?? '')) known.set(entry.sha256, entry.text);
    }
  }
  return known;
}
