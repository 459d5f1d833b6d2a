import type { DocRecord } from '../model/docs.ts';
import type { Store } from '../store/store.ts';
import type { DocPackage, Measured } from './package-info.ts';

export type DocHistory = Record<string, Measured[]>;

const nameOf = (distribution: string): string => `documentation-history/${distribution}.json`;
/** Number of changes remembered for each package. */
const remembered = 50;

const isMeasured = (v: unknown): v is Measured => {
  if (typeof v !== 'object' || v === null) return false;
  const m: Record<string, unknown> = { ...v };
  return typeof m.stamp === 'string' && [m.documented, m.total, m.warnings].every((n) => typeof n === 'number');
};

/** History by package of a distribution, oldest first. A damaged file counts as empty. */
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

export const measuredOf = (history: DocHistory, name: string): readonly Measured[] =>
  Object.hasOwn(history, name) ? (history[name] ?? []) : [];

/** The measurements of a package, oldest first, including this run's if it changed. */
export function withNow(known: readonly Measured[], record: DocRecord, stamp: string): readonly Measured[] {
  const last = known.at(-1);
  const now: Measured = { stamp, ...record.coverage, warnings: record.warnings };
  const same = last?.documented === now.documented && last.total === now.total && last.warnings === now.warnings;
  return same ? known : [...known, now].slice(-remembered);
}

/** Adds this run's measurements where they changed. */
export async function addHistory(store: Store, stamp: string, packages: readonly DocPackage[]): Promise<void> {
  for (const distribution of new Set(packages.map((p) => p.distribution))) {
    const history = await readHistory(store, distribution);
    for (const { name, record, ...p } of packages) {
      if (p.distribution !== distribution || !record) continue;
      history[name] = [...withNow(measuredOf(history, name), record, stamp)];
    }
    await store.writeJson(
      nameOf(distribution),
      Object.fromEntries(Object.entries(history).sort(([a], [b]) => (a < b ? -1 : 1))),
    );
  }
}
