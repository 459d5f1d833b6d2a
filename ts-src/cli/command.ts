import { appendFileSync, existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { isError, type Diagnostic } from '../model/diagnostics.ts';
import { countFaults, renderDiagnostics } from '../render/diagnostics.ts';
import type { Selection } from '../plan/select.ts';

/** Exit codes: fine; the user's fault or a failed build; usage; ours. */
export const exit = { ok: 0, failed: 1, usage: 2, internal: 70 } as const;

export interface Option {
  type: 'string' | 'boolean';
  short?: string;
  multiple?: boolean;
  value?: string;
  help: string;
}
export interface Command {
  summary: string;
  usage: string;
  /** Longer text of `slipway VERB --help`. */
  details?: string;
  /** Command lines that show its use. */
  examples?: readonly string[];
  options: Record<string, Option>;
  run(values: Values, positionals: string[]): Promise<number>;
}
export type Values = Record<string, string | boolean | string[] | undefined>;

export const distroOptions = {
  distro: { type: 'string', short: 'd', value: 'FILE', help: 'the distro file (default: distro.yaml here or above)' },
  state: {
    type: 'string',
    value: 'DIR',
    help: 'where sources, roots and the store are kept (default: .slipway beside the distro file)',
  },
  lock: { type: 'string', value: 'FILE', help: 'take repositories at the commits of this lock' },
  override: {
    type: 'string',
    multiple: true,
    value: 'NAME=DIR',
    help: 'take repository NAME from a folder as it is; NAME@REF from another branch, tag or commit; NAME#N from the merge commit of pull request N (may be given again)',
  },
} as const satisfies Record<string, Option>;

export const selectionOptions = {
  above: {
    type: 'string',
    multiple: true,
    value: 'GLOB',
    help: 'only these and what needs them to build, run or test (may be given again)',
  },
  repository: {
    type: 'string',
    multiple: true,
    value: 'GLOB',
    help: 'only packages of these repositories (may be given again)',
  },
  'changed-since': {
    type: 'string',
    value: 'COMMIT',
    help: 'only what this commit of the distro repository would plan otherwise',
  },
  distribution: { type: 'string', multiple: true, value: 'NAME', help: 'only this distribution (may be given again)' },
  platform: { type: 'string', multiple: true, value: 'NAME', help: 'only this platform (may be given again)' },
  architecture: { type: 'string', multiple: true, value: 'NAME', help: 'only this architecture (may be given again)' },
  variant: {
    type: 'string',
    multiple: true,
    value: 'NAME',
    help: 'only this variant; the plain one is called default',
  },
  only: { type: 'boolean', help: 'just the named packages, without what they need' },
} as const satisfies Record<string, Option>;

export const writeOutput = (text: string): void => void process.stdout.write(text);
export const writeMessage = (text: string): void => void process.stderr.write(text);

export function showDiagnostics(diagnostics: readonly Diagnostic[]): void {
  if (!diagnostics.length) return;
  writeMessage(`${renderDiagnostics(diagnostics)}${countFaults(diagnostics)}\n`);
  // For whoever started us and has to say in a line why we failed: Jenkins' step.
  const file = process.env.SLIPWAY_ERRORS_FILE;
  const errors = diagnostics.filter(isError);
  if (file !== undefined && file !== '' && errors.length) appendFileSync(file, renderDiagnostics(errors.slice(0, 20)));
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
  for (const [option, key] of [
    ['above', 'above'],
    ['repository', 'repositories'],
    ['distribution', 'distributions'],
    ['platform', 'platforms'],
    ['architecture', 'architectures'],
    ['variant', 'variants'],
  ] as const) {
    const wanted = list(values[option]);
    if (wanted) selection[key] = wanted;
  }
  return selection;
}
