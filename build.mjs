// Bundles ts-src into resources/slipway.cjs, and writes its SHA-256 to slipway.digest. `--check` fails if the committed
// bundle is outdated, if an import violates the layers (drawn in ARCHITECTURE.md), or if files import each other in a
// cycle.
import { Graph, alg } from '@dagrejs/graphlib';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync, writeFileSync, chmodSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundle, digestMark } from './scripts/bundle.mjs';
import { browserScripts } from './scripts/client.mjs';
import { deployModule, deploySource } from './scripts/deploy-files.mjs';

const root = dirname(fileURLToPath(import.meta.url));
const target = join(root, 'resources', 'slipway.cjs');
const check = process.argv.includes('--check');

/** Allowed imports of each folder of ts-src besides itself, as drawn in ARCHITECTURE.md. */
const foundation = ['graph', 'text', 'io', 'model'];
const middle = ['read', 'plan', 'query', 'render', 'sandbox', 'store', 'inspect', ...foundation];
const layers = {
  main: ['cli'],
  cli: ['farm', 'publish', 'images', 'docs', 'deploy', 'aws', 'collect', 'engine', ...middle],
  collect: ['publish', 'images', 'docs', 'engine', ...middle],
  deploy: ['aws', ...middle],
  farm: ['publish', 'engine', ...middle],
  publish: ['engine', ...middle],
  images: ['aws', 'publish', 'engine', ...middle],
  aws: ['read', 'store', ...foundation],
  docs: ['publish', 'engine', ...middle],
  engine: middle,
  read: foundation,
  query: ['plan', 'graph', 'text', 'model'],
  plan: ['graph', 'text', 'model'],
  render: ['graph', 'text', 'model'],
  sandbox: ['store', 'inspect', ...foundation],
  store: foundation,
  inspect: foundation,
  io: ['text', 'model'],
  graph: [],
  text: [],
  model: ['text'],
};
const pure = new Set(['plan', 'query', 'render', 'graph', 'text', 'model']);
const impure = /\b(?:Date\.now|new Date\(\)|Math\.random|process\.|node:fs|node:child_process|node:os)\b/;

/** The folder of ts-src that contains a file; `main` for files directly in ts-src. */
const layerOf = (path) => (path.includes('/') ? path.split('/')[0] : 'main');

function wrongImports() {
  const faults = [];
  const imports = new Graph();
  const source = join(root, 'ts-src');
  for (const layer of Object.keys(layers))
    if (layer !== 'main' && !existsSync(join(source, layer)))
      faults.push(`build.mjs knows a layer ${layer} that is not there`);
  for (const entry of readdirSync(source, { recursive: true, encoding: 'utf8' })) {
    if (!entry.endsWith('.ts')) continue;
    const file = join(source, entry);
    const layer = layerOf(entry);
    const text = readFileSync(file, 'utf8');
    for (const [, spec] of text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
      const to = relative(source, resolve(dirname(file), spec));
      const other = to.startsWith('..') ? 'resources' : layerOf(to);
      imports.setEdge(entry, to);
      if (other === layer || other === 'resources') continue;
      if (!layers[layer]) faults.push(`${relative(root, file)}: ${layer} is no layer that build.mjs knows`);
      else if (!layers[layer].includes(other))
        faults.push(`${relative(root, file)}: ${layer} must not import ${other} (${spec})`);
    }
    if (!pure.has(layer)) continue;
    const found = impure.exec(text);
    if (found) faults.push(`${relative(root, file)}: ${layer} is pure, but it uses ${found[0]}`);
  }
  // Type imports count, too: files that need each other's types belong together.
  for (const circle of alg.findCycles(imports))
    faults.push(`files import each other in a circle: ${circle.join(', ')}`);
  return faults;
}

const faults = wrongImports();
if (faults.length) {
  console.error(faults.join('\n'));
  process.exit(1);
}
/** @type {import('esbuild').Plugin} */
const deployFolder = {
  name: 'deploy',
  setup(build) {
    build.onResolve({ filter: new RegExp(`^${deployModule}$`) }, ({ path }) => ({ path, namespace: 'deploy' }));
    build.onLoad({ filter: /.*/, namespace: 'deploy' }, () => ({ contents: deploySource(root) }));
  },
};
const text = await bundle({
  root,
  entry: 'ts-src/main.ts',
  banner: '#!/usr/bin/env node\n// Slipway, made by build.mjs from ts-src: change that, not this.',
  define: {
    SLIPWAY_VERSION: JSON.stringify(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version),
    SLIPWAY_DIGEST: JSON.stringify(digestMark),
  },
  plugins: [deployFolder, browserScripts],
});
const digest = `${createHash('sha256').update(text).digest('hex')}\n`;
const digestFile = join(root, 'resources', 'slipway.digest');
if (check) {
  const read = (file) => {
    try {
      return readFileSync(file, 'utf8');
    } catch {
      return '';
    }
  };
  if (read(target) !== text || read(digestFile) !== digest) {
    console.error(
      'resources/slipway.cjs is not what build.mjs makes from ts-src: run `npm run build` and commit the result',
    );
    process.exit(1);
  }
} else {
  writeFileSync(target, text);
  chmodSync(target, 0o755);
  writeFileSync(digestFile, digest);
}
