import { needsOf } from '../graph/graph.ts';
import { sha256 } from '../model/digest.ts';
import type { Interface } from '../model/result.ts';
import type { Closures } from '../plan/closure.ts';

/**
 * How a dependent uses a package: as a library to build against, as a tool that the build runs, as a tool that loads
 * libraries, or with every byte.
 */
export type Mode = 'api' | 'tool' | 'code' | 'full';

const digest = (text: string): string => sha256(text).slice(0, 32);

/**
 * Digests of packages for the keys of their dependents. A digest covers the interfaces of the package and its run
 * closure. Packages of a cycle of run dependencies share one digest. Linear in the number of edges, since each digest
 * is computed once.
 */
export class InterfaceDigests {
  private readonly runs: Closures['runtimeDependencies'];
  private readonly together: Closures['runtimeCycles'];
  private readonly known: Record<Mode, Map<number, string>> = {
    api: new Map(),
    tool: new Map(),
    code: new Map(),
    full: new Map(),
  };
  private readonly loading = new Map<number, boolean>();

  constructor(
    { runtimeDependencies: runs, runtimeCycles: together }: Pick<Closures, 'runtimeDependencies' | 'runtimeCycles'>,
    private readonly interfaceOf: (n: number) => Interface,
    private readonly full: boolean,
  ) {
    this.runs = runs;
    this.together = together;
  }

  /**
   * Digest as a build dependency: a library by its API; a tool by its behaviour, including its libraries if it loads
   * any.
   */
  ofBuild(n: number, isTool: boolean): string {
    if (this.full) return this.of(n, 'full');
    return isTool ? this.of(n, this.loads(n) ? 'code' : 'tool') : this.of(n, 'api');
  }

  /** Digest of a package and its run closure. All interfaces in it must be known. */
  of(n: number, mode: Mode): string {
    const there = this.known[mode].get(n);
    if (there !== undefined) return there;
    const members = this.together.get(n) ?? [n];
    // A program that it exports may load any library of its closure.
    if (mode === 'api' && members.some((m) => this.interfaceOf(m).offers))
      return this.keep(members, mode, this.of(n, 'code'));
    const below = new Set(members.flatMap((m) => needsOf(this.runs, m)).filter((d) => !members.includes(d)));
    return this.keep(
      members,
      mode,
      digest(
        `${mode} ${members
          .map((m) => this.interfaceOf(m)[mode])
          .sort()
          .join(' ')} / ${[...below]
          .map((d) => this.of(d, mode))
          .sort()
          .join(' ')}`,
      ),
    );
  }

  private keep(members: readonly number[], mode: Mode, id: string): string {
    for (const m of members) this.known[mode].set(m, id);
    return id;
  }

  /** Whether it or its run closure contains programs that load shared libraries. */
  private loads(n: number): boolean {
    const there = this.loading.get(n);
    if (there !== undefined) return there;
    const members = this.together.get(n) ?? [n];
    const found =
      members.some((m) => this.interfaceOf(m).loads) ||
      members.some((m) => needsOf(this.runs, m).some((d) => !members.includes(d) && this.loads(d)));
    for (const m of members) this.loading.set(m, found);
    return found;
  }
}
