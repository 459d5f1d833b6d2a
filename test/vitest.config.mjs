import { readFileSync } from 'node:fs';
import { defineConfig } from 'vitest/config';

/** Templates are text in the bundle; here too. */
export const textFiles = { name: 'text', load: (id) => (/\.(mustache|sh|css|client)$/.test(id) ? `export default ${JSON.stringify(readFileSync(id, 'utf8'))}` : undefined), enforce: 'pre' };

export default defineConfig({
  plugins: [textFiles],
  define: { SLIPWAY_VERSION: '"test"' },
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/unit/**/*.test.ts', 'test/oracle/**/*.test.ts', 'test/e2e/*.test.ts', 'test/jenkins/*.test.ts'],
    testTimeout: 600_000, hookTimeout: 1_200_000, maxWorkers: 2, minWorkers: 2, poolOptions: { forks: { maxForks: 2, minForks: 2 } },
    reporters: process.env.SLIPWAY_JSON_REPORT ? ['default', ['json', { outputFile: process.env.SLIPWAY_JSON_REPORT }]] : ['default'], globalSetup: ['test/setup.mjs'],
  },
});
