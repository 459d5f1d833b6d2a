import { createHash } from 'node:crypto';
import { lstatSync, readdirSync, readlinkSync } from 'node:fs';
import { basename, join } from 'node:path';
import { digestHeld, LeftBehindError, mostNames, readHeld, shownName } from '../io/untrusted.ts';
import { sha256 } from '../model/digest.ts';
import type { Interface } from '../model/result.ts';
import { withoutComments } from './comments.ts';
import { elfRoom, readElf, type Elf } from './elf.ts';
import { NamedFiles, visibleMetadata } from './for-people.ts';
import { visibleManifest } from './visible-manifest.ts';

/**
 * A file of a package, by how others use it. `full`: every byte; `code`: without comments and files for people; `api`:
 * what a dependent sees; `tool`: what a build that runs the package sees. Undefined: the file does not count.
 * `symbols`: exports of a shared library.
 */
export interface Part {
  path: string;
  full: string;
  code: string | undefined;
  api: string | undefined;
  tool: string | undefined;
  symbols?: string[];
}

/** The files of a package, sorted, and whether it contains programs. */
export interface Description {
  parts: Part[];
  loads: boolean;
  offers: boolean;
}

/** Folders of a package's `share` that only running programs read: no compiler, CMake or generator of a dependent. */
const dataFolders =
  /\/share\/[^/]+\/(launch|config|params?|rviz|maps?|worlds?|models|meshes|media|images|test|tests|scripts_doc)\//;

/**
 * The rules of early cut-off, each with the reason why it is safe. A file without a rule counts with every byte: when
 * in doubt, dependents are rebuilt.
 *
 * - A shared library (not a Python extension) counts by its soname, its needed libraries, and its exported dynamic
 *   symbols with type, binding, version and, for data, size. Linking and loading use nothing else; compilers read
 *   headers, which count separately. A library's code does not get into a dependent's files.
 * - A program outside of `bin` counts by its name, unless a CMake file of the package names it: a dependent's build
 *   does not use it. A program in `bin`, or named in CMake, may be run by a dependent's build: it counts with every
 *   byte, and so does everything that it could load (`offers`).
 * - A C or C++ header, a CMake file and a Python source count without comments, if removing them keeps the line of each
 *   token and, in a header, its column (`withoutComments`): compilers, CMake and Python then give the same result.
 * - `package.xml` counts by name, version, dependencies, groups and exports (`visibleManifest`): plans take
 *   dependencies from the package's own manifest, and tools read nothing else of another's. The metadata of a Python
 *   distribution counts by the headers that programs read.
 * - Files for people (README, CHANGELOG, licences, folders of documents: `isForPeople`) do not count, unless the
 *   package's own CMake, pkg-config or Python text names them.
 * - Python byte code counts by its source, which lies beside it.
 * - `share/NAME/launch`, `config` and similar folders (see `dataFolders`) do not count, unless a CMake file of the
 *   package names them: only running programs read them.
 * - `usr/share/doc` does not count: no build reads it.
 *
 * A build that runs the package (a build tool) sees all files. Code of shared libraries counts only if it can be
 * loaded: if neither the tool nor its dependencies have a program or a Python extension, or call foreign code from
 * Python (`loads`), nothing loads it.
 */
export function describe(stage: string): Description {
  const files = installedFiles(stage);
  const context: Context = {
    cmake: new NamedFiles(textOf(stage, files, /\.cmake$/)),
    read: new NamedFiles(textOf(stage, files, /\.(cmake|pc|py|em|in|sh|bash|zsh|dsv)$|\/s?bin\//)),
    paths: new Set(files.map((f) => f.path)),
  };
  let loads = false;
  let offers = false;
  const room = elfRoom();
  const parts = files.map((f): Part => {
    if (f.link !== undefined) {
      const link = whole(f, `-> ${f.link}`);
      return { path: f.path, full: link, code: link, api: link, tool: link };
    }
    const data = readHeld(stage, f.path);
    if (!data) {
      const full = whole(f, digestHeld(stage, f.path));
      return { path: f.path, full, code: full, api: full, tool: full };
    }
    const elf = readElf(data, room);
    const binary = elf && describeBinary(f, data, elf, context.cmake);
    loads ||= binary?.loads ?? callsForeignCode(f, data);
    offers ||= binary?.offers ?? false;
    return binary?.part ?? describeText(f, data, elf !== undefined, context);
  });
  return { parts, loads, offers };
}

/** A file or symlink that a package installs. `mode`: 1 if it is executable. */
interface Installed {
  path: string;
  mode: number;
  link?: string;
}

/** Context of the rules besides the file itself. */
interface Context {
  /** Names in the package's CMake files, and names in all files that a dependent's build may run or read paths from. */
  cmake: NamedFiles;
  read: NamedFiles;
  paths: ReadonlySet<string>;
}

function installedFiles(stage: string): Installed[] {
  const files: Installed[] = [];
  const walk = (folder: string, shown: string, depth = 0): void => {
    if (depth > 100) throw new LeftBehindError(`${shownName(shown)} is nested more than 100 deep`);
    for (const entry of readdirSync(folder, { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const full = join(folder, entry.name);
      const path = `${shown}/${entry.name}`;
      if (shown === '' && entry.name === 'DEBIAN') continue;
      if (path === '/usr/share/doc') continue;
      if (entry.isDirectory()) walk(full, path, depth + 1);
      else if (entry.isSymbolicLink()) files.push({ path, mode: 0, link: readlinkSync(full) });
      else if (entry.isFile()) files.push({ path, mode: lstatSync(full).mode & 0o111 ? 1 : 0 });
      else throw new LeftBehindError(`${shownName(path)} is neither a file, a folder nor a link`);
      if (files.length > mostNames) throw new LeftBehindError(`it installs more than ${mostNames} files`);
    }
  };
  walk(stage, '');
  return files;
}

const whole = ({ mode }: Installed, text: string): string => `${mode} ${text}`;

/**
 * A library or program: its part, whether it can load libraries (a program or Python extension), and whether a build
 * may run it.
 */
function describeBinary(
  f: Installed,
  data: Buffer,
  elf: Elf,
  cmake: NamedFiles,
): { part: Part; loads: boolean; offers: boolean } | undefined {
  const full = whole(f, sha256(data));
  const entire: Part = { path: f.path, full, code: full, api: full, tool: full };
  if (elf.kind === 'library') {
    if (/\/(site|dist)-packages\//.test(f.path)) return { part: entire, loads: true, offers: false };
    const text = whole(f, digestOf(elf));
    const symbols = [`soname ${elf.soname ?? 'none'}`, ...elf.needed.map((n) => `needs ${n}`), ...elf.exports];
    return { part: { ...entire, api: text, tool: text, symbols }, loads: false, offers: false };
  }
  if (elf.kind !== 'program') return undefined;
  const offered = /^\/[^]*\/s?bin\/[^/]+$/.test(f.path) || cmake.has(basename(f.path));
  return offered
    ? { part: entire, loads: true, offers: true }
    : { part: { ...entire, api: whole(f, 'a program') }, loads: true, offers: false };
}

/** Digest of JSON, which may be longer than a text may be. */
function digestOf({ soname, needed, exports }: Elf): string {
  const hash = createHash('sha256').update(`[${JSON.stringify(soname ?? null)}`);
  for (const names of [needed, exports]) {
    hash.update(',[');
    names.forEach((name, i) => hash.update(`${i ? ',' : ''}${JSON.stringify(name)}`));
    hash.update(']');
  }
  return hash.update(']').digest('hex');
}

/** Whether a Python file or a script loads libraries itself. */
function callsForeignCode({ path, mode }: Installed, data: Buffer): boolean {
  if (!path.endsWith('.py') && !(mode && data.subarray(0, 2).toString() === '#!')) return false;
  return data.length > mostText || /\b(ctypes|cffi|cppyy)\b/.test(data.toString('utf8'));
}

/** All other files. */
function describeText(f: Installed, data: Buffer, isElf: boolean, { cmake, read, paths }: Context): Part {
  const { path } = f;
  const full = whole(f, sha256(data));
  const text = isElf || data.length > mostText ? undefined : data;
  const plain = text && plainly(() => withoutComments(path, text.toString('latin1')));
  const code = plain === undefined ? full : whole(f, sha256(`without comments ${plain}`));
  const seen = (of: string | undefined): Part => ({ path, full, code: of, api: of, tool: of });
  if (path.endsWith('.pyc')) {
    const source = path.replace(/__pycache__\/([^/.]+)\.[^/]*\.pyc$/, '$1.py');
    return seen(paths.has(source) ? undefined : code);
  }
  if (/\/share\/[^/]+\/package\.xml$/.test(path)) {
    const visible = text && plainly(() => visibleManifest(text.toString('utf8')));
    return seen(visible === undefined ? full : whole(f, sha256(`visible ${visible}`)));
  }
  if (/\.(egg-info\/PKG-INFO|egg-info|dist-info\/METADATA)$/.test(path))
    return seen(text ? whole(f, sha256(`visible ${visibleMetadata(text.toString('utf8'))}`)) : full);
  if (!isElf && read.isForPeople(path)) return seen(undefined);
  if (dataFolders.test(path) && !cmake.has(basename(path))) return { path, full, code, api: undefined, tool: code };
  return seen(code);
}

/** Digests of a package's interface. */
export function interfaceOf({ parts, loads, offers }: Description): Interface {
  const digest = (of: (p: Part) => string | undefined) => {
    const hash = createHash('sha256');
    for (const p of parts) {
      const text = of(p);
      if (text !== undefined) hash.update(`${p.path}\0${text}\n`);
    }
    return hash.digest('hex');
  };
  return {
    api: digest((p) => p.api),
    tool: digest((p) => p.tool),
    code: digest((p) => p.code),
    full: digest((p) => p.full),
    loads,
    offers,
  };
}

/** Larger files are not parsed: every byte counts. */
const mostText = 4 << 20;
/** Limit for all texts of a package that are searched for names. Above it, every name counts as named. */
const mostTextInAll = 16 << 20;

/** Parsing an untrusted text may overflow the stack; every byte counts then. */
function plainly(work: () => string | undefined): string | undefined {
  try {
    return work();
  } catch (e) {
    if (e instanceof RangeError) return undefined;
    throw e;
  }
}

/**
 * Text of the package's files that match the pattern and that a dependent's build may run or read. Undefined if too
 * large.
 */
function textOf(stage: string, files: readonly Installed[], pattern: RegExp): string | undefined {
  const texts: string[] = [];
  let bytes = 0;
  for (const { path, link } of files) {
    if (link !== undefined || !pattern.test(path)) continue;
    const data = readHeld(stage, path);
    if (!data) return undefined;
    if (data.subarray(0, 4096).includes(0)) continue;
    bytes += data.length;
    if (bytes > mostTextInAll) return undefined;
    texts.push(data.toString('latin1'));
  }
  return texts.join('\n');
}
