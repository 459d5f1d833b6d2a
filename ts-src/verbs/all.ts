import type { Verb } from './common.ts';
import { build } from './build.ts';
import { plan, validate } from './plan.ts';

/** Every verb, in the order that help lists them. */
export const verbs: Record<string, Verb> = { validate, plan, build };
