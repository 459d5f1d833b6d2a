import { join } from 'node:path';
import { entry } from '../../model/maps.ts';
import type { Diagnostic } from '../../model/diagnostics.ts';
import type { BriefRecord } from '../../model/result.ts';
import { writeWhole } from '../../io/files.ts';
import { renderAbi } from '../../render/abi.ts';
import { newScratch } from '../../sandbox/scratch.ts';
import { compareBuilds, filesOfBuild } from '../../engine/compare-builds.ts';
import { writeMessage } from '../command.ts';
import type { TaskGraph } from '../../engine/task-graph.ts';
import type { Session } from '../../engine/session.ts';
import type { Loaded } from '../../farm/run-manifest.ts';
import { removeTree } from '../../io/remove-tree.ts';

/** By task graph and package: the record of the trusted store's last runs. */
export type LastGood = ReadonlyMap<TaskGraph, ReadonlyMap<string, BriefRecord>>;

export async function lastGood({ graphs: runs, store }: Session): Promise<LastGood> {
  return new Map(
    await store.many(
      runs,
      async (graph) =>
        [
          graph,
          new Map(
            [...(await store.readIndex(graph.id)).builds.values()].map((record) => [record.package, record] as const),
          ),
        ] as const,
    ),
  );
}

/** Reports for each failed downstream package whether it passed before the change. */
export function tellBefore(session: Session, { bundle }: Loaded, before: LastGood): void {
  const { downstream = [] } = bundle.subject ?? {};
  for (const graph of session.graphs) {
    const good = entry(before, graph);
    for (const t of graph.results) {
      if (t?.state !== 'failed' || !downstream.includes(t.name)) continue;
      t.reason += `\nthis change broke it${good.has(t.name) ? ': it was good in the last run without the change' : ', or it was broken before: no good build of it is known'}`;
    }
  }
}

/**
 * Reports how a change affects the ABI: which of the built packages have a different interface, and which dependents
 * will be rebuilt after the merge. Writes to the log, and to `abi.txt` beside the report. Returns the packages.
 */
export async function tellAbi(
  session: Session,
  { bundle }: Loaded,
  before: LastGood,
  output: string,
): Promise<string[]> {
  const texts: string[] = [];
  const changed = new Set<string>();
  for (const graph of session.graphs) {
    for (const [n, t] of graph.results.slice(0, graph.count).entries()) {
      const [old, now] = [t && before.get(graph)?.get(t.name), graph.records[n]];
      if (t?.state !== 'built' || !old || !now || old.abi === now.abi || !Object.hasOwn(bundle.users, t.name)) continue;
      changed.add(t.name);
      const users = bundle.users[t.name] ?? [];
      const rebuilt = users.length ? `rebuilt for it: ${users.join(', ')}` : 'nothing is built on it';
      const where = `${t.name} on ${graph.target.platform} ${graph.target.architecture}`;
      const details = await abiDetails(session, old, now);
      texts.push(`${where}: this changes the ABI (${old.abi} → ${now.abi}); ${rebuilt}\n${details}`);
    }
  }
  if (texts.length) {
    writeMessage(`\n${texts.join('\n')}\n`);
    writeWhole(join(output, 'abi.txt'), texts.join('\n'));
  }
  return [...changed].sort();
}

/** The interface differences between two builds as text, or why they can't be computed. */
async function abiDetails({ store, input }: Session, old: BriefRecord, now: BriefRecord): Promise<string> {
  const [a, b] = [await filesOfBuild(store, old.debs), await filesOfBuild(store, now.debs)];
  if (!a.ok) return reasonOf(a);
  if (!b.ok) return reasonOf(b);
  const folder = newScratch(input.state);
  const compared = await compareBuilds(a.value, b.value, folder);
  removeTree(folder);
  return compared.ok ? renderAbi(compared.value.changes, compared.value.details) : reasonOf(compared);
}

const reasonOf = ({ diagnostics }: { diagnostics: readonly Diagnostic[] }): string =>
  `${diagnostics[0]?.message ?? ''}\n`;
