// npm run test:fast: unit tests that need only Node and git.
import { defineConfig } from 'vitest/config';
import { lateWorkers, textFiles } from './vitest.config.mjs';

/** These run a compiler, Java, gpg, moto, archive tools, dose, Chromium, zsh or a root; `npm test` runs them. */
const needTools = [
  'ami',
  'docs-publication',
  'hostile-archives',
  'image-updates',
  'installability',
  'interface',
  'farm',
  'prefix',
  'privileges',
  'report',
  's3',
  'signing',
  'sources',
];
/** These start the whole program many times, and take four seconds or more; `npm test` runs them. */
const slow = [
  'changes',
  'channel-repair',
  'cli',
  'compare',
  'disk-limit',
  'fetching',
  'hostile',
  'hostile-packages',
  'hostile-repositories',
  'hostile-results',
  'hostile-sources',
  'long-texts',
  'overrides',
  'plan-inputs',
  'promotion',
  'publish',
  'publish-s3',
  'questions',
  'reading-parts',
  'release',
  'slow-registry',
  'told',
  'trust',
];

export default defineConfig({
  plugins: [textFiles],
  define: { SLIPWAY_VERSION: '"test"', SLIPWAY_DIGEST: '"test"' },
  test: {
    root: new URL('..', import.meta.url).pathname,
    include: ['test/unit/**/*.test.ts'],
    exclude: [...needTools, ...slow].map((name) => `test/unit/${name}.test.ts`),
    testTimeout: 600_000,
    maxWorkers: 2,
    minWorkers: 2,
    reporters: ['default', lateWorkers],
    globalSetup: ['test/fast-setup.mjs'],
  },
});
