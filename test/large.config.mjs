import { defineConfig } from 'vitest/config';
import { lateWorkers, textFiles } from './vitest.config.mjs';

export default defineConfig({
  plugins: [textFiles],
  define: { SLIPWAY_VERSION: '"test"', SLIPWAY_DIGEST: '"test"' },
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/large/*.test.ts'],
    testTimeout: 3_600_000,
    hookTimeout: 3_600_000,
    fileParallelism: false,
    reporters: ['default', lateWorkers],
    globalSetup: ['test/setup.mjs'],
  },
});
