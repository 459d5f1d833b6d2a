import type { ChannelRules } from '../model/channels.ts';
import { compareDebianVersions } from '../plan/versions.ts';
import { matcher } from '../plan/globs.ts';
import { someOf } from '../render/table.ts';
import { brokenPackages } from './installability.ts';
import { sameFiles } from './raise.ts';
import type { Verdict } from '../model/channel-answers.ts';
import { ownEntry, ownIn } from '../model/maps.ts';
import type { State } from './state.ts';
import type { Suites, Versions } from './suites.ts';
import { removedByUpgrade, unmetIn } from './upgrade.ts';

/** The inputs for judging a promotion. */
export interface Candidate {
  state: State;
  /** The target's current state; undefined if it has none. */
  target: State | undefined;
  /** The highest versions that the target ever had. */
  versions: Versions;
  /** Control stanzas of the state's packages, by suite with architecture. */
  stanzas: Record<string, string[]>;
  now: number;
  /** Control stanzas of the target's packages. */
  targetStanzas?: Record<string, string[]>;
  /** Earlier states of the source channel, newest first, with their test results. */
  history?: readonly Pick<State, 'suites' | 'tests'>[];
  /** Packages in the platforms' archives, by suite with architecture, if the rules use them. */
  archives?: Record<string, string[] | undefined>;
  /** Who approves the promotion. */
  approvedBy: string | undefined;
}

const names = (suites: Suites, suite: string): string[] => Object.keys(suites[suite] ?? {});
const most = 8;
const verdict = (criterion: string, faults: readonly string[], good: string): Verdict => ({
  criterion,
  passed: !faults.length,
  reason: faults.length ? someOf(faults, most) : good,
});

/** Verdicts of all criteria that the rules use, with reasons. */
export function judge(rules: ChannelRules, candidate: Candidate): Verdict[] {
  const { suites } = candidate.state;
  return [
    versionsRise(candidate),
    ...(rules.packages.length ? [packagesThere(rules.packages, suites)] : []),
    ...(rules.count === undefined ? [] : [countReached(rules.count, suites)]),
    ...(rules.percent === undefined ? [] : [percentReached(rules.percent, candidate)]),
    ...(rules.architectures ? [architecturesComplete(suites)] : []),
    ...(rules.installable ? [installable(candidate)] : []),
    ...(rules.abi ? [abiClosed(suites)] : []),
    ...(rules.archive ? [archiveHasAll(candidate.archives ?? {}, candidate)] : []),
    ...(rules.upgrade ? [upgradeKeeps(candidate)] : []),
    ...(rules.nothing_lost ? [nothingLost(candidate)] : []),
    ...(rules.tests ? [testsHold(candidate)] : []),
    ...(rules.age_hours === undefined ? [] : [oldEnough(rules.age_hours, candidate)]),
    ...(rules.approval ? [approved(candidate)] : []),
  ];
}

/** apt does not downgrade: a lower version would reach newly installed robots only. */
function versionsRise({ state, target, versions }: Candidate): Verdict {
  const faults = Object.entries(state.suites).flatMap(([suite, packages]) =>
    Object.entries(packages).flatMap(([debian, held]) => {
      const highest = ownIn(versions[suite], debian);
      if (highest === undefined || sameFiles(held, ownIn(target?.suites[suite], debian))) return [];
      const order = compareDebianVersions(held.version, highest);
      return order > 0 ? [] : [`${suite}: ${debian} ${held.version} is not above ${highest}, which the channel held`];
    }),
  );
  return verdict('versions', faults, 'no version goes down');
}

function packagesThere(globs: readonly string[], suites: Suites): Verdict {
  const faults = Object.keys(suites).flatMap((suite) =>
    globs
      .filter((glob) => {
        const matches = matcher([glob]);
        return !names(suites, suite).some(matches);
      })
      .map((glob) => `${suite} has no ${glob}`),
  );
  return verdict(
    'packages',
    faults,
    `${globs.length} named ${globs.length === 1 ? 'package is' : 'packages are'} there`,
  );
}

function countReached(count: number, suites: Suites): Verdict {
  const faults = Object.keys(suites)
    .filter((suite) => names(suites, suite).length < count)
    .map((suite) => `${suite} has ${names(suites, suite).length} packages, ${count} are asked for`);
  return verdict('count', faults, `at least ${count} packages in each suite`);
}

function percentReached(percent: number, { state, target }: Candidate): Verdict {
  const before = target?.suites ?? {};
  const faults = Object.keys(before).flatMap((suite) => {
    const [now, then] = [names(state.suites, suite).length, names(before, suite).length];
    return now * 100 >= then * percent ? [] : [`${suite} has ${now} packages of ${then}, ${percent} % are asked for`];
  });
  return verdict('percent', faults, `at least ${percent} % of the packages that the target has`);
}

/** All architectures of a suite must have the same packages. */
function architecturesComplete(suites: Suites): Verdict {
  const bySuite = new Map<string, string[]>();
  for (const key of Object.keys(suites)) {
    const suite = key.slice(0, key.lastIndexOf('/'));
    bySuite.set(suite, [...(bySuite.get(suite) ?? []), key]);
  }
  const faults = [...bySuite.values()].flatMap((keys) => {
    const all = new Set(keys.flatMap((key) => names(suites, key)));
    return keys.flatMap((key) => {
      const lacking = [...all].filter((name) => !Object.hasOwn(ownEntry(suites, key), name)).sort();
      return lacking.length ? [`${key} lacks ${someOf(lacking, 5)}`] : [];
    });
  });
  return verdict('architectures', faults, 'each architecture has every package');
}

function nothingLost({ state, target }: Candidate): Verdict {
  const before = target?.suites ?? {};
  const faults = Object.keys(before).flatMap((suite) => {
    const lost = names(before, suite)
      .filter((name) => !Object.hasOwn(state.suites[suite] ?? {}, name))
      .sort();
    return lost.length ? [`${suite} loses ${someOf(lost, 5)}`] : [];
  });
  return verdict('nothing_lost', faults, 'nothing that the target has is lost');
}

/** Failures count only if the test passed in the target and is not known to be flaky. */
function testsHold(candidate: Candidate): Verdict {
  const { state, target } = candidate;
  const failing = Object.entries(state.tests).flatMap(([suite, tests]) =>
    Object.entries(tests).flatMap(([name, outcome]) =>
      outcome === 'failed' && !['failed', 'flaky'].includes(ownIn(target?.tests[suite], name) ?? '')
        ? [{ suite, name, flaky: wasFlaky(candidate, suite, name) }]
        : [],
    ),
  );
  const faults = failing.filter((f) => !f.flaky).map((f) => `${f.suite}: tests of ${f.name} fail newly`);
  const flaky = failing.filter((f) => f.flaky).map((f) => `${f.suite}: ${f.name}`);
  const beside = flaky.length ? `; known to be flaky: ${someOf(flaky, most)}` : '';
  return verdict('tests', faults, `no test fails that did not fail in the target${beside}`);
}

/** Whether a package's tests were flaky in a former state, or passed there on the same build. */
function wasFlaky({ state, history = [] }: Candidate, suite: string, name: string): boolean {
  const key = ownIn(state.suites[suite], name)?.key;
  return history.some(({ suites, tests }) => {
    const outcome = ownIn(tests[suite], name);
    return (
      outcome === 'flaky' || (outcome === 'passed' && key !== undefined && ownIn(suites[suite], name)?.key === key)
    );
  });
}

/** Every required ABI name must be provided. */
function abiClosed(suites: Suites): Verdict {
  const faults = Object.entries(suites).flatMap(([suite, packages]) => {
    const given = new Set(Object.values(packages).map((held) => held.abi));
    return Object.entries(packages).flatMap(([debian, { requires }]) =>
      requires
        .filter((abi) => !given.has(abi))
        .map((abi) => `${suite}: ${debian} was built against ${abi}, which no package has`),
    );
  });
  return verdict('abi', faults, 'each package finds the ABI that it was built against');
}

function oldEnough(hours: number, { state, now }: Candidate): Verdict {
  const age = (now - state.when) / 3_600_000;
  return verdict(
    'age_hours',
    age >= hours ? [] : [`it is ${age.toFixed(1)} hours old, ${hours} are asked for`],
    `older than ${hours} hours`,
  );
}

function approved({ approvedBy }: Candidate): Verdict {
  return verdict(
    'approval',
    approvedBy === undefined ? ['nobody approved of it'] : [],
    `approved by ${approvedBy ?? ''}`,
  );
}

/**
 * Every dependency on a package that this state could provide must be met. Other dependencies come from the platform's
 * archive, which the package was built against.
 */
function installable({ stanzas }: Candidate): Verdict {
  const faults = Object.entries(stanzas).flatMap(([suite, all]) =>
    unmetIn(all, all).map(({ name, needs }) => `${suite}: ${name} needs ${needs}`),
  );
  return verdict('installable', faults, 'what each package needs of the others is there');
}

/** An upgrade must not remove any package from machines that have all of the target's packages. */
function upgradeKeeps({ stanzas, targetStanzas }: Candidate): Verdict {
  const faults = Object.entries(targetStanzas ?? {}).flatMap(([suite, before]) =>
    removedByUpgrade(before, stanzas[suite] ?? []).map(({ name, why }) => `${suite}: ${name} ${why}`),
  );
  return verdict('upgrade', faults, 'an upgrade removes no package of the target');
}

/** All dependencies of each package, direct or indirect, must be in the suite or its platform's archive. */
function archiveHasAll(archives: NonNullable<Candidate['archives']>, { stanzas }: Candidate): Verdict {
  const faults = Object.entries(stanzas).flatMap(([suite, own]) => {
    const archive = archives[suite];
    if (!archive) return [`${suite}: the archive of its platform is not known here`];
    return brokenPackages(own, archive).map((b) => {
      const through = b.of === b.package ? '' : `, which ${b.of} needs`;
      return `${suite}: ${b.package} can't be installed: there is no ${b.needs}${through}`;
    });
  });
  return verdict('archive', faults, "all that packages need is there, or in the platform's archive");
}
