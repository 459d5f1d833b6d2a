import { compare } from '../model/diagnostics.ts';
import type { Difference } from '../model/channel-answers.ts';
import type { Lockfile } from '../model/lockfile.ts';
import type { State } from './state.ts';

const sortedKeys = (a: object, b: object): string[] =>
  [...new Set([...Object.keys(a), ...Object.keys(b)])].sort(compare);

export function differenceOf(
  a: State,
  b: State,
  locks: readonly [Lockfile | undefined, Lockfile | undefined] = [undefined, undefined],
): Difference {
  const suites: Difference['suites'] = {};
  for (const suite of sortedKeys(a.suites, b.suites)) {
    const [x, y] = [a.suites[suite] ?? {}, b.suites[suite] ?? {}];
    const of: Difference['suites'][string] = { added: [], removed: [], changed: [], tests: [] };
    for (const name of sortedKeys(x, y)) {
      const [before, after] = [x[name], y[name]];
      if (!before) of.added.push([name, after!.version]);
      else if (!after) of.removed.push([name, before.version]);
      else if (before.version !== after.version)
        of.changed.push([name, before.version, after.version, before.abi !== after.abi]);
    }
    const [s, t] = [a.tests[suite] ?? {}, b.tests[suite] ?? {}];
    for (const name of sortedKeys(s, t)) if (s[name] !== t[name]) of.tests.push([name, s[name] ?? '-', t[name] ?? '-']);
    if (of.added.length || of.removed.length || of.changed.length || of.tests.length) suites[suite] = of;
  }
  const [m, n] = locks;
  return {
    suites,
    repositories: m && n ? repositoryChanges(m, n) : [],
    system: m && n ? systemChanges(m, n) : [],
  };
}

function repositoryChanges(m: Lockfile, n: Lockfile): Difference['repositories'] {
  return sortedKeys(m.distributions, n.distributions).flatMap((d) => {
    const [x, y] = [m.distributions[d] ?? {}, n.distributions[d] ?? {}];
    return sortedKeys(x, y).flatMap((name): Difference['repositories'] => {
      const at = (r: (typeof x)[string] | undefined) => r?.commit ?? r?.release ?? '-';
      return at(x[name]) === at(y[name]) ? [] : [[d, name, at(x[name]), at(y[name])]];
    });
  });
}

function systemChanges(m: Lockfile, n: Lockfile): Difference['system'] {
  return sortedKeys(m.platforms, n.platforms).flatMap((p) => {
    const [x, y] = [m.platforms[p]?.packages ?? {}, n.platforms[p]?.packages ?? {}];
    return sortedKeys(x, y).flatMap((name): Difference['system'] =>
      x[name] === y[name] ? [] : [[p, name, x[name] ?? '-', y[name] ?? '-']],
    );
  });
}
