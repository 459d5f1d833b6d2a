import { needsOf } from '../graph/graph.ts';
import { sha256 } from '../model/digest.ts';
import type { Interface } from '../model/result.ts';
import type { Closures } from '../plan/closure.ts';

/**
 * How a package is seen: as a library to build against, as a tool that the build runs, as a tool that loads libraries,
 * or with every byte.
 */
export type Mode = 'api' | 'tool' | 'code' | 'full';

const digest = (text: string): string => sha256(text).slice(0, 32);

/**
 * What stands for a package, with all that is in a root because of it, in the keys of those that need it: digests over
 * the interfaces of its run closure. A package and its closure count once, however many ways lead to them, so this is
 * linear in the edges. Packages that need each other to run stand together.
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

  /** As a dependency of a build: a tool by all of it where something of it loads code, a library by what it shows. */
  ofBuild(n: number, isTool: boolean): string {
    if (this.full) return this.of(n, 'full');
    return isTool ? this.of(n, this.loads(n) ? 'code' : 'tool') : this.of(n, 'api');
  }

  /** A package and its run closure. Every interface in it must be known. */
  of(n: number, mode: Mode): string {
    const there = this.known[mode].get(n);
    if (there !== undefined) return there;
    const members = this.together.get(n) ?? [n];
    // A program that it offers may load anything of its closure.
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

  /** Whether it, or anything that it needs to run, has something that loads shared libraries. */
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
