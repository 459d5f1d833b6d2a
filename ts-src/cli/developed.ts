import { append } from '../model/lists.ts';
import { ownEntry } from '../model/maps.ts';
import { isError, sorted, type Diagnostic } from '../model/diagnostics.ts';
import type { Distro } from '../model/distro.ts';
import type { SourcePackage } from '../model/plan.ts';
import { readDistribution } from '../read/distribution.ts';
import { readEntries } from '../read/entries.ts';
import { showDiagnostics } from './command.ts';
import { reporter, type Planned } from './planning.ts';

/** A package at its branch head, with its release. */
export interface DevelopedPackage {
  distribution: string;
  name: string;
  repository: string;
  developed: string;
  released?: string;
}

/** Each package at its branch head with its release. Prints diagnostics for what can't be read. */
export async function developedAndReleased(
  planned: Planned,
): Promise<{ packages: DevelopedPackage[]; partial: boolean }> {
  const { workspace } = planned;
  const rows: DevelopedPackage[] = [];
  const faults: Diagnostic[] = [];
  for (const { name } of planned.distributions) {
    const sources: Distro['distributions'][string] = {
      ...ownEntry(workspace.distro.distributions, name),
      sources: 'source',
    };
    const developing = {
      ...workspace,
      distro: { ...workspace.distro, distributions: { ...workspace.distro.distributions, [name]: sources } },
    };
    const [read, entries] = [
      await readDistribution(developing, name, planned.lock, new Map(), reporter),
      await readEntries(developing, name),
    ];
    append(faults, read.diagnostics.filter(isError));
    if (!read.ok || !entries.ok) continue;
    const releases = new Map(entries.value.repositories.map((r) => [r.name, r.release]));
    const row = (p: SourcePackage): DevelopedPackage => {
      const release = releases.get(p.repository);
      return {
        distribution: name,
        name: p.name,
        repository: p.repository,
        developed: p.manifest.version,
        ...(release?.version && release.packages.includes(p.name) ? { released: release.version } : {}),
      };
    };
    append(
      rows,
      [...read.value.packages.values()].map(row).sort((a, b) => (a.name < b.name ? -1 : 1)),
    );
  }
  showDiagnostics(sorted(faults));
  return { packages: rows, partial: faults.length > 0 };
}
