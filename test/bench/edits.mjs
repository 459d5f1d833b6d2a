// An edit of a base library of a real chain, with --incremental-objects, compared with `colcon build` of the same
// packages.
import { appendFileSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { commitChain, makeChain } from '../e2e/chain.mjs';
import { cache, installColcon, withWorkspace } from './colcon.mjs';
import { bundle, median, timed } from './common.mjs';

/** Text that each run appends to a file of cpp_common, on which all C++ packages of the chain depend. */
const edits = {
  body: {
    file: 'src/debug.cpp',
    text: (n) => `\nnamespace { [[maybe_unused]] int inner${n}() { return ${n}; } }\n`,
  },
  header: {
    file: 'include/ros/debug.h',
    text: (n) => `\nnamespace ros { namespace debug { inline int edit${n}() { return ${n}; } } }\n`,
  },
};

/** Results: `build.edit_vs_colcon` (the worse of the two), and one row for each kind of edit. */
export async function editsBesideColcon(runs, note) {
  const folder = join(cache, 'edits');
  mkdirSync(folder, { recursive: true });
  // State that is kept between runs.
  const kept = ['bases', 'layers', 'archives'];
  for (const f of readdirSync(folder)) if (f !== '.slipway') rmSync(join(folder, f), { recursive: true });
  mkdirSync(join(folder, '.slipway'), { recursive: true });
  for (const f of readdirSync(join(folder, '.slipway')))
    if (!kept.includes(f)) rmSync(join(folder, '.slipway', f), { recursive: true });
  await makeChain(folder, join(cache, 'sources'));
  const slipway = (...args) => timed('node', [bundle, ...args], { cwd: folder });
  const build = () => slipway('build', '--incremental-objects', '-w', '2', '-j', '2').seconds;
  note('slipway builds the chain once');
  build();
  const plan = JSON.parse(slipway('plan', '--json').stdout).scopes[0];
  return withWorkspace(folder, plan, installColcon(), (at, colcon) => {
    note(`colcon builds the chain once: ${plan.packages.length} packages`);
    colcon();
    const rows = Object.entries(edits).map(([kind, { file, text }]) => {
      const ours = [];
      const theirs = [];
      for (let n = 1; n <= runs; n++) {
        appendFileSync(join(folder, 'src/roscpp_core/cpp_common', file), text(n));
        commitChain(folder);
        appendFileSync(join(at, 'src/cpp_common', file), text(n));
        ours.push(build());
        theirs.push(colcon());
      }
      const shown = (seconds) => seconds.map((s) => s.toFixed(2)).join(' ');
      note(`edit of a ${kind}: ours ${shown(ours)} s, colcon ${shown(theirs)} s`);
      return {
        name: `build.edit_${kind}_vs_colcon`,
        value: median(ours) / median(theirs),
        meaning: `times the wall time of colcon (${median(theirs).toFixed(2)} s) after an edit of a base library's ${kind}`,
      };
    });
    const worst = Math.max(...rows.map((r) => r.value));
    return [{ name: 'build.edit_vs_colcon', value: worst, meaning: 'the larger of the next two' }, ...rows];
  });
}
