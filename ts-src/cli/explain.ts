import { error, isError, nearest } from '../model/diagnostics.ts';
import { listsPackages } from '../plan/select.ts';
import { explain as explainName } from '../query/explain.ts';
import { renderExplanation, renderKeys } from '../render/explain.ts';
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
import { lastBuilds } from '../engine/why.ts';

export const explain = defineCommand({
  summary: 'show why a package is in the plan, what it needs and from where, and what needs it',
  usage: 'explain PACKAGE',
  examples: ['slipway explain nav2_util', 'slipway explain eigen --platform noble'],
  details:
    'If PACKAGE is a rosdep key or a package of an underlay, shows ' +
    'where it comes from on each platform and what needs it.',
  options: {
    ...distroOptions,
    distribution: selectionOptions.distribution,
    platform: selectionOptions.platform,
    above: selectionOptions.above,
    repository: selectionOptions.repository,
    'changed-since': selectionOptions['changed-since'],
    json: { type: 'boolean', help: 'print JSON' },
  },
  async run(values, [name, ...more]) {
    if (name === undefined || more.length) {
      writeMessage('slipway explain: name one package\n');
      return exit.usage;
    }
    const planned = await readAndPlan(values, [], { everyKey: true });
    if (!planned.ok) {
      showDiagnostics(planned.diagnostics);
      return exit.failed;
    }
    const { plan, resolvers, diagnostics, unread } = planned.value;
    const found = explainName(plan, resolvers, name);
    if (!found) {
      const near = nearest(name, new Set(resolvers.flatMap((r) => r.evaluated.names)));
      // A package that could not be read may be the cause.
      showDiagnostics([
        ...diagnostics.filter(isError),
        error('selection', `'${name}' is neither a package nor a dependency of one`, {
          hint: near
            ? `did you mean '${near}'?`
            : `${listsPackages}; a package of the system is explained by its rosdep key`,
        }),
      ]);
      return exit.failed;
    }
    const own = diagnostics.filter((d) => unread.includes(d) || d.message.includes(`'${name}'`));
    showDiagnostics(own);
    const builds = found.package ? await lastBuilds(planned.value.workspace, plan, name) : [];
    writeOutput(
      values.json ? `${JSON.stringify({ ...found, builds })}\n` : `${renderExplanation(found)}${renderKeys(builds)}`,
    );
    return own.some(isError) ? exit.failed : exit.ok;
  },
});
