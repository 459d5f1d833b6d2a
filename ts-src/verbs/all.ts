import type { Verb } from './common.ts';
import { build } from './build.ts';
import { doctor } from './doctor.ts';
import { init } from './init.ts';
import { lock } from './lock.ts';
import { plan, validate } from './plan.ts';
import { schema } from './schema.ts';

/** Every verb, in the order that help lists them. */
export const verbs: Record<string, Verb> = { init, validate, plan, build, lock, schema, doctor };
