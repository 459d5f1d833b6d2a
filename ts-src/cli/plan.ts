import { isError } from '../model/diagnostics.ts';
import { countFaults, plural } from '../render/diagnostics.ts';
import { renderPlan } from '../render/plan.ts';
import {
  writeMessage,
  distroOptions,
  exit,
  writeOutput,
  selectionOptions,
  showDiagnostics,
  defineCommand,
} from './command.ts';
import { readAndPlan } from './planning.ts';

export const plan = defineCommand({
  summary: 'show what would be built, on what, in which order and why',
  usage: 'plan [PACKAGE|GLOB ...]',
  details:
    'Names and globs select packages; what they need comes with them. Nothing is built or written but what was read of the sources.',
  options: {
    ...distroOptions,
    ...selectionOptions,
    json: { type: 'boolean', help: 'the plan as data (its JSON schema: `slipway schema plan`)' },
  },
  async run(values, packages) {
    const planned = await readAndPlan(values, packages);
    showDiagnostics(planned.diagnostics);
    if (!planned.ok) return exit.failed;
    writeOutput(values.json ? `${JSON.stringify(planned.value.plan)}\n` : renderPlan(planned.value.plan));
    return planned.diagnostics.some(isError) ? exit.failed : exit.ok;
  },
});

export const validate = defineCommand({
  summary: 'check the distro repository: every fault at once, nothing is built',
  usage: 'validate',
  options: { ...distroOptions },
  async run(values) {
    const planned = await readAndPlan(values, [], { everyKey: true });
    showDiagnostics(planned.diagnostics);
    if (!planned.ok || planned.diagnostics.some(isError)) return exit.failed;
    const { plan, workspace } = planned.value;
    const builds = plan.scopes.reduce((n, s) => n + s.packages.length * s.targets.length, 0);
    const targets = plural(
      plan.scopes.reduce((n, s) => n + s.targets.length, 0),
      'target',
    );
    const warnings = planned.diagnostics.length ? ` (${countFaults(planned.diagnostics)})` : '';
    writeMessage(`${workspace.file} is valid: ${plural(builds, 'build')} for ${targets}${warnings}\n`);
    return exit.ok;
  },
});
