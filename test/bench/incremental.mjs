// What is rebuilt, and the time until it is known that nothing must be: all of Jazzy without changes, and the example
// and the real chain with edits of every kind.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { bundle, median, root, run, timed } from './common.mjs';
import { chainEdits, commitChain, makeChain } from '../e2e/chain.mjs';
import { contentsOf, copyExample, editsOf } from '../e2e/edits.mjs';
import { s3Server } from '../e2e/s3.mjs';
import { textLoaders } from '../../scripts/text-files.mjs';

const cache = '/var/tmp/slipway-bench';
const shared = process.env.SLIPWAY_SHARED ?? join(root, '../shared');

/** A distro repository of all of Jazzy for two platforms, with a store as if everything had been built and tested. */
async function filledJazzy(name, store) {
  const folder = join(cache, name);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  symlinkSync(join(shared, 'rosdistro'), join(folder, 'rosdistro'));
  writeFileSync(
    join(folder, 'distro.yaml'),
    `organization: acme
index: rosdistro/index-v4.yaml
distributions: {jazzy: {platforms: [noble, jammy], sources: release, cache: rosdistro/jazzy/jazzy-cache.yaml.gz}}
platforms:
  noble: {os: ubuntu, release: noble}
  jammy: {os: ubuntu, release: jammy}
rosdep: [rosdistro/rosdep/base.yaml, rosdistro/rosdep/python.yaml]
store: "${store}"
`,
  );
  const program = join(folder, 'fill.mjs');
  await build({
    entryPoints: [join(root, 'test/bench/fill.ts')],
    outfile: program,
    bundle: true,
    platform: 'node',
    format: 'esm',
    logLevel: 'error',
    loader: textLoaders,
    banner: { js: 'import { createRequire } from "node:module"; const require = createRequire(import.meta.url);' },
    define: {
      SLIPWAY_VERSION: JSON.stringify(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).version),
      SLIPWAY_DIGEST: '"bench"',
    },
  });
  timed('node', [program, 'distro.yaml', 'lock.yaml'], { cwd: folder });
  return folder;
}

/** Seconds of a whole process with nothing to do, and the number of tasks whose keys it computed. */
function noop(folder, runs) {
  const seconds = [];
  let tasks = 0;
  for (let i = 0; i < runs; i++) {
    const r = run('node', [bundle, 'build', '--test', '--dry-run', '--lock', 'lock.yaml'], { cwd: folder });
    seconds.push(r.seconds);
    const told = /^(\d+) cached, 0 to do$/m.exec(r.stderr);
    if (!told) throw new Error(`there was something to do: ${r.stderr.slice(-500)}`);
    tasks = Number(told[1]);
  }
  return { seconds: median(seconds), tasks };
}

/**
 * Builds after each edit. Returns what was rebuilt, and in how many packages files differ, apart from versions and
 * stamps.
 */
function through(folder, source, edits, count, save, args, note) {
  timed('node', [bundle, 'build', ...args], { cwd: folder });
  let before = contentsOf(folder);
  let rebuilt = 0;
  let least = 0;
  const first = {};
  for (let i = 0; i < count; i++) {
    const edit = edits[i % edits.length];
    edit.apply(join(folder, source), i);
    save(folder);
    timed('node', [bundle, 'build', ...args], { cwd: folder });
    const built = JSON.parse(readFileSync(join(folder, 'out/result.json'), 'utf8'))
      .results.filter((r) => r.state === 'built')
      .map((r) => r.name);
    const now = contentsOf(folder);
    // An edited package differs at least in its changelog, so its rebuild was necessary even if other files are equal.
    const differ = new Set([...edit.packages, ...Object.keys(now).filter((n) => now[n] !== before[n])]);
    note(`  ${edit.name}: ${built.length} built, ${differ.size} differ`);
    rebuilt += built.length;
    least += differ.size;
    first[edit.name] ??= built.length;
    before = now;
  }
  return { rebuilt, least, first };
}

export default async function bench({ runs, note }) {
  if (!existsSync(join(shared, 'rosdistro'))) throw new Error(`the data is not at ${shared}: set SLIPWAY_SHARED`);
  note('whole Jazzy, two platforms, builds and tests, nothing changed: a folder as store');
  const file = noop(await filledJazzy('jazzy-store', 'file:store'), 2 * runs + 1);
  note('the same with a bucket on loopback (moto)');
  const server = await s3Server();
  let s3;
  try {
    s3 = noop(await filledJazzy('jazzy-s3', `s3://bucket/farm?endpoint=${server.direct}`), 2 * runs + 1);
  } finally {
    server.stop();
  }
  note('the example through edits of every kind');
  const example = join(cache, 'edits');
  rmSync(example, { recursive: true, force: true });
  copyExample(example);
  const save = (folder) => execFileSync('./repositories.sh', { cwd: folder });
  const small = through(example, 'src', editsOf, 2 * editsOf.length, save, ['--distribution', 'mini'], note);
  note('the real chain through edits of every kind');
  const chain = join(cache, 'chain');
  rmSync(chain, { recursive: true, force: true });
  mkdirSync(chain, { recursive: true });
  await makeChain(chain, join(cache, 'sources'));
  const real = through(chain, 'src', chainEdits, 2 * chainEdits.length, commitChain, [], note);
  return [
    {
      name: 'keys.jazzy_noop_s',
      value: file.seconds,
      meaning: `seconds for the keys of ${file.tasks} tasks of two platforms and "nothing to do", the whole process (at most 2)`,
    },
    {
      name: 'keys.jazzy_noop_s3_s',
      value: s3.seconds,
      meaning: 'the same with the store in a bucket on loopback (at most 3)',
    },
    {
      name: 'rebuild.vs_minimum',
      value: (small.rebuilt + real.rebuilt) / (small.least + real.least),
      meaning: `packages rebuilt for each whose files differ, ${2 * (editsOf.length + chainEdits.length)} edits: the example ${small.rebuilt} of ${small.least}, the real chain ${real.rebuilt} of ${real.least} (at most 1.2)`,
    },
    {
      name: 'rebuild.bottom_cpp_edit',
      value: real.first['code of the bottom-most C++ library'],
      meaning: "packages rebuilt for a .cpp of the real chain's bottom-most C++ library (1)",
    },
  ];
}
