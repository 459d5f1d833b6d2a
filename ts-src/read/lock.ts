import { bad, error, good, type Result } from '../model/diagnostics.ts';
import type { Lock } from '../model/lock.ts';
import { readIf } from '../io/files.ts';
import { asMap, parseYaml } from './yaml.ts';

/** A lock file as `slipway lock` writes it: YAML with one line for each repository and package. */
export function readLock(file: string): Result<Lock> {
  const text = readIf(file);
  if (text === undefined) return bad(error('file-missing', 'there is no such lock', { file, hint: 'make one with `slipway lock`' }));
  const parsed = parseYaml(text, file);
  if (!parsed.ok) return parsed;
  const root = asMap(parsed.value);
  if (root?.schema !== 'slipway-lock-1' || !/^\d{14}$/.test(String(root.stamp))) return bad(error('lock-invalid', 'not a lock of this version', { file, line: 1, hint: 'make one with `slipway lock`' }));
  const lock: Lock = { schema: 'slipway-lock-1', stamp: String(root.stamp), distributions: {} };
  for (const [distribution, repositories] of Object.entries(asMap(root.distributions) ?? {})) {
    lock.distributions[distribution] = {};
    for (const [name, raw] of Object.entries(asMap(asMap(repositories)?.repositories) ?? {})) {
      const r = asMap(raw);
      const commit = String(r?.commit);
      if (!r || !/^[0-9a-f]{40,64}$/.test(commit)) return bad(error('lock-invalid', `the entry '${name}' has no commit`, { file }));
      lock.distributions[distribution]![name] = { url: String(r.url), commit, tree: '', packages: {} };
    }
  }
  return good(lock);
}
