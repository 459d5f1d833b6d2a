import { join, relative } from 'node:path';
import type { ScopeChange } from '../model/answers.ts';
import { sha256 } from '../model/digest.ts';
import { at } from '../model/lists.ts';
import type { Plan } from '../model/plan.ts';
import { readIf } from '../io/files.ts';
import { comparePlans } from '../query/compare.ts';
import { settingsFacts, type FactsOf } from '../query/settings-facts.ts';
import { pinFolder } from '../read/folders.ts';
import type { Workspace } from '../read/workspace.ts';

/** A plan and the distro repository that it was made of. */
interface Compared {
  workspace: Workspace;
  plan: Plan;
}

/** Settings of distro.yaml for a plan's packages, with patches by their content. */
const factsOf = ({ workspace }: Compared): FactsOf =>
  settingsFacts(workspace.distro, (file) => sha256(readIf(join(workspace.root, file), 'latin1') ?? ''));

/** Compares two plans. Packages in folders are compared by the current content of their files. */
export async function comparePlanned(before: Compared, after: Compared): Promise<ScopeChange[]> {
  await pinFolders(before);
  await pinFolders(after);
  return comparePlans(before.plan, after.plan, { before: factsOf(before), after: factsOf(after) });
}

/**
 * Sets the source trees of packages in folders, which have no commit, from their current files. A folder that is a copy
 * of an earlier state counts as the original folder. What can't be read is left without a tree; a build reports the
 * error.
 */
async function pinFolders({ workspace, plan }: Compared): Promise<void> {
  const inFolders = plan.scopes
    .flatMap((s) => s.packages)
    .filter(({ source }) => source.ref === undefined && source.tree === undefined);
  for (const folder of new Set(inFolders.map((p) => p.source.url))) {
    const packages = inFolders.filter((p) => p.source.url === folder);
    const pinned = await pinFolder(
      packages.map((p) => p.source),
      workspace.state,
    );
    const url = join(workspace.urlBase, relative(workspace.root, folder));
    packages.forEach((p, i) => {
      const { tree } = pinned.ok ? at(pinned.value, i) : {};
      p.source = { ...p.source, ...(tree === undefined ? {} : { tree }), url };
    });
  }
}
