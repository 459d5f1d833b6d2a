import { lineOf } from '../read/yaml.ts';
import { isError, sorted, warning } from '../model/diagnostics.ts';
import { stampOf } from '../model/names.ts';
import { makeLock } from '../read/lockfile.ts';
import { pinCommits } from '../read/releases.ts';
import { renderLock } from '../render/lock.ts';
import { writeNamed } from '../io/named-file.ts';
import { writeNote, distroOptions, exit, writeOutput, showDiagnostics, defineCommand } from './command.ts';
import { readAndPlan, reporter } from './planning.ts';
import { knownPlatforms } from '../engine/system-lock.ts';

export const lock = defineCommand({
  summary: 'pin every repository to a commit, in a lockfile',
  usage: 'lock',
  examples: ['slipway lock --output lock.yaml'],
  details:
    'The lockfile has the commit of each repository, the tree of each package, and the system packages of ' +
    'each platform that was built on. `slipway build --lock FILE` uses the same commits and the same ' +
    'stamp. It makes the same bytes as long as the archive has the same system packages.',
  options: {
    distro: distroOptions.distro,
    state: distroOptions.state,
    output: { type: 'string', short: 'o', value: 'FILE', help: 'output file (default: standard output)' },
  },
  async run(values) {
    const planned = await readAndPlan(values, []);
    showDiagnostics(planned.diagnostics);
    if (!planned.ok) return exit.failed;
    const { workspace, distributions, diagnostics } = planned.value;
    const unpinned = sorted(await pinCommits(distributions, reporter));
    for (const [name, d] of Object.entries(workspace.distro.distributions))
      if (d.folders.length)
        unpinned.push(
          warning(
            'lock-folder',
            `distributions.${name}: packages of ${d.folders.join(', ')} are read from the disk; a lockfile can't pin them`,
            {
              file: workspace.file,
              line: lineOf(workspace.file, ['distributions', name, 'folders']),
              hint: 'move the packages to git repositories to pin them',
            },
          ),
        );
    showDiagnostics(unpinned);
    const text = renderLock(makeLock(stampOf(Date.now()), distributions, knownPlatforms(workspace)));
    if (values.output !== undefined) {
      writeNamed(values.output, text);
      writeNote(`wrote ${values.output}\n`);
    } else writeOutput(text);
    return [...diagnostics, ...unpinned].some(isError) ? exit.failed : exit.ok;
  },
});
