import { append, first } from '../model/lists.ts';
import { sorted, type Diagnostic } from '../model/diagnostics.ts';
import type { PackageSource, Plan } from '../model/plan.ts';
import { parallel } from '../io/process.ts';
import { pinFolder } from '../read/folders.ts';
import { pinReleased } from '../read/releases.ts';
import type { Workspace } from '../read/workspace.ts';
import { reporter } from './planning.ts';

/**
 * Fetches sources of released packages of which only tags are known, one request per repository, and pins sources in
 * folders.
 */
export async function pinSources(workspace: Workspace, plan: Plan): Promise<Diagnostic[]> {
  const unpinned = plan.scopes.flatMap((s) => s.packages).filter((p) => !p.source.tree && !p.blocked);
  const byUrl = new Map<string, Map<string, PackageSource>>();
  for (const { source } of unpinned) {
    const ofUrl = byUrl.get(source.url) ?? new Map<string, PackageSource>();
    byUrl.set(source.url, ofUrl.set(placeOf(source), source));
  }
  const diagnostics: Diagnostic[] = [];
  const pinned = new Map<string, PackageSource>();
  await parallel([...byUrl.values()], 8, async (sources) => {
    const all = [...sources.values()];
    if (first(all).ref === undefined) {
      const trees = await pinFolder(all, workspace.state);
      if (trees.ok) for (const source of trees.value) pinned.set(`${source.url} ${placeOf(source)}`, source);
      else append(diagnostics, trees.diagnostics);
      return;
    }
    for (const pin of await pinReleased(workspace, all, 'all', reporter)) {
      if (pin.ok) pinned.set(`${pin.value.source.url} ${placeOf(pin.value.source)}`, pin.value.source);
      else append(diagnostics, pin.diagnostics);
    }
  });
  for (const p of unpinned) {
    const source = pinned.get(`${p.source.url} ${placeOf(p.source)}`);
    if (source) p.source = source;
    else p.blocked = "its sources can't be had";
  }
  return sorted(diagnostics);
}

/** A tag of a release repository, or a path in a folder. */
const placeOf = (source: PackageSource): string => source.ref ?? source.path;
