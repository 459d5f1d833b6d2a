import { append } from '../../model/lists.ts';
import { compare } from '../../model/diagnostics.ts';
import { LeftBehindError, listLeft, readLeft, walkLeft } from '../../io/untrusted.ts';
import { asMap, parseYaml } from '../../read/yaml.ts';

/** Documentation settings in a package's source. Paths are relative to the source. */
export interface DocWishes {
  readme?: string;
  changelog?: string;
  /** `selects`: entities without comments get no page. */
  doxyfile?: { path: string; hasInput: boolean; selects: boolean };
  /** Additional lines for Doxygen. */
  statements: string[];
  /** Folder of prose, and its conf.py if any. */
  prose?: string;
  conf?: string;
  /** `.dox` files. */
  pages: string[];
  doxygen: boolean;
  /** Whether to make pages of Python modules. */
  python: boolean;
  /** Settings that are not supported, for people. */
  notes: string[];
}

const largestText = 4 << 20;

/**
 * Reads the documentation settings of a source (README, CHANGELOG, Doxyfile, doc/conf.py, rosdoc2.yaml) before any of
 * its code runs. Symlinks are not followed: they are ignored and reported.
 */
export async function readWishes(source: string): Promise<DocWishes> {
  const notes: string[] = [];
  const top = new Map((await listLeft(source, '')).map((e) => [e.name, e.kind]));
  const isFile = async (path: string): Promise<boolean> => {
    try {
      return (await readLeft(source, path, largestText)) !== undefined;
    } catch (e) {
      if (!(e instanceof LeftBehindError)) throw e;
      notes.push(e.message);
      return false;
    }
  };
  const first = async (names: readonly string[]): Promise<string | undefined> => {
    for (const name of names) if (top.has(name) && (await isFile(name))) return name;
    return undefined;
  };
  const said = await readRosdoc(source, notes);
  const folder = said.prose ?? ['doc', 'docs'].find((name) => top.get(name) === 'a folder');
  const inFolder = folder === undefined ? [] : await textsIn(source, folder, notes);
  const conf = ['conf.py', 'source/conf.py'].map((f) => `${folder}/${f}`).find((f) => inFolder.includes(f));
  const prose = conf === undefined ? folder : conf.slice(0, -'/conf.py'.length);
  const hasProse = inFolder.some((f) => /\.(rst|md)$/.test(f));
  const doxyfile =
    said.doxyfile ??
    (await first(['Doxyfile', 'doxyfile'])) ??
    ['Doxyfile', 'doxyfile'].map((f) => `${folder}/${f}`).find((f) => inFolder.includes(f));
  const text = doxyfile === undefined ? undefined : await textOf(source, doxyfile, notes);
  const readme = await first(['README.md', 'README.rst', 'README', 'README.txt', 'readme.md']);
  const changelog = await first(['CHANGELOG.rst', 'CHANGELOG.md', 'CHANGES.rst', 'CHANGES.md']);
  return {
    ...(readme === undefined ? {} : { readme }),
    ...(changelog === undefined ? {} : { changelog }),
    ...(doxyfile === undefined || text === undefined
      ? {}
      : {
          doxyfile: {
            path: doxyfile,
            hasInput: /^[ \t]*INPUT[ \t]*\+?=[ \t]*\S/m.test(text),
            selects: /^[ \t]*EXTRACT_ALL[ \t]*=[ \t]*NO\b/im.test(text),
          },
        }),
    ...(prose !== undefined && (conf !== undefined || hasProse) ? { prose } : {}),
    ...(conf === undefined ? {} : { conf }),
    statements: said.statements,
    pages: [
      ...[...top].flatMap(([name, kind]) => (name.endsWith('.dox') && kind === 'a file' ? [name] : [])),
      ...inFolder.filter((f) => f.endsWith('.dox')),
    ].sort(compare),
    doxygen: said.doxygen,
    python: said.python,
    notes,
  };
}

async function textsIn(source: string, folder: string, notes: string[]): Promise<string[]> {
  try {
    const found = await walkLeft(source, folder, { most: 20_000 });
    return found.flatMap(({ path, kind }) => (kind === 'a file' ? [path] : []));
  } catch (e) {
    if (!(e instanceof LeftBehindError)) throw e;
    notes.push(e.message);
    return [];
  }
}

async function textOf(source: string, path: string, notes: string[]): Promise<string | undefined> {
  try {
    return (await readLeft(source, path, largestText))?.toString('utf8');
  } catch (e) {
    if (!(e instanceof LeftBehindError)) throw e;
    notes.push(e.message);
    return undefined;
  }
}

interface Said {
  /** `selects`: entities without comments get no page. */
  doxyfile?: string;
  statements: string[];
  prose?: string;
  doxygen: boolean;
  python: boolean;
}

const settingsKnown = new Set([
  'generate_package_index',
  'always_run_doxygen',
  'never_run_doxygen',
  'always_run_sphinx_apidoc',
  'never_run_sphinx_apidoc',
  'override_build_type',
  'enable_breathe',
  'enable_exhale',
  'disable_breathe',
  'disable_exhale',
  'show_exec_dep',
  'python_source',
  'user_doc_dir',
]);

/** Reads rosdoc2.yaml (header, settings and builders) or ROS 1's rosdoc.yaml (a list of builders). */
async function readRosdoc(source: string, notes: string[]): Promise<Said> {
  const said: Said = { statements: [], doxygen: true, python: true };
  for (const file of ['rosdoc2.yaml', 'rosdoc.yaml']) {
    const text = await textOf(source, file, notes);
    if (text === undefined) continue;
    // rosdoc2.yaml has two documents: a header and the configuration.
    const part =
      text
        .split(/^---\s*$/m)
        .filter((t) => t.trim() !== '')
        .at(-1) ?? '';
    const read = parseYaml(part, file);
    if (!read.ok) {
      notes.push(`${file}:1: ${read.diagnostics[0]?.message ?? 'it can not be read'}`);
      continue;
    }
    const whole = asMap(read.value);
    const builders = Array.isArray(read.value) ? (read.value as unknown[]) : whole?.builders;
    takeSettings(asMap(whole?.settings) ?? {}, said, file, notes);
    if (Array.isArray(builders)) for (const b of builders as unknown[]) takeBuilder(asMap(b) ?? {}, said, file, notes);
  }
  return said;
}

function takeSettings(settings: Record<string, unknown>, said: Said, file: string, notes: string[]): void {
  if (settings.never_run_doxygen === true) said.doxygen = false;
  if (settings.never_run_sphinx_apidoc === true) said.python = false;
  takePath(settings.user_doc_dir, (p) => (said.prose = p), `${file}: user_doc_dir`, notes);
  for (const key of Object.keys(settings))
    if (!settingsKnown.has(key)) notes.push(`${file}:1: the setting '${key}' is not known`);
}

function takeBuilder(builder: Record<string, unknown>, said: Said, file: string, notes: string[]): void {
  // rosdoc2 has `- doxygen: {…}`, rosdoc `- {builder: doxygen, …}`.
  const old = typeof builder.builder === 'string';
  const [kind, settings] = old ? [builder.builder, builder] : (Object.entries(builder)[0] ?? ['', {}]);
  const values = asMap(settings) ?? {};
  if (kind === 'doxygen') {
    takePath(values.doxyfile ?? values.config, (p) => (said.doxyfile = p), `${file}: doxyfile`, notes);
    const lines = values.extra_doxyfile_statements;
    if (Array.isArray(lines))
      append(
        said.statements,
        lines.flatMap((l) => statementOf(l, file, notes)),
      );
    const left: unknown = values.exclude_patterns;
    if (typeof left === 'string') append(said.statements, statementOf(`EXCLUDE_PATTERNS = ${left}`, file, notes));
  } else if (kind === 'sphinx')
    takePath(
      values.sphinx_sourcedir ?? values.user_doc_dir ?? values.sphinx_root_dir,
      (p) => (said.prose = p),
      file,
      notes,
    );
  else if (kind !== 'epydoc' && kind !== 'external')
    notes.push(`${file}:1: the builder '${String(kind)}' is not known`);
}

/** A Doxygen line `NAME = value`. Refuses line breaks and settings that read other files. */
function statementOf(line: unknown, file: string, notes: string[]): string[] {
  if (typeof line === 'string' && /^[A-Z][A-Z0-9_]*\s*\+?=[^\n\r\0]*$/.test(line.trim())) return [line.trim()];
  notes.push(`${file}:1: ${JSON.stringify(line)} is no setting of Doxygen`);
  return [];
}

function takePath(value: unknown, take: (path: string) => void, where: string, notes: string[]): void {
  if (value === undefined || value === null) return;
  const path = typeof value === 'string' ? value.replace(/^\.\//, '').replace(/\/+$/, '') : '';
  if (/^[A-Za-z0-9._+-]+(\/[A-Za-z0-9._+-]+)*$/.test(path) && !path.split('/').some((p) => p === '..' || p === '.'))
    take(path);
  else notes.push(`${where}:1: ${JSON.stringify(value)} is no path in the package`);
}
