import { drawingOf, renderDot, renderSvg } from '../render/graph.ts';
import { writeNamed } from '../io/named-file.ts';
import {
  writeMessage,
  distroOptions,
  exit,
  writeOutput,
  selectionOptions,
  showDiagnostics,
  defineCommand,
  writeNote,
} from './command.ts';
import { readAndPlan } from './planning.ts';

/** Above this number of packages, repositories are drawn instead. */
const manyPackages = 300;

export const graph = defineCommand({
  summary: 'draw the dependencies of packages, as SVG or for Graphviz',
  usage: 'graph [PACKAGE|GLOB ...]',
  examples: ['slipway graph --output graph.svg', 'slipway graph acme_drive | dot -Tpdf > drive.pdf'],
  details: `Arrows point from a package to the packages that need it. An arrow is left out if other arrows imply it. A graph of more
than ${manyPackages} packages is drawn by repository, unless --by package is given. If several platforms are selected,
the first one is drawn.`,
  options: {
    ...distroOptions,
    ...selectionOptions,
    format: {
      type: 'string',
      value: 'dot|svg',
      help: 'output format (default: as the extension of --output, else dot)',
    },
    by: { type: 'string', value: 'package|repository', help: 'draw a box for each package or for each repository' },
    output: { type: 'string', short: 'o', value: 'FILE', help: 'output file (default: standard output)' },
  },
  async run(values, packages) {
    const { output } = values;
    const format = values.format ?? (output?.endsWith('.svg') ? 'svg' : 'dot');
    const by = values.by;
    if ((format !== 'dot' && format !== 'svg') || (by !== undefined && by !== 'package' && by !== 'repository')) {
      writeMessage('slipway graph: --format is dot or svg, --by is package or repository\n');
      return exit.usage;
    }
    const planned = await readAndPlan(values, packages);
    const scope = planned.ok ? planned.value.plan.scopes[0] : undefined;
    if (!planned.ok || !scope) {
      showDiagnostics(planned.diagnostics);
      return exit.failed;
    }
    const { unread } = planned.value;
    showDiagnostics(unread);
    const drawing = drawingOf(scope, by ?? (scope.packages.length > manyPackages ? 'repository' : 'package'));
    const text = format === 'svg' ? renderSvg(drawing) : renderDot(drawing);
    if (output === undefined) writeOutput(text);
    else {
      writeNamed(output, text);
      writeNote(`wrote ${output}: ${drawing.title}, ${drawing.nodes.length} boxes\n`);
    }
    return unread.length ? exit.failed : exit.ok;
  },
});
