import { defineConfig } from 'vitest/config';
import { lateWorkers, textFiles } from './vitest.config.mjs';

/** Prints each step as it ends: vitest's own reporter waits for the end of the file, an hour for some. */
const steps = {
  onTestCaseResult(test) {
    const minutes = ((test.diagnostic()?.duration ?? 0) / 60_000).toFixed(1);
    console.log(`${test.result().state} after ${minutes} minutes: ${test.fullName}`);
  },
};

export default defineConfig({
  plugins: [textFiles],
  define: { SLIPWAY_VERSION: '"test"', SLIPWAY_DIGEST: '"test"' },
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/large/*.test.ts'],
    testTimeout: 3_600_000,
    hookTimeout: 3_600_000,
    fileParallelism: false,
    reporters: ['default', lateWorkers, steps],
    globalSetup: ['test/setup.mjs'],
  },
});
