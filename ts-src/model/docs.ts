import type { StoredFile } from './result.ts';

/** Debian packages of documentation tools. They are installed besides the package's test dependencies. */
export const documentationTools = ['doxygen', 'python3-myst-parser', 'python3-sphinx'];

/** The record of a package's documentation, stored under its task's key. */
export interface DocRecord {
  schema: 1;
  key: string;
  package: string;
  /** Why the task failed, one line each: a tool's failure, a header without a page, too many warnings. */
  faults: string[];
  /** Number of warnings, and the first of them as `file:line: text`. */
  warnings: number;
  told: string[];
  /** Public entities (classes, functions, including Python's), and how many of them are described. */
  coverage: { documented: number; total: number };
  /** The first of those without description, as `file:line: name`. */
  undocumented: string[];
  /** Digest of the interface that other packages refer to. */
  digest: string;
  /** A DocInterface, DocFacts, and the pages in one file (`inspect/pages.ts`). */
  interface: StoredFile;
  facts: StoredFile;
  pages: StoredFile;
  log: StoredFile;
  inputs: Record<string, string>;
  milliseconds: number;
}

/** The interface of a package's documentation: what other packages' documentation and the search refer to. */
export interface DocInterface {
  schema: 1;
  /** Doxygen's tag file. */
  tag?: string;
  /** Sphinx's inventory, in base64. */
  inventory?: string;
  messages: { kind: InterfaceKind; name: string }[];
}

export type InterfaceKind = 'msg' | 'srv' | 'action';

/** A field or a constant of a message. */
export interface DocField {
  /** The type as written: `geometry_msgs/Point[<=4]`. */
  type: string;
  name: string;
  /** The value of a constant, or the default of a field. */
  value?: string;
  constant: boolean;
  comment: string;
}

export interface DocMessage {
  kind: InterfaceKind;
  name: string;
  comment: string;
  /** A message has one part, a service two, an action three. */
  parts: { title: string; fields: DocField[] }[];
  /** The definition as installed. */
  text: string;
}

export interface DocPlugin {
  name: string;
  type: string;
  base: string;
  description: string;
}

/** What the site shows about a package besides its manifest. */
export interface DocFacts {
  schema: 1;
  /** HTML, made in the sandbox. */
  readme?: string;
  changelog?: string;
  /** Entry pages, relative to the package's folder. */
  api?: string;
  prose?: string;
  python: string[];
  headers: string[];
  messages: DocMessage[];
  launch: string[];
  parameters: string[];
  plugins: DocPlugin[];
  executables: string[];
}

/** Name of the record in the store. */
export const docsRecordName = (key: string): string => `docs/${key.slice(0, 2)}/${key}.json`;

export const filesOfDocs = (record: Pick<DocRecord, 'interface' | 'facts' | 'pages' | 'log'>): StoredFile[] => [
  record.interface,
  record.facts,
  record.pages,
  record.log,
];

export const apiFolder = 'api';
export const proseFolder = 'doc';
/** Folders with the tools' output in a package's pages; the last one has the pictures of its README. */
export const pageFolders = [apiFolder, proseFolder, 'files'];

/** An entity with a Doxygen page. */
export interface Compound {
  kind: string;
  name: string;
  page: string;
  brief: string;
  title: string;
}

/** The report of the documentation tools' script (`resources/templates/docs/docs.py`). */
export interface DocResults {
  tools: { tool: string; code: number; cpu: number }[];
  warnings: string[];
  warning_count: number;
  documented: number;
  total: number;
  undocumented: string[];
  compounds: Compound[];
  failed_modules: string[];
}
