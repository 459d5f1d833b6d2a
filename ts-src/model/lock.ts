/** What a plan was made from, so that it can be made again: each repository's commit and each package's tree. */
export interface Lock {
  schema: 'slipway-lock-1';
  /** UTC, YYYYMMDDHHMMSS. */
  stamp: string;
  distributions: Record<string, Record<string, { url: string; commit: string; tree: string; packages: Record<string, { version: string; path: string; tree: string; commit?: string }> }>>;
}
