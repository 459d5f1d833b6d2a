import { apiFolder } from '../model/docs.ts';

export interface DoxygenInput {
  name: string;
  version: string;
  description: string;
  /** Installed headers, and pages of the source (`.dox`); absolute paths in the root. */
  headers: readonly string[];
  pages: readonly string[];
  includes: readonly string[];
  /** The package's own Doxyfile in the root, and whether it sets INPUT. */
  own?: { file: string; hasInput: boolean };
  /** Additional lines from rosdoc2.yaml, placed after the own file. */
  statements: readonly string[];
  /** Packages with available tag files. */
  tags: readonly string[];
  /** Path of the source in the root. */
  source: string;
}

/** Quotes a value of a Doxyfile. */
const quoted = (text: string): string => `"${text.replaceAll('\\', '\\\\').replaceAll('"', '\\"')}"`;

/** Slipway's defaults; the package's own file may override them. */
const preferred = [
  'EXTRACT_ALL = YES',
  'EXTRACT_STATIC = YES',
  'JAVADOC_AUTOBRIEF = YES',
  'HIDE_UNDOC_RELATIONS = NO',
  'BUILTIN_STL_SUPPORT = YES',
  'MACRO_EXPANSION = YES',
  'EXPAND_ONLY_PREDEF = NO',
  'SEARCH_INCLUDES = YES',
  'MARKDOWN_SUPPORT = YES',
  'SORT_BRIEF_DOCS = YES',
  'SORT_MEMBERS_CTORS_1ST = YES',
  'INLINE_SIMPLE_STRUCTS = NO',
  'WARN_IF_UNDOCUMENTED = NO',
  'SHOW_NAMESPACES = YES',
  'ALPHABETICAL_INDEX = YES',
  'SHOW_INCLUDE_FILES = YES',
  'VERBATIM_HEADERS = NO',
  'SOURCE_BROWSER = NO',
  'PREDEFINED = __cplusplus=201703L __attribute__(x)= __declspec(x)= DOXYGEN=1',
];

/** Settings that the site requires: relative paths, reproducible output, no programs besides Doxygen. */
const required = [
  'QUIET = YES',
  'WARNINGS = YES',
  'WARN_AS_ERROR = NO',
  'WARN_FORMAT = "$file:$line: $text"',
  'WARN_LOGFILE = /build/docs/doxygen.warnings',
  'OUTPUT_DIRECTORY = /build/docs',
  'CREATE_SUBDIRS = NO',
  'ALLOW_UNICODE_NAMES = NO',
  'CASE_SENSE_NAMES = YES',
  'GENERATE_HTML = YES',
  `HTML_OUTPUT = pages/${apiFolder}`,
  'HTML_FILE_EXTENSION = .html',
  'HTML_HEADER = /slipway/doxygen-header.html',
  'HTML_FOOTER = /slipway/doxygen-footer.html',
  'HTML_STYLESHEET =',
  'HTML_EXTRA_STYLESHEET =',
  'HTML_EXTRA_FILES =',
  'HTML_TIMESTAMP = NO',
  'TIMESTAMP = NO',
  'HTML_DYNAMIC_MENUS = NO',
  'HTML_DYNAMIC_SECTIONS = NO',
  'HTML_CODE_FOLDING = NO',
  'HTML_COPY_CLIPBOARD = NO',
  'SHOW_USED_FILES = NO',
  'DISABLE_INDEX = YES',
  'GENERATE_TREEVIEW = NO',
  'FULL_SIDEBAR = NO',
  'SEARCHENGINE = NO',
  'SERVER_BASED_SEARCH = NO',
  'USE_MATHJAX = NO',
  'GENERATE_LATEX = NO',
  'GENERATE_RTF = NO',
  'GENERATE_MAN = NO',
  'GENERATE_DOCBOOK = NO',
  'GENERATE_HTMLHELP = NO',
  'GENERATE_QHP = NO',
  'GENERATE_ECLIPSEHELP = NO',
  'GENERATE_DOCSET = NO',
  'GENERATE_TODOLIST = YES',
  'GENERATE_XML = YES',
  'XML_OUTPUT = xml',
  'XML_PROGRAMLISTING = NO',
  'GENERATE_TAGFILE = /build/docs/api.tag',
  'ALLEXTERNALS = NO',
  'EXTERNAL_GROUPS = NO',
  'EXTERNAL_PAGES = NO',
  'HAVE_DOT = NO',
  'CLASS_GRAPH = TEXT',
  'CLASS_DIAGRAMS = NO',
  'FILE_VERSION_FILTER =',
  'NUM_PROC_THREADS = 1',
];

/**
 * The Doxyfile of a package: defaults, the package's own file, and the site's required settings, in this order.
 * Doxygen's warnings about settings that its version lacks are not the package's: see `docs.py`.
 */
export function renderDoxyfile(input: DoxygenInput): string {
  const list = (values: readonly string[]) => values.map(quoted).join(' ');
  return `${[
    ...preferred,
    `PROJECT_NAME = ${quoted(input.name)}`,
    `PROJECT_NUMBER = ${quoted(input.version)}`,
    `PROJECT_BRIEF = ${quoted(input.description)}`,
    `INPUT = ${list([...input.headers, ...input.pages, '/slipway/mainpage.dox'])}`,
    `STRIP_FROM_PATH = ${list([...input.includes, input.source])}`,
    `STRIP_FROM_INC_PATH = ${list([...input.includes, input.source])}`,
    `INCLUDE_PATH = ${list(input.includes)}`,
    'RECURSIVE = NO',
    'FILE_PATTERNS = *',
    'EXTENSION_MAPPING = h=C++ tpp=C++ cuh=C++',
    ...(input.own ? [`@INCLUDE = ${input.own.file}`] : []),
    ...(input.own && !input.own.hasInput ? [`INPUT = ${list([...input.headers, ...input.pages])}`] : []),
    ...input.statements,
    ...required,
    `TAGFILES = ${list(input.tags.map((name) => `/slipway/tags/${name}.tag=../../${name}/${apiFolder}`))}`,
  ].join('\n')}\n`;
}
