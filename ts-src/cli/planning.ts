import { append } from '../model/lists.ts';
import { join, relative, resolve } from 'node:path';
import { bad, error, good, isError, nearest, sorted, type Diagnostic, type Result } from '../model/diagnostics.ts';
import type { ScopeChange } from '../model/answers.ts';
import type { Lockfile } from '../model/lockfile.ts';
import { stampOf } from '../model/names.ts';
import type { DistributionInput, Plan } from '../model/plan.ts';
import type { RosdepDatabase } from '../model/rosdep.ts';
import { exists, readIf } from '../io/files.ts';
import { makePlan } from '../plan/plan.ts';
import type { Resolver } from '../plan/resolve.ts';
import type { Selection } from '../plan/select.ts';
import { checkoutRef, type Reporter } from '../read/git/git.ts';
import { neededNames, readDistribution } from '../read/distribution.ts';
import { missingPatches } from '../read/patches.ts';
import { readRosdep } from '../read/rosdep-files.ts';
import { readWorkspace, type Workspace } from '../read/workspace.ts';
import { lineOf } from '../read/yaml.ts';
import { ParseCache } from '../read/parse-cache.ts';
import { parseOverrides, type Overrides } from '../read/override.ts';
import { readUnderlays, type Underlays } from '../read/underlay.ts';
import { redacted } from '../model/urls.ts';
import { comparePlanned } from './comparing.ts';
import { keptUnderlays, type UnderlayUse } from './kept-underlays.ts';
import { printable } from '../text/printable.ts';
import {
  writeControl,
  findDistro,
  namedState,
  selectionOf,
  type DistroValues,
  type SelectionValues,
  writeNote,
  isQuiet,
} from './command.ts';

export interface Planned {
  workspace: Workspace;
  plan: Plan;
  resolvers: Resolver[];
  distributions: DistributionInput[];
  diagnostics: Diagnostic[];
  /** Those of packages and repositories that could not be read: answers about the plan lack these. */
  unread: Diagnostic[];
  lock: Lockfile | undefined;
}

/** Option values that decide on a plan. */
export type PlanningValues = DistroValues & SelectionValues;

export interface ReadOptions {
  /** Reads and checks all rosdep keys, not only those that are needed. */
  everyKey?: boolean;
  /** Also plans what the tests of the named packages need. */
  tests?: boolean;
  /** Also plans what the documentation of the named packages needs. */
  docs?: boolean;
  /** The workspace, if it is open already. */
  workspace?: Workspace;
  underlays?: UnderlayUse;
}

/** Reads a lockfile through the parse cache, because validation by schema is slow. */
async function readLock(file: string, state: string): Promise<Result<Lockfile>> {
  const memory = new ParseCache<Lockfile>(state, 'lock');
  const text = readIf(file);
  const known = text === undefined ? undefined : memory.get(text);
  if (known) return good(known);
  const read = (await import('../read/lockfile.ts')).readLock(file, text);
  if (read.ok && text !== undefined) memory.put(text, () => read.value);
  return read;
}

/** Reports waits, and on a terminal what is being read. */
export const reporter: Reporter = {
  reading(name) {
    if (process.stderr.isTTY && !isQuiet()) writeControl(`\r\x1b[Kreading ${printable(redacted(name))}\r`);
  },
  waiting: (text) => writeNote(`${text}\n`),
};

/** Opens the workspace of a command, with absolute paths. */
export async function openWorkspace(values: Pick<DistroValues, 'distro' | 'state'>): Promise<Result<Workspace>> {
  const state = namedState(values);
  const read = await readWorkspace(findDistro(values), state === undefined ? undefined : resolve(state));
  if (!read.ok) return read;
  const root = resolve(read.value.root);
  return good({ ...read.value, root, state: resolve(read.value.state), urlBase: root });
}

/**
 * Reads all inputs of a plan and makes it. Fails only if nothing can be planned; other faults are in its diagnostics.
 */
export async function readAndPlan(
  values: PlanningValues,
  packages: string[],
  options: ReadOptions = {},
): Promise<Result<Planned>> {
  const inputs = await readValues(values, packages, options);
  return inputs.ok ? planInputs(inputs.value.inputs, inputs.value.selection) : inputs;
}

/** Reads the inputs of `readAndPlan`, for commands that plan more than once. */
export async function readValues(
  values: PlanningValues,
  packages: string[],
  options: ReadOptions = {},
): Promise<Result<{ inputs: Inputs; selection: Selection }>> {
  const workspace = options.workspace ? good(options.workspace) : await openWorkspace(values);
  if (!workspace.ok) return workspace;
  const lock = values.lock === undefined ? undefined : await readLock(values.lock, workspace.value.state);
  if (lock && !lock.ok) return lock;
  const overrides = parseOverrides(values.override ?? []);
  if (!overrides.ok) return overrides;
  const kinds = { ...(options.tests ? { tests: true } : {}), ...(options.docs ? { docs: true } : {}) };
  const selection: Selection = { ...selectionOf(values, packages), ...kinds };
  const inputs = await readInputs(workspace.value, lock?.value, overrides.value, selection.distributions, options);
  if (!inputs.ok) return inputs;
  if (values['changed-since'] !== undefined) {
    const changed = await changedSince(inputs.value, values['changed-since'], selection);
    if (!changed.ok) return changed;
    selection.changed = changed.value;
  }
  return good({ inputs: inputs.value, selection });
}

/** All inputs of a plan, independent of the selection. Faults in it do not prevent planning the rest. */
export interface Inputs {
  workspace: Workspace;
  lock: Lockfile | undefined;
  distributions: DistributionInput[];
  rosdep: RosdepDatabase;
  underlays: Underlays;
  diagnostics: Diagnostic[];
  unread: Diagnostic[];
}

async function readInputs(
  workspace: Workspace,
  lock: Lockfile | undefined,
  overrides: Overrides,
  wanted: string[] | undefined,
  options: ReadOptions = {},
): Promise<Result<Inputs>> {
  const diagnostics: Diagnostic[] = [];
  const distributions: DistributionInput[] = [];
  for (const name of Object.keys(workspace.distro.distributions).sort()) {
    if (wanted && !wanted.includes(name)) continue;
    const input = await readDistribution(workspace, name, lock, overrides, reporter);
    append(diagnostics, input.diagnostics);
    if (input.ok) distributions.push(input.value);
  }
  if (process.stderr.isTTY && !isQuiet()) writeControl('\r\x1b[K');
  const unread = diagnostics.filter(isError);
  const kept = await keptUnderlays(workspace, options.underlays ?? {});
  const underlays = await readUnderlays(workspace, kept);
  const rosdep = readRosdep(workspace, options.everyKey ? undefined : neededNames(distributions));
  for (const found of [underlays.diagnostics, rosdep.diagnostics, missingPatches(workspace)])
    append(diagnostics, found);
  if (!rosdep.ok || !underlays.ok) return bad(sorted(diagnostics));
  if (!distributions.length && diagnostics.some(isError)) return bad(sorted(diagnostics));
  const known = distributions.flatMap((d) => d.repositories);
  for (const name of overrides.keys()) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    diagnostics.push(
      error('selection', `--override: no distribution has a repository '${name}'`, {
        hint: near ? `did you mean '${near}'?` : `known repositories: ${known.slice(0, 10).join(', ') || 'none'}`,
      }),
    );
  }
  return good({
    workspace,
    lock,
    distributions,
    rosdep: rosdep.value,
    underlays: underlays.value,
    diagnostics,
    unread,
  });
}

export function planInputs(
  { workspace, lock, distributions, rosdep, underlays, diagnostics, unread }: Inputs,
  selection: Selection,
): Result<Planned> {
  const stamp = lock?.stamp ?? stampOf(Date.now());
  const made = makePlan({
    distro: workspace.distro,
    distroFile: workspace.file,
    distroLine: (path) => lineOf(workspace.file, path),
    stamp,
    distributions,
    rosdep,
    underlays,
    selection,
  });
  const all = sorted([...diagnostics, ...made.diagnostics]);
  if (all.some((d) => d.code === 'selection')) return bad(all);
  const { plan, resolvers } = made;
  return good({ workspace, plan, resolvers, distributions, diagnostics: all, unread, lock }, all);
}

async function planWorkspace(
  workspace: Workspace,
  lock: Lockfile | undefined,
  selection: Selection,
): Promise<Result<Planned>> {
  const inputs = await readInputs(workspace, lock, nothing, selection.distributions);
  return inputs.ok ? planInputs(inputs.value, selection) : inputs;
}

const nothing: Overrides = new Map();

/** Plans the distro repository at a commit, with the lockfile committed there if any. */
export async function planAt(workspace: Workspace, ref: string, selection: Selection): Promise<Result<Planned>> {
  const folder = await checkoutRef(workspace.root, ref, workspace.state);
  if (!folder.ok) return folder;
  const file = join(
    folder.value.folder,
    relative(folder.value.top, workspace.root),
    relative(workspace.root, resolve(workspace.file)),
  );
  const read = await readWorkspace(file, workspace.state);
  if (!read.ok) return read;
  const then: Workspace = { ...read.value, urlBase: workspace.urlBase };
  const lockFile = join(then.root, 'lock.yaml');
  const lock = exists(lockFile) ? await readLock(lockFile, then.state) : undefined;
  if (lock && !lock.ok) return lock;
  return planWorkspace(then, lock?.value, selection);
}

/** Plans with the lockfile in a file. */
export async function planFromLock(workspace: Workspace, file: string, selection: Selection): Promise<Result<Planned>> {
  const lock = await readLock(file, workspace.state);
  return lock.ok ? planWorkspace(workspace, lock.value, selection) : lock;
}

/** Distribution → packages that are new or differ from those at a commit of the distro repository. */
async function changedSince(
  inputs: Inputs,
  ref: string,
  selection: Selection,
): Promise<Result<Record<string, string[]>>> {
  const compared = await compareWith(inputs, ref, selection);
  return compared.ok ? good(changedIn(compared.value.changes)) : compared;
}

/**
 * Compares the whole current plan, with tests where a selection has them, with the plan at a commit of the distro
 * repository.
 */
export async function compareWith(
  inputs: Inputs,
  ref: string,
  { tests, docs }: Selection,
): Promise<Result<{ whole: Planned; changes: ScopeChange[] }>> {
  const everything: Selection = { ...(tests ? { tests } : {}), ...(docs ? { docs } : {}) };
  const before = await planAt(inputs.workspace, ref, everything);
  if (!before.ok) return before;
  const whole = planInputs(inputs, everything);
  return whole.ok ? good({ whole: whole.value, changes: await comparePlanned(before.value, whole.value) }) : whole;
}

/** Distribution → packages that are new or changed themselves, not only through dependencies. */
export function changedIn(changes: readonly ScopeChange[]): Record<string, string[]> {
  const changed: Record<string, Set<string>> = {};
  for (const d of changes) {
    const names = (changed[d.distribution] ??= new Set());
    for (const p of d.packages) if (p.change !== 'removed' && p.change !== 'rebuilt') names.add(p.name);
  }
  return Object.fromEntries(Object.entries(changed).map(([d, names]) => [d, [...names].sort()]));
}
