import type { Member } from '../../inspect/members.ts';
import { rulesOf } from '../../model/build-types/index.ts';
import type { Manifest } from '../../model/manifest.ts';
import type { PlannedPackage } from '../../model/plan.ts';

/** Tags of dependencies that a package without files of its own may have. */
const toBring = new Set(['buildtool_depend', 'exec_depend', 'run_depend']);

/** Whether a package is there only to bring others. */
function isToBring({ dependencies, exports }: Pick<Manifest, 'dependencies' | 'exports'>): boolean {
  if (exports.some((e) => e.name === 'metapackage')) return true;
  return dependencies.some((d) => d.tag !== 'buildtool_depend') && dependencies.every((d) => toBring.has(d.tag));
}

/** A warning if a package contains nothing, though it is not there to bring others. `members`: with packing's own. */
export function emptyWarning(
  p: Pick<PlannedPackage, 'buildType' | 'debian'>,
  manifest: Pick<Manifest, 'dependencies' | 'exports'>,
  members: readonly Member[],
): string | undefined {
  const documents = `/usr/share/doc/${p.debian}/`;
  const isOwn = (m: Member) => m.type !== 'directory' && !m.path.startsWith(documents);
  if (members.some(isOwn) || isToBring(manifest)) return undefined;
  const { file, how } = rulesOf(p.buildType).installs;
  return (
    `${file} installs nothing, so the package is empty: ${how}; ` +
    'if it only brings other packages, add <metapackage/> to <export> in package.xml'
  );
}
