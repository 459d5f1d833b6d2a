import { readFileSync } from 'node:fs';
import { z } from 'zod';

const results = z.object({
  results: z.array(
    z.object({
      id: z.string(),
      name: z.string(),
      kind: z.string(),
      state: z.string(),
      reason: z.string(),
      key: z.string().optional(),
      version: z.string().optional(),
      debs: z.array(z.object({ name: z.string(), sha256: z.string() })).optional(),
    }),
  ),
});

/** The fields of a task's result that tests use. */
export type Result = z.infer<typeof results>['results'][number];

/** The results of tasks in a result.json. */
export const resultsIn = (file: string): Result[] => results.parse(JSON.parse(readFileSync(file, 'utf8'))).results;

/** The result of a package's build. */
export function resultNamed(found: readonly Result[], name: string): Result {
  const result = found.find((r) => r.name === name);
  if (!result) throw new Error(`there is no result of ${name}`);
  return result;
}
