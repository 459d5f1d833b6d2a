import { join } from 'node:path';
import { error, warning, type Diagnostic } from '../../model/diagnostics.ts';
import { exists, writeWhole } from '../../io/files.ts';
import type { RunPolicy } from '../../plan/branch-policy.ts';
import { sha256 } from '../../model/digest.ts';
import { isObject } from '../../model/stored.ts';
import type { Store } from '../../store/store.ts';
import { isChange, type PrepareValues } from './prepare-options.ts';
import { lockName, namespaceName } from '../../farm/run-manifest.ts';

/**
 * The lockfile of this run: that of a locked track, the one named on the command line, or that of a channel's last
 * successful run.
 */
export async function withLock(
  values: PrepareValues,
  store: Store,
  pipeline: RunPolicy,
  root: string,
  state: string,
): Promise<{ values: PrepareValues; notes: Diagnostic[] } | Diagnostic> {
  if (values.lock !== undefined) return { values, notes: [] };
  if (pipeline.locked) {
    const file = join(root, 'lock.yaml');
    if (exists(file)) return { values: { ...values, lock: file }, notes: [] };
    return error(
      'lock-missing',
      'a tag is built from its committed lockfile, but there is no lock.yaml beside distro.yaml',
      {
        file,
        hint:
          'run `slipway lock -o lock.yaml`, commit the file and tag ' +
          'that commit; or set `locked: false` in the track',
      },
    );
  }
  const like = values.like ?? (isChange(values) ? 'nightly' : undefined);
  if (like === undefined) return { values, notes: [] };
  const kept = await store.readJson(lockName(like));
  const text = isObject(kept) && typeof kept.lock === 'string' ? kept.lock : undefined;
  if (text === undefined)
    return {
      values,
      notes: [
        warning('channel-empty', `the channel '${like}' has no successful run yet: the heads of branches are built`, {
          hint: 'run the distro pipeline once',
        }),
      ],
    };
  // Named by its content: runs of other changes read locks of this name at the same time.
  const file = join(state, 'cache', `lock-${namespaceName(like)}-${sha256(text).slice(0, 16)}.yaml`);
  writeWhole(file, text);
  return { values: { ...values, lock: file }, notes: [] };
}
