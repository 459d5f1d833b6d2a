import { resolve } from 'node:path';
import { error, warning, type Diagnostic } from '../model/diagnostics.ts';
import type { Scope, Target } from '../model/plan.ts';
import { missingPackages, type MissingPackage } from '../plan/archive.ts';
import { lineOf } from '../read/yaml.ts';
import { archiveNames, baseAtHand } from '../sandbox/archive-names.ts';
import { someOf } from '../render/table.ts';
import type { ArchiveCheck } from '../engine/session.ts';
import type { Planned } from './planning.ts';

/** Checks the system packages of a plan against what an archive has, before anything is built. */
export const archiveCheck =
  (planned: Pick<Planned, 'plan' | 'resolvers' | 'workspace'>): ArchiveCheck =>
  (scope, target, names) => {
    const blocked = new Map<string, string>();
    const resolver = planned.resolvers[planned.plan.scopes.indexOf(scope)];
    const missing = resolver ? missingPackages(scope, resolver, names) : [];
    for (const m of missing)
      for (const p of m.neededBy)
        if (!blocked.has(p)) blocked.set(p, `'${m.name}' is not in the archive of ${target.os} ${target.release}`);
    return { blocked, diagnostics: missing.map((m) => missingFault(m, scope, target, planned.workspace)) };
  };

function missingFault(m: MissingPackage, scope: Scope, target: Target, workspace: Planned['workspace']): Diagnostic {
  const users = m.neededBy.length
    ? `needed by ${someOf(m.neededBy, 5)}`
    : `needed by the tests or the documentation of ${someOf(m.testedBy, 5)}`;
  const from = m.key === undefined ? 'which distro.yaml gives' : `which the rosdep key '${m.key}' gives`;
  const line =
    m.file === undefined || m.key === undefined ? undefined : lineOf(resolve(workspace.root, m.file), [m.key]);
  return (m.neededBy.length ? error : warning)(
    'system-missing',
    `the archive of ${target.os} ${target.release} (${target.architecture}) has no ` +
      `package '${m.name}', ${from}: ${users} (${scope.distribution})`,
    {
      file: m.file ?? workspace.file,
      line,
      hint:
        `${m.near === undefined ? '' : `did you mean '${m.near}'? `}mend the rule, put one for ${target.os} ` +
        `${target.release} into a rosdep file before it, or name the packages in package_settings`,
    },
  );
}

/** Checks the platforms whose base is cached, for commands that build nothing. */
export function checkArchives(planned: Planned): Diagnostic[] {
  const check = archiveCheck(planned);
  const { distro, root, state } = planned.workspace;
  const diagnostics = new Map<string, Diagnostic>();
  for (const scope of planned.plan.scopes) {
    const architectures = new Map(scope.targets.map((t) => [t.architecture, t]));
    for (const target of architectures.values()) {
      const platform = distro.platforms[target.platform];
      const base = platform && baseAtHand(state, root, { ...target, name: target.platform, platform });
      const names = base && archiveNames(base);
      for (const d of names ? check(scope, target, names).diagnostics : []) diagnostics.set(d.message, d);
    }
  }
  return [...diagnostics.values()];
}
