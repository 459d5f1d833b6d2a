import { parsePlan } from '../ts-src/model/plan-schema.ts';
import type { PlannedPackage } from '../ts-src/model/plan.ts';

/** The packages of a plan that `slipway plan --json` printed, of all scopes. */
export const packagesIn = (printed: string): PlannedPackage[] =>
  parsePlan(JSON.parse(printed)).scopes.flatMap((s) => s.packages);
