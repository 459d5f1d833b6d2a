import { existsSync } from 'node:fs';
import { isError, sorted } from '../model/diagnostics.ts';
import { renderComparison } from '../render/compare.ts';
import {
  writeMessage,
  distroOptions,
  exit,
  writeOutput,
  selectionOf,
  selectionOptions,
  showDiagnostics,
  defineCommand,
} from './command.ts';
import { comparePlanned } from './comparing.ts';
import { openWorkspace, planAt, planFromLock, readAndPlan } from './planning.ts';

export const compare = defineCommand({
  summary: 'compare two states of the distro repository: packages added, removed, upgraded, downgraded, rebuilt',
  usage: 'compare BEFORE [AFTER]',
  examples: ['slipway compare main', 'slipway compare v1.2 v1.3 --json'],
  details: `BEFORE and AFTER are commits, branches or tags of the distro repository, or lockfiles. Without AFTER, BEFORE is
compared with the files as they are now. If a commit has a lock.yaml beside its distro file, it is planned from it.`,
  options: {
    distro: distroOptions.distro,
    state: distroOptions.state,
    distribution: selectionOptions.distribution,
    platform: selectionOptions.platform,
    json: { type: 'boolean', help: 'print JSON' },
  },
  async run(values, [before, after, ...more]) {
    if (before === undefined || more.length) {
      writeMessage('slipway compare: name one or two states\n');
      return exit.usage;
    }
    const workspace = await openWorkspace(values);
    if (!workspace.ok) {
      showDiagnostics(workspace.diagnostics);
      return exit.failed;
    }
    const selection = selectionOf(values, []);
    const plan = (state: string) =>
      existsSync(state) && /\.ya?ml$/.test(state)
        ? planFromLock(workspace.value, state, selection)
        : planAt(workspace.value, state, selection);
    const one = await plan(before);
    const two = after === undefined ? await readAndPlan(values, []) : await plan(after);
    if (!one.ok || !two.ok) {
      showDiagnostics(sorted([...(one.ok ? [] : one.diagnostics), ...(two.ok ? [] : two.diagnostics)]));
      return exit.failed;
    }
    const changes = await comparePlanned(one.value, two.value);
    writeOutput(values.json ? `${JSON.stringify(changes)}\n` : renderComparison(changes));
    // A package that can't be read after would look removed.
    const { diagnostics, unread } = two.value;
    showDiagnostics(unread);
    const faults = diagnostics.filter(isError).length - unread.length;
    if (faults) writeMessage(`the state after has faults: ${faults} (slipway validate tells them)\n`);
    return unread.length ? exit.failed : exit.ok;
  },
});
