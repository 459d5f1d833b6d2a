import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { expect, it } from 'vitest';
import { browserScripts } from '../../scripts/client.mjs';
import { textLoaders } from '../../scripts/text-files.mjs';

const folder = join(__dirname, '../bench');

it.each(readdirSync(folder).filter((f) => f.endsWith('.ts')))(
  'the program %s of the benchmarks can be bundled',
  async (file) => {
    const entryPoints = [join(folder, file)];
    const options = { bundle: true, platform: 'node', format: 'esm', write: false, logLevel: 'silent' } as const;
    const { errors } = await build({ ...options, entryPoints, loader: textLoaders, plugins: [browserScripts] });
    expect(errors).toEqual([]);
  },
);
