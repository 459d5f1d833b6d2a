import type { StoredFile } from './result.ts';

/** Debian packages that make documentation, beside what a package needs for its tests. */
export const documentationTools = ['doxygen', 'python3-myst-parser', 'python3-sphinx'];

/** What the store keeps of a package's documentation, under its task's key. */
export interface DocRecord {
  schema: 1;
  key: string;
  package: string;
  /** Why it counts as failed, one line each: a tool's end, a header without a page, too many warnings. */
  faults: string[];
  /** How often tools warned, and the first of what they said, as `file:line: text`. */
  warnings: number;
  told: string[];
  /** Public entities (classes, functions, Python's too), and how many of them have a description. */
  coverage: { documented: number; total: number };
  /** The first of those without, as `file:line: name`. */
  undocumented: string[];
  /** Digest of what other packages refer to. */
  digest: string;
  /** A DocInterface, DocFacts, and the pages in one file (`inspect/pages.ts`). */
  interface: StoredFile;
  facts: StoredFile;
  pages: StoredFile;
  log: StoredFile;
  inputs: Record<string, string>;
  milliseconds: number;
}

/** What other packages' documentation, and the search, refer to. */
export interface DocInterface {
  schema: 1;
  /** Doxygen's tag file. */
  tag?: string;
  /** Sphinx' inventory, in base64. */
  inventory?: string;
  messages: { kind: InterfaceKind; name: string }[];
}

export type InterfaceKind = 'msg' | 'srv' | 'action';

/** A field or a constant of a message. */
export interface DocField {
  /** As it is written: `geometry_msgs/Point[<=4]`. */
  type: string;
  name: string;
  /** Of a constant its value, of a field its default. */
  value?: string;
  constant: boolean;
  comment: string;
}

export interface DocMessage {
  kind: InterfaceKind;
  name: string;
  comment: string;
  /** One of a message, two of a service, three of an action. */
  parts: { title: string; fields: DocField[] }[];
  /** The definition as it is installed. */
  text: string;
}

export interface DocPlugin {
  name: string;
  type: string;
  base: string;
  description: string;
}

/** What the site says of a package beside its manifest. */
export interface DocFacts {
  schema: 1;
  /** HTML, made in the sandbox. */
  readme?: string;
  changelog?: string;
  /** Pages to begin with, below the package's folder. */
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

/** Where the store keeps a record. */
export const docsRecordName = (key: string): string => `docs/${key.slice(0, 2)}/${key}.json`;

export const filesOfDocs = (record: Pick<DocRecord, 'interface' | 'facts' | 'pages' | 'log'>): StoredFile[] => [
  record.interface,
  record.facts,
  record.pages,
  record.log,
];

export const apiFolder = 'api';
export const proseFolder = 'doc';
/** Folders of a package that what the tools made lies in; the last holds pictures of its README. */
export const pageFolders = [apiFolder, proseFolder, 'files'];

/** One thing that Doxygen has a page of. */
export interface Compound {
  kind: string;
  name: string;
  page: string;
  brief: string;
  title: string;
}

/** What the script of the documentation tools tells of its run (`resources/templates/docs/docs.py`). */
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
