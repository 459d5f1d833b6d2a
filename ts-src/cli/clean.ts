import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { tryMutex } from '../io/mutex.ts';
import { run } from '../io/process.ts';
import { driverOf } from './run-options.ts';
import { defineCommand, distroOptions, exit, isQuiet, showDiagnostics, writeMessage, writeOutput } from './command.ts';
import { driverOption } from './option-checks.ts';
import { openWorkspace } from './planning.ts';

/** Parts of the state that the next build recreates. */
const remade = [
  'work',
  'unpacked',
  'layers',
  'layers-docker',
  'bases',
  'archives',
  'told',
  'verify',
  'images',
  'objects',
  'trash',
  'sizes.json',
];

export const clean = defineCommand({
  summary: 'remove what builds keep on this machine',
  usage: 'clean [--all]',
  examples: ['slipway clean --dry-run', 'slipway clean --all'],
  details: `Removes base systems, layers, unpacked packages, downloads of apt and work folders. The next build makes them again.
With --all it removes the whole state folder, with the store and the signing key. It also removes files that rm can't
remove: the roots of a plain user belong to subordinate ids.`,
  options: {
    distro: distroOptions.distro,
    state: distroOptions.state,
    driver: driverOption,
    all: { type: 'boolean', help: 'remove the whole state folder with the store and the signing key' },
    'dry-run': { type: 'boolean', short: 'n', help: 'only show what would be removed' },
    json: { type: 'boolean', help: 'print what is removed as JSON' },
  },
  async run(values) {
    const workspace = await openWorkspace(values);
    if (!workspace.ok) {
      showDiagnostics(workspace.diagnostics);
      return exit.failed;
    }
    const { state } = workspace.value;
    const driver = driverOf(values);
    if (values.driver !== undefined && values.driver !== 'unshare' && values.driver !== 'docker') {
      writeMessage('slipway clean: --driver is unshare or docker\n');
      return exit.usage;
    }
    if (!existsSync(state)) {
      writeOutput(`nothing to remove: ${state} is not there\n`);
      return exit.ok;
    }
    const running = await runningIn(state);
    if (running !== undefined) {
      writeMessage(`slipway clean: another slipway works in ${state} (${running}): wait for it, or end it\n`);
      return exit.failed;
    }
    const parts = readdirSync(state)
      .filter((part) => values.all || remade.includes(part))
      .sort();
    const removed: { folder: string; size: string }[] = [];
    for (const part of parts) {
      const folder = join(state, part);
      const size = (await run('du', ['-sh', folder])).stdout.split('\t')[0] ?? '';
      removed.push({ folder, size });
      if (!isQuiet() && !values.json)
        writeOutput(`${values['dry-run'] ? 'would remove' : 'removing'} ${folder} ${size}\n`);
      if (!values['dry-run']) await driver.remove(folder);
    }
    if (values.json) writeOutput(`${JSON.stringify({ removed, done: values['dry-run'] !== true })}\n`);
    if (values.all && !values['dry-run']) await driver.remove(state);
    const left = values['dry-run'] ? [] : parts.filter((part) => existsSync(join(state, part)));
    for (const part of left) writeMessage(`slipway clean: ${join(state, part)} could not be removed\n`);
    return left.length ? exit.failed : exit.ok;
  },
});

/** The name of a work folder whose run is still active: its lock is held. */
async function runningIn(state: string): Promise<string | undefined> {
  const all = join(state, 'work');
  if (!existsSync(all)) return undefined;
  for (const name of readdirSync(all)) {
    if (!name.endsWith('.lock')) continue;
    const free = await tryMutex(join(all, name));
    if (!free) return name.slice(0, -'.lock'.length);
    await free();
  }
  return undefined;
}
