import type { DocPackage } from '../ts-src/docs/package-info.ts';
import type { DocFacts, DocRecord } from '../ts-src/model/docs.ts';
import type { StoredFile } from '../ts-src/model/result.ts';

/** What is found in a package that has nothing to document. */
export const noFacts: DocFacts = {
  schema: 1,
  python: [],
  headers: [],
  messages: [],
  launch: [],
  parameters: [],
  plugins: [],
  executables: [],
};

/** A package of the distribution `d`, without documentation. */
export const describedPackage = (name: string, more: Partial<DocPackage> = {}): DocPackage => ({
  distribution: 'd',
  name,
  version: '1.0.0',
  description: `The package ${name}.`,
  maintainers: [],
  authors: [],
  licenses: [],
  urls: [],
  buildType: 'cmake',
  repository: name,
  url: 'u',
  path: '',
  debian: `acme-d-${name}`,
  build: [],
  run: [],
  test: [],
  system: [],
  dependents: [],
  channels: [],
  ...more,
});

/** A record of documentation whose files are all the same one. */
export const docRecord = (name: string, stored: StoredFile, more: Partial<DocRecord> = {}): DocRecord => ({
  schema: 1,
  key: '0'.repeat(64),
  package: name,
  faults: [],
  warnings: 0,
  told: [],
  coverage: { documented: 0, total: 0 },
  undocumented: [],
  digest: '0'.repeat(64),
  inputs: {},
  interface: stored,
  facts: stored,
  pages: stored,
  log: stored,
  milliseconds: 0,
  ...more,
});
