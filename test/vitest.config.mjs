import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';
import { bundleClient } from '../scripts/client.mjs';
import { deployModule, deploySource } from '../scripts/deploy-files.mjs';
import { textEndings } from '../scripts/text-files.mjs';

/**
 * Imports templates as text, as in the bundle.
 *
 * @type {import('vitest/config').Plugin}
 */
export const textFiles = {
  name: 'text',
  resolveId(id, importer) {
    if (id === deployModule) return `\0${id}`;
    // Vite treats .css files as styles, which are empty in tests.
    return id.endsWith('.css') && importer ? `${resolve(dirname(importer), id)}.text` : undefined;
  },
  load(name) {
    const id = name.replace(/\.css\.text$/, '.css');
    if (id === `\0${deployModule}`) return deploySource(fileURLToPath(new URL('..', import.meta.url)));
    if (id.endsWith('.browser')) return `export default ${JSON.stringify(bundleClient(id))}`;
    return textEndings.some((ending) => id.endsWith(ending))
      ? `export default ${JSON.stringify(readFileSync(id, 'utf8'))}`
      : undefined;
  },
  enforce: 'pre',
};

/**
 * On a busy or suspended machine vitest reports a late worker as an error of the whole run, though all its tests are
 * reported later. Ignores only that error; every other unhandled error still fails the run.
 */
export const lateWorkers = {
  onInit({ state }) {
    const told = state.catchError.bind(state);
    state.catchError = (e, type) =>
      e?.message?.startsWith('[vitest-worker]: Timeout calling "onTaskUpdate"')
        ? console.log('a worker was late by a minute')
        : told(e, type);
  },
};

/** @returns {['json', { outputFile: string }][]} */
const jsonReporters = (outputFile) => (outputFile ? [['json', { outputFile }]] : []);

export default defineConfig({
  plugins: [textFiles],
  define: { SLIPWAY_VERSION: '"test"', SLIPWAY_DIGEST: '"test"' },
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/unit/**/*.test.ts', 'test/oracle/**/*.test.ts', 'test/e2e/*.test.ts', 'test/jenkins/*.test.ts'],
    testTimeout: 600_000,
    hookTimeout: 1_200_000,
    env: { SLIPWAY_BUILD_MINUTES: '9' },
    maxWorkers: 2,
    minWorkers: 2,
    poolOptions: { forks: { maxForks: 2, minForks: 2 } },
    reporters: ['default', lateWorkers, ...jsonReporters(process.env.SLIPWAY_JSON_REPORT)],
    globalSetup: ['test/setup.mjs'],
  },
});
