import { error, isError, nearest } from '../model/diagnostics.ts';
import { listsPackages } from '../plan/select.ts';
import { needsOf } from '../query/explain.ts';
import { cycleMeaning, findCycles, groupedBy, pathBetween, reach } from '../query/query.ts';
import type { Resolver } from '../plan/resolve.ts';
import { compareReleases } from '../plan/versions.ts';
import { renderTable, someOf } from '../render/table.ts';
import {
  writeMessage,
  distroOptions,
  exit,
  writeOutput,
  selectionOptions,
  showDiagnostics,
  defineCommand,
} from './command.ts';
import { developedAndReleased } from './developed.ts';
import { readAndPlan, type Planned } from './planning.ts';

/** An answer: columns for people, the same rows as data. */
interface Answer {
  head: string[];
  rows: string[][];
  data: unknown[];
  none: string;
  /** Something that the answer is about could not be read; this was reported. */
  partial?: boolean;
}
interface QueryValues {
  readonly recursive?: boolean | undefined;
}
interface Question {
  usage: string;
  help: string;
  names: number | 'any';
  ask(planned: Planned, names: string[], values: QueryValues): Promise<Answer> | Answer;
}

/** One resolver per distribution, because queries on graphs do not depend on the platform. */
const perDistribution = (planned: Planned): Resolver[] =>
  planned.resolvers.filter((r, i, all) => all.findIndex((o) => o.evaluated === r.evaluated) === i);

const questions: Record<string, Question> = {
  deps: {
    usage: 'deps PACKAGE',
    help: 'its dependencies, their purpose and source; -r: also indirect ones',
    names: 1,
    ask(planned, [name = ''], values) {
      if (values.recursive) return reached(planned, name, false);
      const rows = planned.resolvers.flatMap((r) => {
        const number = r.evaluated.number.get(name);
        return number === undefined
          ? []
          : needsOf(r, number).map((n) => ({ distribution: r.evaluated.input.name, platform: r.platformName, ...n }));
      });
      return {
        head: ['NEEDS', 'TO', 'BY', 'PLATFORM', 'WHERE IT COMES FROM'],
        rows: rows.map((n) => [n.name, n.for.join(', '), n.tag, n.platform, n.from]),
        data: rows,
        none: `'${name}' needs nothing`,
      };
    },
  },
  rdeps: {
    usage: 'rdeps PACKAGE',
    help: 'packages that need it to build, run or test; -r: also indirectly',
    names: 1,
    ask(planned, [name = ''], values) {
      if (values.recursive) return reached(planned, name, true);
      const rows = perDistribution(planned).flatMap((r) =>
        r.evaluated.names.flatMap((n, number) =>
          needsOf(r, number)
            .filter((d) => d.name === name)
            .map((d) => ({ distribution: r.evaluated.input.name, name: n, for: d.for, tag: d.tag })),
        ),
      );
      return {
        head: ['NEEDED BY', 'TO', 'BY'],
        rows: rows.map((n) => [n.name, n.for.join(', '), n.tag]),
        data: rows,
        none: `nothing needs '${name}'`,
      };
    },
  },
  path: {
    usage: 'path PACKAGE PACKAGE',
    help: 'the shortest chain of dependencies from the first to the second',
    names: 2,
    ask(planned, [from = '', to = '']) {
      const rows = perDistribution(planned).flatMap((r) =>
        pathBetween(r.evaluated, from, to).map((e) => ({ distribution: r.evaluated.input.name, ...e })),
      );
      return {
        head: ['PACKAGE', 'NEEDS', 'BY'],
        rows: rows.map((e) => [e.from, e.to, e.tag]),
        data: rows,
        none: `'${from}' does not need '${to}'`,
      };
    },
  },
  cycles: {
    usage: 'cycles',
    help: 'packages that need each other, by which dependencies, and the consequence',
    names: 0,
    ask(planned) {
      const rows = perDistribution(planned).flatMap((r) =>
        findCycles(r.evaluated).map((c) => ({ distribution: r.evaluated.input.name, ...c })),
      );
      return {
        head: ['KIND', 'TRAIL', 'MEANS'],
        rows: rows.map((c) => [
          c.kind,
          c.trail.map((e) => `${e.from} → ${e.to} (${e.tag})`).join(', '),
          cycleMeaning[c.kind],
        ]),
        data: rows,
        none: 'there are no cycles',
      };
    },
  },
  maintainer: {
    usage: 'maintainer [TEXT]',
    help: 'packages by maintainer; only those whose name or address contains TEXT',
    names: 'any',
    ask: (planned, [text]) => grouped(planned, 'maintainers', text),
  },
  licenses: {
    usage: 'licenses [TEXT]',
    help: 'packages by licence; only licences that contain TEXT',
    names: 'any',
    ask: (planned, [text]) => grouped(planned, 'licenses', text),
  },
  unreleased: {
    usage: 'unreleased',
    help: 'packages that have a source entry but no release',
    names: 0,
    async ask(planned) {
      const { packages, partial } = await developedAndReleased(planned);
      const rows = packages.filter((p) => p.released === undefined);
      return {
        head: ['PACKAGE', 'VERSION', 'REPOSITORY'],
        rows: rows.map((p) => [p.name, p.developed, p.repository]),
        data: rows,
        none: 'all that is developed is released',
        partial,
      };
    },
  },
  outdated: {
    usage: 'outdated',
    help: 'packages whose released version is older than their source version',
    names: 0,
    async ask(planned) {
      const { packages, partial } = await developedAndReleased(planned);
      const rows = packages.filter(
        (p) => p.released !== undefined && (compareReleases(p.released.replace(/-[^-]*$/, ''), p.developed) ?? 0) < 0,
      );
      return {
        head: ['PACKAGE', 'RELEASED', 'DEVELOPED', 'REPOSITORY'],
        rows: rows.map((p) => [p.name, p.released ?? '', p.developed, p.repository]),
        data: rows,
        none: 'no release is behind',
        partial,
      };
    },
  },
};

function reached(planned: Planned, name: string, up: boolean): Answer {
  const rows = perDistribution(planned).flatMap((r) =>
    reach(r.evaluated, name, up).map((n) => ({ distribution: r.evaluated.input.name, ...n })),
  );
  return {
    head: [up ? 'NEEDED BY' : 'NEEDS', 'STEPS'],
    rows: rows.map((n) => [n.name, String(n.steps)]),
    data: rows,
    none: up ? `nothing needs '${name}'` : `'${name}' needs no package of the distribution`,
  };
}

function grouped(planned: Planned, of: 'maintainers' | 'licenses', text = ''): Answer {
  const rows = perDistribution(planned).flatMap((r) =>
    groupedBy(r.evaluated.packages, of)
      .filter((g) => g.key.toLowerCase().includes(text.toLowerCase()))
      .map((g) => ({
        distribution: r.evaluated.input.name,
        [of === 'licenses' ? 'license' : 'maintainer']: g.key,
        packages: g.packages,
      })),
  );
  return {
    head: [of === 'licenses' ? 'LICENCE' : 'MAINTAINER', 'PACKAGES', ''],
    rows: rows.map((g) => [String(Object.values(g)[1]), String(g.packages.length), someOf(g.packages, 6)]),
    data: rows,
    none: `no ${of === 'licenses' ? 'licence' : 'maintainer'} contains '${text}'; without it, all are listed`,
  };
}

/** Names of all dependencies of packages. */
const neededNames = (r: Resolver): string[] =>
  r.evaluated.names.flatMap((_, n) => r.evaluated.needs(n).map((d) => d.name));

const width = Math.max(...Object.values(questions).map((q) => q.usage.length));

export const query = defineCommand({
  summary: 'query the dependencies, cycles, maintainers, licences and versions of packages',
  usage: 'query QUESTION [NAME ...]',
  examples: ['slipway query rdeps rclcpp', 'slipway query path nav2_bringup rclcpp', 'slipway query cycles --json'],
  details: Object.values(questions)
    .map((q) => `  ${q.usage.padEnd(width)}  ${q.help}`)
    .join('\n'),
  options: {
    ...distroOptions,
    distribution: selectionOptions.distribution,
    platform: selectionOptions.platform,
    recursive: { type: 'boolean', short: 'r', help: 'deps, rdeps: also indirect dependencies' },
    json: { type: 'boolean', help: 'print JSON' },
  },
  async run(values, [what, ...names]) {
    const question = what !== undefined && Object.hasOwn(questions, what) ? questions[what] : undefined;
    if (!question || (question.names === 'any' ? names.length > 1 : names.length !== question.names)) {
      const near = what === undefined || question ? undefined : nearest(what, Object.keys(questions));
      writeMessage(
        `slipway query: ${question ? `it is \`query ${question.usage}\`` : `ask one of ${Object.keys(questions).join(', ')}${near ? `; did you mean ${near}?` : ''}`}\n`,
      );
      return exit.usage;
    }
    const planned = await readAndPlan(values, []);
    if (!planned.ok) {
      showDiagnostics(planned.diagnostics);
      return exit.failed;
    }
    if (question.names === 1 || question.names === 2) {
      const known = new Set(
        planned.value.resolvers.flatMap((r) => [
          ...r.evaluated.names,
          ...(what === 'rdeps' && !values.recursive ? neededNames(r) : []),
        ]),
      );
      const unknown = names.filter((n) => !known.has(n));
      if (unknown.length) {
        const faults = unknown.map((n) => {
          const near = nearest(n, known);
          const needed = planned.value.resolvers.some((r) => neededNames(r).includes(n));
          const otherwise = needed
            ? `it is a dependency of packages: \`slipway query rdeps ${n}\` and \`slipway explain ${n}\` tell of it`
            : listsPackages;
          return error('selection', `'${n}' matches no package`, {
            hint: near ? `did you mean '${near}'?` : otherwise,
          });
        });
        // A package that could not be read may be the cause.
        showDiagnostics([...planned.value.diagnostics.filter(isError), ...faults]);
        return exit.failed;
      }
    }
    const { unread } = planned.value;
    showDiagnostics(unread);
    const answer = await question.ask(planned.value, names, values);
    const partial = answer.partial === true || unread.length > 0;
    if (values.json) writeOutput(`${JSON.stringify(answer.data)}\n`);
    else if (answer.rows.length) writeOutput(renderTable(answer.head, answer.rows));
    else writeMessage(`${partial ? 'of what could be read, ' : ''}${answer.none}\n`);
    return partial ? exit.failed : exit.ok;
  },
});
