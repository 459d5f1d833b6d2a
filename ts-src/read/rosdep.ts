import { bad, error, good, type Result } from '../model/diagnostics.ts';
import type { RosdepDatabase } from '../model/rosdep.ts';
import { asMap, parseYaml } from './yaml.ts';

/** Layers rosdep files (REP 111); keys are merged by OS name, earlier files win. */
export function layerRosdep(files: { file: string; text: string }[]): Result<RosdepDatabase> {
  const database: RosdepDatabase = { files: files.map((f) => f.file), rules: new Map() };
  const diagnostics = [];
  for (const [index, { file, text }] of files.entries()) {
    const parsed = parseYaml(text, file);
    if (!parsed.ok) {
      diagnostics.push(...parsed.diagnostics);
      continue;
    }
    const root = parsed.value === null || parsed.value === undefined ? {} : asMap(parsed.value);
    if (!root) {
      diagnostics.push(error('rosdep-invalid', 'a rosdep file must be a map of keys', { file, line: 1 }));
      continue;
    }
    for (const key of Object.keys(root)) {
      const byOs = asMap(root[key]);
      if (!byOs) {
        diagnostics.push(error('rosdep-invalid', `the rule of '${key}' must be a map of operating systems`, { file, hint: `for example ${key}: {debian: [${key}]}` }));
        continue;
      }
      let rules = database.rules.get(key);
      if (!rules) database.rules.set(key, (rules = new Map()));
      for (const os of Object.keys(byOs)) if (!rules.has(os)) rules.set(os, { rule: byOs[os], file: index });
    }
  }
  return diagnostics.length ? bad(...diagnostics) : good(database);
}
