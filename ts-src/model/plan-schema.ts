import * as z from 'zod';
import type { BuildType } from './build-types/index.ts';
import type { Plan } from './plan.ts';

/** The published schema of a plan. The compiler checks below that it agrees with the type `Plan`. */
const planSchema = () => {
  const names = z.array(z.string());
  return z.strictObject({
    schema: z.literal('slipway-plan-1'),
    organization: z.string(),
    stamp: z.string().regex(/^\d{14}$/),
    scopes: z.array(
      z.strictObject({
        distribution: z.string(),
        platform: z.string(),
        rosVersion: z.union([z.literal(1), z.literal(2)]),
        prefix: z.string(),
        underlayPrefixes: names,
        targets: z.array(
          z.strictObject({
            platform: z.string(),
            os: z.enum(['debian', 'ubuntu']),
            release: z.string(),
            architecture: z.string(),
            variant: z.string(),
          }),
        ),
        packages: z.array(
          z.strictObject({
            name: z.string(),
            repository: z.string(),
            version: z.string(),
            buildType: z.string() as unknown as z.ZodType<BuildType>,
            source: z.strictObject({
              url: z.string(),
              commit: z.string().optional(),
              tree: z.string().optional(),
              ref: z.string().optional(),
              path: z.string(),
            }),
            debian: z.string(),
            why: z.union([
              z.strictObject({ named: z.literal(true) }),
              z.strictObject({ neededBy: z.string(), forTests: z.literal(true).optional() }),
            ]),
            build: names,
            run: names,
            test: names,
            tools: names,
            systemBuild: names,
            systemRun: names,
            systemTest: names,
            docs: names.optional(),
            systemDocs: names.optional(),
            impliedBuild: names.optional(),
            impliedTest: names.optional(),
            bounds: z.record(z.string(), names),
            conflicts: names.optional(),
            replaces: names.optional(),
            systemBounds: z.array(z.strictObject({ package: z.string(), bounds: names, run: z.boolean() })).optional(),
            systemFiles: z
              .array(
                z.strictObject({
                  path: z.string(),
                  installed: z.boolean(),
                  target: z.string(),
                  link: z.strictObject({ path: z.string(), target: z.string() }).optional(),
                }),
              )
              .optional(),
            blocked: z.string().optional(),
            undocumented: z.literal(true).optional(),
            mustBeCached: z.literal(true).optional(),
            depth: z.number().int(),
          }),
        ),
      }),
    ),
  });
};

type Loose<T> = T extends (infer U)[] ? Loose<U>[] : T extends object ? { [K in keyof T]: Loose<T[K]> | undefined } : T;
const agrees = (plan: Plan): Loose<z.output<ReturnType<typeof planSchema>>> => plan;
void agrees;

export const planJsonSchema = (): unknown => z.toJSONSchema(planSchema(), { unrepresentable: 'any' });
export const parsePlan = (value: unknown): Plan => planSchema().parse(value) as Plan;
