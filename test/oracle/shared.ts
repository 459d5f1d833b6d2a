import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What the ROS tools computed from real data; not ours to commit. Found beside the checkout, or where SLIPWAY_SHARED says. */
export const shared = process.env.SLIPWAY_SHARED ?? join(__dirname, '../../../shared');
export const present = existsSync(join(shared, 'oracle'));
if (!present) console.log(`left out: comparisons with the ROS tools (no data at ${shared}; set SLIPWAY_SHARED)`);
export const oracle = <T>(name: string): T => JSON.parse(readFileSync(join(shared, 'oracle', name), 'utf8')) as T;
