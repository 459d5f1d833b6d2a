import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RosdepResolution } from '../../ts-src/model/rosdep.ts';

/**
 * Results of the ROS tools on real data, which can't be committed. Expected beside the checkout, or at SLIPWAY_SHARED.
 */
export const shared = process.env.SLIPWAY_SHARED ?? join(__dirname, '../../../shared');
export const present = existsSync(join(shared, 'oracle'));
if (!present) console.log(`left out: comparisons with the ROS tools (no data at ${shared}; set SLIPWAY_SHARED)`);
/**
 * Whether a test's reference data exists: `make.sh` generates most of it, except files written by hand for single
 * cases.
 */
const missing = new Set<string>();
export function has(...names: string[]): boolean {
  const lacking = names.filter((n) => present && !existsSync(join(shared, 'oracle', n)));
  for (const n of lacking)
    if (!missing.has(n)) console.log(`left out: the comparison with ${n}, which is not in ${join(shared, 'oracle')}`);
  for (const n of lacking) missing.add(n);
  return present && !lacking.length;
}
export const oracle = <T>(name: string): T => JSON.parse(readFileSync(join(shared, 'oracle', name), 'utf8')) as T;

/** A rule of rosdep in the form of rosdep's stored answers. */
export function asRosdepSays(rule: RosdepResolution): { error: string } | { installer: string; packages: string[] } {
  if (rule.kind === 'no-key') return { error: 'KeyError' };
  if (rule.kind === 'not-here') return { error: 'ResolutionError' };
  return { installer: rule.installer, packages: rule.packages };
}
