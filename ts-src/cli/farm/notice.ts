import type { TaskResult } from '../../model/result.ts';
import { taskTitle } from '../../render/summary.ts';
import type { Loaded, RunManifest } from '../../farm/run-manifest.ts';

/** Whether a failed task fails the run. Faults of documentation do only in a strict run. */
export const counts = (t: TaskResult, { documentation }: RunManifest): boolean =>
  t.kind !== 'docs' || documentation === 'strict';

/**
 * What failed and who maintains it, for notifications. A change names no maintainers, because its author could name
 * anyone.
 */
export function factsOf({ bundle, input }: Loaded, results: readonly TaskResult[]): string {
  const failed = results.filter((t) => t.state === 'failed' && counts(t, bundle));
  const maintainers = new Set(
    bundle.untrusted === undefined
      ? input.distributions.flatMap((d) =>
          failed.flatMap((t) => d.packages.get(t.name)?.manifest.maintainers.flatMap((m) => m.email ?? []) ?? []),
        )
      : [],
  );
  return [
    ...failed.map((t) => `failed ${taskTitle(t, t.id)}\n`),
    ...[...maintainers]
      .filter((m) => /^[\w.+-]+@[\w.-]+$/.test(m))
      .sort()
      .slice(0, 20)
      .map((m) => `maintainer ${m}\n`),
  ].join('');
}
