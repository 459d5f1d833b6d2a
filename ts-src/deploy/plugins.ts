import table from './plugins.json';
import { compare, error, warning, type Diagnostic } from '../model/diagnostics.ts';

/**
 * Jenkins' version, the plugins that a farm uses and all their dependencies, each with the requirements in its own
 * build file. plugins.txt, the image's tag and docs/jenkins.md are generated from it. `unread` marks a version whose
 * own build file could not be read.
 */
export interface PluginTable {
  /** Jenkins version of the farm's image. */
  jenkins: string;
  /** Oldest Jenkins version that the library was tested on. */
  oldest: string;
  java: number;
  roots: Readonly<Record<string, { for: string; title?: string; atLeast?: string }>>;
  plugins: Readonly<Record<string, PluginEntry>>;
}
export interface PluginEntry {
  version: string;
  /** Oldest Jenkins version that the plugin runs on; null if it is in the parent's build file, which was not read. */
  core: string | null;
  /** Plugin → oldest version that it needs; null if any will do. */
  requires: Readonly<Record<string, string | null>>;
  unread?: string;
}

export const pluginTable: PluginTable = table;

/** plugins.txt for jenkins-plugin-cli: every plugin, including dependencies. */
export function renderPlugins({ jenkins, roots, plugins }: PluginTable = pluginTable): string {
  const line = ([id, { version }]: [string, PluginEntry]) => {
    const why = roots[id]?.for;
    return `${why === undefined ? '' : `# ${why}\n`}${id}:${version}\n`;
  };
  const sorted = Object.entries(plugins).sort(([a], [b]) => compare(a, b));
  const asked = sorted.filter(([id]) => Object.hasOwn(roots, id));
  const brought = sorted.filter(([id]) => !Object.hasOwn(roots, id));
  return `# For Jenkins ${jenkins}. Made by \`slipway deploy\`; \`slipway deploy check\` checks that the list is whole.
# The format takes no digests: jenkins-plugin-cli checks those of the update centre.
${asked.map(line).join('')}
# What these need.
${brought.map(line).join('')}`;
}

/**
 * Compares versions in Jenkins' order (hudson.util.VersionNumber), for the two forms that plugins use: numbers compare
 * as numbers, and the suffix of a continuous release (`.v` and a commit) is ignored.
 */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [partsOf(a), partsOf(b)];
  for (let i = 0; i < Math.max(left.length, right.length); i++) {
    const difference = (left[i] ?? 0) - (right[i] ?? 0);
    if (difference !== 0) return Math.sign(difference);
  }
  return 0;
}

const partsOf = (version: string): number[] =>
  version
    .replace(/\.v[0-9a-f_]+$/, '')
    .split(/[^0-9]+/)
    .filter((part) => part !== '')
    .map(Number);

/** Parses plugins.txt: id → version and line. */
export function parsePlugins(text: string, file: string) {
  const diagnostics: Diagnostic[] = [];
  const plugins = new Map<string, { version: string; line: number }>();
  for (const [i, raw] of text.split('\n').entries()) {
    const line = raw.replace(/#.*/, '').trim();
    if (line === '') continue;
    const where = { file, line: i + 1 };
    const [id = '', version = '', ...more] = line.split(':');
    if (!/^[A-Za-z0-9_-]+$/.test(id) || more.length > 0)
      diagnostics.push(error('deploy-plugins', `'${line}' is not ID:VERSION`, where));
    else if (!/^[0-9][A-Za-z0-9._-]*$/.test(version))
      diagnostics.push(
        error('deploy-plugins', `${id} has no version: each start could install a different one`, where),
      );
    else if (plugins.has(id)) diagnostics.push(error('deploy-plugins', `${id} is listed twice`, where));
    else plugins.set(id, { version, line: i + 1 });
  }
  return { plugins, diagnostics };
}

/** Checks plugins.txt against Jenkins' version and the requirements of each plugin; reports every fault. */
export function checkPlugins(text: string, file: string, jenkins: string, known = pluginTable): Diagnostic[] {
  const { plugins, diagnostics } = parsePlugins(text, file);
  for (const [id, { version, line }] of plugins) {
    const entry = known.plugins[id];
    if (entry === undefined || entry.version !== version) {
      const what = entry === undefined ? id : `${id} ${version}`;
      diagnostics.push(
        warning('deploy-plugins', `Slipway does not know what ${what} needs: not checked`, { file, line }),
      );
      continue;
    }
    if (entry.core !== null && compareVersions(jenkins, entry.core) < 0)
      diagnostics.push(
        error('deploy-plugins', `${id} ${version} needs Jenkins ${entry.core}, the image has ${jenkins}`, {
          file,
          line,
        }),
      );
    for (const [other, least] of Object.entries(entry.requires)) {
      const found = plugins.get(other);
      const wanted = `${other}${least === null ? '' : ` ${least}`}`;
      if (found === undefined)
        diagnostics.push(error('deploy-plugins', `${id} needs ${wanted}, which is not in the list`, { file, line }));
      else if (least !== null && compareVersions(found.version, least) < 0)
        diagnostics.push(
          error('deploy-plugins', `${id} needs ${wanted}, the list has ${found.version}`, { file, line: found.line }),
        );
    }
  }
  return diagnostics;
}
