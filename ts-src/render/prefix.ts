import localSetupTemplate from '../../resources/templates/prefix/local-setup.mustache';
import ofShellTemplate from '../../resources/templates/prefix/of-shell.mustache';
import runTemplate from '../../resources/templates/prefix/run.mustache';
import setupTemplate from '../../resources/templates/prefix/setup.mustache';
import type { Scope } from '../model/plan.ts';
import { renderTemplate, shellQuote } from './template.ts';

/** The parts of a scope that its prefix's own files depend on. */
export type Prefix = Pick<Scope, 'prefix' | 'underlayPrefixes' | 'rosVersion'>;

export interface PrefixFile {
  /** Path in the prefix. */
  name: string;
  text: string;
  mode: number;
}

/** Additional shells with setup files. */
const shells = ['bash', 'zsh'];

/** Shell code that makes installed files of a prefix available, without its underlays. */
export const renderLocalSetup = ({ prefix, rosVersion }: Omit<Prefix, 'underlayPrefixes'>): string =>
  renderTemplate(localSetupTemplate, { prefix: shellQuote(prefix), ros1: rosVersion === 1, ros2: rosVersion === 2 });

/** The files at the root of every prefix: setup files for shells. */
export function prefixFiles(of: Prefix): PrefixFile[] {
  const prefix = shellQuote(of.prefix);
  const texts: Record<string, string> = {
    'local_setup.sh': renderLocalSetup(of),
    // The nearest underlay is sourced last, so that its paths come first.
    'setup.sh': renderTemplate(setupTemplate, {
      prefix,
      underlays: [...of.underlayPrefixes].reverse().map((path) => ({ path: shellQuote(path) })),
    }),
  };
  for (const shell of shells)
    for (const file of ['local_setup', 'setup'])
      texts[`${file}.${shell}`] = renderTemplate(ofShellTemplate, { prefix, file, shell });
  // catkin recognizes a prefix with packages by this file.
  if (of.rosVersion === 1) texts['.catkin'] = '';
  return [
    ...Object.entries(texts).map(([name, text]) => ({ name, text, mode: 0o644 })),
    { name: 'env.sh', text: renderTemplate(runTemplate, { prefix }), mode: 0o755 },
  ].sort((a, b) => (a.name < b.name ? -1 : 1));
}

let names: ReadonlySet<string> | undefined;
const ownNames = (): ReadonlySet<string> =>
  (names ??= new Set(prefixFiles({ prefix: '/', underlayPrefixes: [], rosVersion: 1 }).map((f) => f.name)));

/** Whether a path is one of a prefix's own files. A package that ships one replaces it. */
export const isPrefixFile = (path: string, prefix: string): boolean =>
  path.startsWith(`${prefix}/`) && ownNames().has(path.slice(prefix.length + 1));
