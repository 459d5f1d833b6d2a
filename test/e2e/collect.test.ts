import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grow, stated, writeGrowing } from './growth.ts';
import { discard, slipway, states, workspace } from './helpers.ts';

describe('what builds leave', () => {
  let folder: string;
  let sizes: number[];
  beforeAll(async () => {
    folder = workspace('collect');
    writeGrowing(folder);
    sizes = await grow(folder, 7);
  });
  afterAll(() => discard(folder));

  it('stays within the stated bound, however often a package is built', () => {
    expect(Math.max(...sizes), sizes.join(' ')).toBeLessThan(stated);
    // Without clean-up, three places would keep a MiB of each build.
    expect((sizes[6] ?? 0) - (sizes[3] ?? 0), sizes.join(' ')).toBeLessThan(2 * 2 ** 20);
  });

  it('is all that the repository and the next build need', async () => {
    const packages = readdirSync(join(folder, 'out/apt/dists'), { recursive: true, encoding: 'utf8' }).filter((n) =>
      /^[^/]+\/main\/binary-amd64\/Packages$/.test(n),
    );
    expect(packages).toHaveLength(1);
    const text = readFileSync(join(folder, 'out/apt/dists', packages[0] ?? ''), 'utf8');
    const named = [...text.matchAll(/^Filename: (.*)$/gm)].map((m) => m[1] ?? '');
    expect(named.length).toBeGreaterThan(0);
    for (const file of named) expect(existsSync(join(folder, 'out/apt', file)), file).toBe(true);
    expect((await slipway(['store', 'verify'], folder)).code).toBe(0);
    expect((await slipway(['build'], folder)).code).toBe(0);
    expect(states(folder)).toEqual({ grows: 'cached' });
  });

  it('is told by kind; a clean-up takes nothing that the repository has, and a dry run nothing at all', async () => {
    const shown = await slipway(['store'], folder);
    expect(shown.stdout).toMatch(/\nclones +\d+ +[\d.]+ MiB\n/);
    const listed = () => execFileSync('find', [join(folder, '.slipway'), '-type', 'f'], { encoding: 'utf8' });
    const before = listed();
    const dry = await slipway(['store', 'gc', '--days', '0', '--size', '1K', '--dry-run'], folder);
    expect(dry.stdout).toMatch(/would free \d+/);
    expect(listed()).toBe(before);
    const done = await slipway(['store', 'gc', '--days', '0', '--size', '1K'], folder);
    expect(done.code, done.stderr).toBe(0);
    expect(done.stdout).toMatch(/freed \d+/);
    const again = await slipway(['build'], folder);
    expect(again.code, again.stderr).toBe(0);
    expect(states(folder)).toEqual({ grows: 'cached' });
  });

  it('refuses sizes that are none', async () => {
    expect((await slipway(['store', 'gc', '--size', 'much'], folder)).code).toBe(2);
  });
});
