import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { bundle, execute } from '../e2e/helpers.ts';

/** Creates the folder `farm` in another one with `slipway deploy init`: the given answers, and required ones. */
export async function initFarm(folder: string, answers: Record<string, unknown> = {}): Promise<void> {
  const file = join(folder, 'answers.yaml');
  const needed = {
    organization: 'acme',
    distro: 'https://git.acme.example/distro.git',
    library: 'https://git.acme.example/slipway.git',
  };
  writeFileSync(file, JSON.stringify({ ...needed, ...answers }));
  const made = await execute('node', [bundle, 'deploy', 'init', join(folder, 'farm'), '--yes', '--answers', file]);
  expect(made.code, made.stderr).toBe(0);
}
