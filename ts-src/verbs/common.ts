import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { bad, error, isError, sorted, type Diagnostic, type Result } from '../model/diagnostics.ts';
import type { Lock } from '../model/lock.ts';
import { stampOf } from '../model/names.ts';
import type { DistributionInput, Plan } from '../model/plan.ts';
import { makePlan } from '../plan/plan.ts';
import type { Selection } from '../plan/select.ts';
import { neededNames, readDistribution, readRosdep, readWorkspace, type Workspace } from '../read/inputs.ts';
import { readLock } from '../read/lock.ts';
import { readUnderlays } from '../read/underlay.ts';
import { countFaults, renderDiagnostics } from '../render/diagnostics.ts';

/** Exit codes: fine; the user's fault or a failed build; usage; ours. */
export const exit = { ok: 0, failed: 1, usage: 2, internal: 70 } as const;

export interface Option { type: 'string' | 'boolean'; short?: string; multiple?: boolean; value?: string; help: string }
export interface Verb {
  summary: string;
  usage: string;
  /** Longer text of `slipway VERB --help`. */
  details?: string;
  options: Record<string, Option>;
  run(values: Values, positionals: string[]): Promise<number>;
}
export type Values = Record<string, string | boolean | string[] | undefined>;

export const distroOptions = {
  distro: { type: 'string', short: 'd', value: 'FILE', help: 'the distro file (default: distro.yaml here or above)' },
  state: { type: 'string', value: 'DIR', help: 'where sources, roots and the store are kept (default: .slipway beside the distro file)' },
  lock: { type: 'string', value: 'FILE', help: 'take repositories at the commits of this lock' },
} as const satisfies Record<string, Option>;

export const selectionOptions = {
  distribution: { type: 'string', multiple: true, value: 'NAME', help: 'only this distribution (may be given again)' },
  platform: { type: 'string', multiple: true, value: 'NAME', help: 'only this platform (may be given again)' },
  architecture: { type: 'string', multiple: true, value: 'NAME', help: 'only this architecture (may be given again)' },
  variant: { type: 'string', multiple: true, value: 'NAME', help: 'only this variant; the plain one is called default' },
  only: { type: 'boolean', help: 'just the named packages, without what they need' },
} as const satisfies Record<string, Option>;

export const print = (text: string): void => void process.stdout.write(text);
export const complain = (text: string): void => void process.stderr.write(text);

export function showDiagnostics(diagnostics: readonly Diagnostic[]): void {
  if (diagnostics.length) complain(`${renderDiagnostics(diagnostics)}${countFaults(diagnostics)}\n`);
}

/** The distro file: named, or distro.yaml in this folder or one above it. */
export function findDistro(values: Values): string {
  if (typeof values.distro === 'string') return shorten(resolve(values.distro));
  for (let at = process.cwd(); ; at = resolve(at, '..')) {
    if (existsSync(resolve(at, 'distro.yaml'))) return shorten(resolve(at, 'distro.yaml'));
    if (at === '/') return 'distro.yaml';
  }
}

const shorten = (path: string): string => {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
};

export function selectionOf(values: Values, packages: string[]): Selection {
  const list = (v: unknown): string[] | undefined => (Array.isArray(v) ? (v as string[]) : undefined);
  const selection: Selection = {};
  if (packages.length) selection.packages = packages;
  if (values.only) selection.only = true;
  for (const [option, key] of [['distribution', 'distributions'], ['platform', 'platforms'], ['architecture', 'architectures'], ['variant', 'variants']] as const) {
    const wanted = list(values[option]);
    if (wanted) selection[key] = wanted;
  }
  return selection;
}

export interface Planned { workspace: Workspace; plan: Plan; distributions: DistributionInput[]; diagnostics: Diagnostic[]; lock: Lock | undefined }

export interface ReadOptions {
  progress?: (text: string) => void;
  /** rosdep's keys are all read and checked, needed or not. */
  everyKey?: boolean;
}

/** Reads all that a plan needs and makes it. Fails only where there is nothing to plan; other faults are in its diagnostics. */
export async function readAndPlan(values: Values, packages: string[], options: ReadOptions = {}): Promise<Result<Planned>> {
  const read = readWorkspace(findDistro(values), typeof values.state === 'string' ? resolve(values.state) : undefined);
  if (!read.ok) return read;
  const workspace = { ...read.value, root: resolve(read.value.root), state: resolve(read.value.state) };
  const diagnostics: Diagnostic[] = [];
  const lock = typeof values.lock === 'string' ? readLock(values.lock) : undefined;
  if (lock && !lock.ok) return lock;
  const selection = selectionOf(values, packages);
  const distributions: DistributionInput[] = [];
  for (const name of Object.keys(workspace.distro.distributions).sort()) {
    if (selection.distributions && !selection.distributions.includes(name)) continue;
    const input = await readDistribution(workspace, name, lock?.value, options.progress ?? (() => undefined));
    diagnostics.push(...input.diagnostics);
    if (input.ok) distributions.push(input.value);
  }
  const underlays = await readUnderlays(workspace);
  const rosdep = readRosdep(workspace, options.everyKey ? undefined : neededNames(distributions));
  diagnostics.push(...underlays.diagnostics, ...rosdep.diagnostics);
  if (!rosdep.ok || !underlays.ok) return bad(...sorted(diagnostics));
  if (!distributions.length && diagnostics.some(isError)) return bad(...sorted(diagnostics));
  const stamp = lock?.value.stamp ?? stampOf(Date.now());
  const made = makePlan({ distro: workspace.distro, distroFile: workspace.file, stamp, distributions, rosdep: rosdep.value, underlays: underlays.value, selection });
  const all = sorted([...diagnostics, ...made.diagnostics]);
  if (made.diagnostics.some((d) => d.code === 'selection')) return bad(...all);
  return { ok: true, value: { workspace, plan: made.plan, distributions, diagnostics: all, lock: lock?.value }, diagnostics: all };
}

export const failure = (message: string, hint?: string): Diagnostic => error('failed', message, { hint });
