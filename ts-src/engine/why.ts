import type { KeyExplained } from '../model/answers.ts';
import { taskId } from '../model/names.ts';
import type { Plan } from '../model/plan.ts';
import type { Workspace } from '../read/workspace.ts';
import { explainKey } from '../query/why.ts';
import { openStore } from '../store/open-store.ts';
import { isRunRecord } from '../model/stored.ts';
import { isRunName } from './runs.ts';

/** Number of runs that are searched for an earlier build. */
const most = 100;

/** The last build of a package on each target according to recorded runs, compared with the one before it. */
export async function lastBuilds(workspace: Workspace, plan: Plan, name: string): Promise<KeyExplained[]> {
  const store = await openStore(workspace.distro.store, workspace.root, workspace.state, undefined);
  const names: string[] = [];
  for await (const { name: run } of store.blobs.list('runs')) if (isRunName(run)) names.push(run);
  const runs = (await store.many(names.sort().reverse().slice(0, most), (run) => store.readJson(run)))
    .filter(isRunRecord)
    .sort((a, b) => b.finished - a.finished);
  const found: KeyExplained[] = [];
  for (const scope of plan.scopes) {
    if (!scope.packages.some((p) => p.name === name)) continue;
    for (const target of scope.targets) {
      const id = taskId(scope.distribution, target, name);
      const keys = [...new Set(runs.flatMap((r) => (Object.hasOwn(r.tasks, id) ? [r.tasks[id]?.key ?? ''] : [])))];
      const [now, before] = await store.many(keys.slice(0, 2), (key) => store.get(key));
      if (now) found.push(explainKey(id, now, before));
    }
  }
  return found;
}
