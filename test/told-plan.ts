import { parsePlan } from '../ts-src/model/plan-schema.ts';
import type { PlannedPackage } from '../ts-src/model/plan.ts';

/** The packages of all scopes in the output of `slipway plan --json`. */
export const packagesIn = (printed: string): PlannedPackage[] =>
  parsePlan(JSON.parse(printed)).scopes.flatMap((s) => s.packages);
