import { append } from '../model/lists.ts';
import { warning, type Diagnostic } from '../model/diagnostics.ts';
import { aptSuite } from '../model/names.ts';
import { packageOf, type TaskGraph } from '../engine/task-graph.ts';
import { compareDebianVersions } from '../plan/versions.ts';
import { someOf } from '../render/table.ts';
import { selectPublished, type Reason } from './selection.ts';
import type { HeldPackage } from './suites.ts';

export interface SuiteInput {
  /** Whether a package that is not in this run still belongs to the distribution. */
  belongs: (debian: string) => boolean;
  /** The distribution's name of a package that is not in this run. */
  nameOf: (debian: string) => string | undefined;
  /** Leave out packages that do not fit the new ones, instead of keeping both unchanged. */
  leaveOut: boolean;
}

/** The content of a suite for one architecture, sorted by name: packages fit together, and none is lost. */
export function suiteOf(
  graph: TaskGraph,
  before: Readonly<Record<string, HeldPackage>>,
  input: SuiteInput,
  diagnostics: Diagnostic[],
): Record<string, HeldPackage> {
  const former = new Map(Object.entries(before));
  const made = new Map<string, HeldPackage>();
  graph.records.forEach((record, n) => {
    const p = packageOf(graph, n);
    // Packages that only tests need are not published, unless they are published already and must fit the new ones.
    if (!record || ('forTests' in p.why && !former.has(p.debian))) return;
    const held = former.get(p.debian);
    const needs = (graph.closures.runtimeDependencies[n] ?? []).map((d) => packageOf(graph, d).debian);
    // An equal key with a higher version was rebuilt: the former files may be lost.
    const stays = held?.key === record.key && compareDebianVersions(held.version, record.version) >= 0;
    made.set(p.debian, {
      ...(stays ? held : { version: record.version, key: record.key, files: record.debs }),
      abi: record.abi,
      requires: record.requires,
      needs,
    });
  });
  const { chosen, reasons, holding } = selectPublished({
    former,
    made,
    belongs: input.belongs,
    partial: input.leaveOut,
  });
  append(diagnostics, keptDiagnostics(graph, former, reasons, holding, input.nameOf));
  return Object.fromEntries([...chosen].map(([debian, c]) => [debian, c.value]));
}

/** Summarizes withheld packages in a few lines. */
function keptDiagnostics(
  graph: TaskGraph,
  former: ReadonlyMap<string, HeldPackage>,
  reasons: readonly Reason[],
  holding: readonly string[],
  elsewhere: SuiteInput['nameOf'],
): Diagnostic[] {
  const names = new Map(graph.scope.packages.map((p) => [p.debian, p.name]));
  const nameOf = (debian: string) => names.get(debian) ?? elsewhere(debian) ?? debian;
  const list = (all: readonly string[]) => someOf(all.map(nameOf), 8);
  const diagnostics: Diagnostic[] = [];
  const back = reasons.filter((r) => r.kind === 'former-stays' || r.kind === 'needs-former').map((r) => r.package);
  if (back.length) {
    const suite = aptSuite(graph.scope.distribution, graph.target);
    diagnostics.push(
      warning(
        'held-back',
        `${suite} keeps ${back.length === 1 ? 'the former version' : 'the former versions'} ` +
          `of ${list(back)}: ${list(holding)} ${holding.length === 1 ? 'was' : 'were'} not ` +
          'built again, and would not fit what was built',
        { hint: `build too: ${holding.map(nameOf).join(' ')}; or leave them out of the repository with --partial` },
      ),
    );
  }
  for (const r of reasons) {
    if (r.kind === 'needs-missing')
      diagnostics.push(
        warning(
          'held-back',
          `'${nameOf(r.package)}' was built, but is withheld from the repository: it needs '${nameOf(r.by)}', which is not there`,
        ),
      );
    if (r.kind === 'left-out')
      diagnostics.push(
        warning(
          'abi-unfit',
          `${r.package} ${former.get(r.package)?.version ?? ''} is left out of the repository: ` +
            `it was built against ${r.by}, which is not there any more`,
          { hint: 'build it too' },
        ),
      );
  }
  return diagnostics;
}
