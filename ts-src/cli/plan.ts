import { isError, nearest, sorted, warning, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { matcher } from '../plan/globs.ts';
import { listsPackages } from '../plan/select.ts';
import { lineOf } from '../read/yaml.ts';
import { countFaults, plural } from '../render/diagnostics.ts';
import { renderPlan } from '../render/plan.ts';
import {
  writeNote,
  distroOptions,
  exit,
  writeOutput,
  selectionOptions,
  showDiagnostics,
  defineCommand,
} from './command.ts';
import { checkArchives } from './archive-check.ts';
import { maintainerUnset } from './maintainer.ts';
import { readAndPlan, type Planned } from './planning.ts';

/** Entries of package_settings without effect, because no package has such a name. */
function idleSettings({ workspace, distributions }: Planned): Diagnostic[] {
  const names = [...new Set(distributions.flatMap((d) => [...d.packages.keys()]))];
  return Object.entries(workspace.distro.package_settings).flatMap(([pattern, { skip, system }]) => {
    // A package that is skipped or comes from the system need not be in any distribution.
    if (skip || system || names.some(matcher([pattern]))) return [];
    const near = nearest(pattern, names);
    return [
      warning('settings-idle', `package_settings names '${pattern}', but no distribution has such a package`, {
        file: workspace.file,
        line: lineOf(workspace.file, ['package_settings', pattern]),
        hint: near === undefined ? undefined : `did you mean '${near}'?`,
      }),
    ];
  });
}

/** Packages that images name and no distribution has: an image is made long after, from what was published. */
function unknownInImages({ workspace, distributions }: Planned): Diagnostic[] {
  return Object.entries(workspace.distro.images).flatMap(([image, { packages, distribution }]) => {
    const of = distributions.filter((d) => distribution === undefined || d.name === distribution);
    const names = [...new Set(of.flatMap((d) => [...d.packages.keys()]))];
    return packages
      .filter((pattern) => !names.some(matcher([pattern])))
      .map((pattern) => {
        const near = nearest(pattern, names);
        return warning(
          'image-packages',
          `the image '${image}' names '${pattern}', but no distribution has such a package`,
          {
            file: workspace.file,
            line: lineOf(workspace.file, ['images', image, 'packages']),
            hint: near === undefined ? listsPackages : `did you mean '${near}'?`,
          },
        );
      });
  });
}

const withoutMaintainer = ({ workspace: { distro, file } }: Planned): Diagnostic[] =>
  distro.publish.to.length ? maintainerUnset(distro, { file, line: lineOf(file, ['publish']) }) : [];

/** Diagnostics of planning, and of system packages missing in the archives of cached bases. */
const withArchives = (planned: Result<Planned>): Diagnostic[] =>
  planned.ok ? sorted([...planned.diagnostics, ...checkArchives(planned.value)]) : planned.diagnostics;

export const plan = defineCommand({
  summary: 'show what would be built, for which platform, in which order and why',
  usage: 'plan [PACKAGE|GLOB ...]',
  examples: ['slipway plan', 'slipway plan navigation2 --platform noble', 'slipway plan --json | jq .scopes'],
  details:
    'Names and globs select packages. Their dependencies are selected too. ' +
    'Nothing is built. Only sources that were read are kept.',
  options: {
    ...distroOptions,
    ...selectionOptions,
    json: { type: 'boolean', help: 'print the plan as JSON (schema: `slipway schema plan`)' },
  },
  async run(values, packages) {
    const planned = await readAndPlan(values, packages);
    const diagnostics = withArchives(planned);
    showDiagnostics(diagnostics);
    if (!planned.ok) return exit.failed;
    writeOutput(values.json ? `${JSON.stringify(planned.value.plan)}\n` : renderPlan(planned.value.plan));
    return diagnostics.some(isError) ? exit.failed : exit.ok;
  },
});

export const validate = defineCommand({
  summary: 'check the distro repository and report all faults',
  usage: 'validate',
  examples: ['slipway validate', 'slipway validate --lock lock.yaml --json'],
  options: { ...distroOptions, json: { type: 'boolean', help: 'print the faults as JSON' } },
  async run(values) {
    const planned = await readAndPlan(values, [], { everyKey: true });
    const found = withArchives(planned);
    // Packages that could not be read may be the ones named.
    const idle =
      planned.ok && !found.some(isError)
        ? [idleSettings, unknownInImages, withoutMaintainer].flatMap((check) => check(planned.value))
        : [];
    const diagnostics = sorted([...found, ...idle]);
    if (values.json) writeOutput(`${JSON.stringify({ valid: !diagnostics.some(isError), diagnostics })}\n`);
    else showDiagnostics(diagnostics);
    if (!planned.ok || diagnostics.some(isError)) return exit.failed;
    const { plan, workspace } = planned.value;
    const builds = plan.scopes.reduce((n, s) => n + s.packages.length * s.targets.length, 0);
    const targets = plural(
      plan.scopes.reduce((n, s) => n + s.targets.length, 0),
      'target',
    );
    const warnings = diagnostics.length ? ` (${countFaults(diagnostics)})` : '';
    writeNote(`${workspace.file} is valid: ${plural(builds, 'build')} for ${targets}${warnings}\n`);
    return exit.ok;
  },
});
