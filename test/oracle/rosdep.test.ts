import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { resolveRosdep } from '../../ts-src/plan/rosdep.ts';
import { layerRosdep } from '../../ts-src/read/rosdep.ts';
import { asRosdepSays, oracle, present, shared } from './shared.ts';
import { first } from '../../ts-src/model/lists.ts';

interface Entry {
  installer?: string;
  packages?: string[];
  depends?: string[];
  error?: 'KeyError' | 'ResolutionError';
  defined_in?: string[];
}

describe.runIf(present)('agreement with rosdep', () => {
  it.each([
    ['ubuntu', 'noble'],
    ['ubuntu', 'focal'],
    ['debian', 'bookworm'],
  ])('on every key for %s %s', (os, release) => {
    const data = oracle<{ keys: Record<string, Entry> }>(`rosdep-yamlonly-${os}-${release}.json`);
    const layered = layerRosdep(
      ['base.yaml', 'python.yaml'].map((file) => ({
        file,
        text: readFileSync(join(shared, 'rosdistro/rosdep', file), 'utf8'),
      })),
    );
    if (!layered.ok) throw new Error(first(layered.diagnostics).message);
    const differing: string[] = [];
    for (const [key, theirs] of Object.entries(data.keys)) {
      const ours = resolveRosdep(layered.value, key, { os, release });
      const said = asRosdepSays(ours);
      const expected = theirs.error
        ? { error: theirs.error }
        : { installer: theirs.installer, packages: theirs.packages };
      if (JSON.stringify(said) !== JSON.stringify(expected))
        differing.push(`${key}: ${JSON.stringify(said)} not ${JSON.stringify(expected)}`);
    }
    expect(Object.keys(data.keys).length).toBeGreaterThan(1000);
    expect(differing).toEqual([]);
  });
});
