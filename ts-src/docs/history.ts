import type { Store } from '../store/store.ts';
import type { DocPackage } from './package-info.ts';

/** What documentation of a package was like when a site was published. */
export interface Measured {
  stamp: string;
  documented: number;
  total: number;
  warnings: number;
}

export type DocHistory = Record<string, Measured[]>;

const nameOf = (distribution: string): string => `documentation-history/${distribution}.json`;
/** Changes that are remembered of each package. */
const remembered = 50;

const isMeasured = (v: unknown): v is Measured => {
  if (typeof v !== 'object' || v === null) return false;
  const m: Record<string, unknown> = { ...v };
  return typeof m.stamp === 'string' && [m.documented, m.total, m.warnings].every((n) => typeof n === 'number');
};

/** By package of a distribution, oldest first. What is damaged counts as nothing. */
export async function readHistory(store: Store, distribution: string): Promise<DocHistory> {
  const value = await store.readJson<unknown>(nameOf(distribution));
  if (typeof value !== 'object' || value === null) return {};
  return Object.fromEntries(
    Object.entries(value).map(([name, list]) => [
      name,
      Array.isArray(list) ? (list as unknown[]).filter(isMeasured) : [],
    ]),
  );
}

/** Adds what changed since the last time. */
export async function addHistory(store: Store, stamp: string, packages: readonly DocPackage[]): Promise<void> {
  for (const distribution of new Set(packages.map((p) => p.distribution))) {
    const history = await readHistory(store, distribution);
    for (const { name, record, ...p } of packages) {
      if (p.distribution !== distribution || !record) continue;
      const own = Object.hasOwn(history, name) ? (history[name] ?? []) : [];
      const last = own.at(-1);
      const now = { stamp, ...record.coverage, warnings: record.warnings };
      if (last?.documented === now.documented && last.total === now.total && last.warnings === now.warnings) continue;
      history[name] = [...own, now].slice(-remembered);
    }
    await store.writeJson(
      nameOf(distribution),
      Object.fromEntries(Object.entries(history).sort(([a], [b]) => (a < b ? -1 : 1))),
    );
  }
}
