import { compare } from '../model/diagnostics.ts';
import type { Difference } from '../model/channel-answers.ts';
import type { Lockfile } from '../model/lockfile.ts';
import { ownIn } from '../model/maps.ts';
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
      const [before, after] = [ownIn(x, name), ownIn(y, name)];
      if (!after) {
        if (before) of.removed.push([name, before.version]);
      } else if (!before) of.added.push([name, after.version]);
      else if (before.version !== after.version)
        of.changed.push([name, before.version, after.version, before.abi !== after.abi]);
    }
    const [s, t] = [a.tests[suite] ?? {}, b.tests[suite] ?? {}];
    for (const name of sortedKeys(s, t)) {
      const [then, since] = [ownIn(s, name) ?? '-', ownIn(t, name) ?? '-'];
      if (then !== since) of.tests.push([name, then, since]);
    }
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
    const [x, y] = [ownIn(m.distributions, d) ?? {}, ownIn(n.distributions, d) ?? {}];
    return sortedKeys(x, y).flatMap((name): Difference['repositories'] => {
      const at = (r: (typeof x)[string] | undefined) => r?.commit ?? r?.release ?? '-';
      const [then, since] = [at(ownIn(x, name)), at(ownIn(y, name))];
      return then === since ? [] : [[d, name, then, since]];
    });
  });
}

function systemChanges(m: Lockfile, n: Lockfile): Difference['system'] {
  return sortedKeys(m.platforms, n.platforms).flatMap((p) => {
    const [x, y] = [ownIn(m.platforms, p)?.packages ?? {}, ownIn(n.platforms, p)?.packages ?? {}];
    return sortedKeys(x, y).flatMap((name): Difference['system'] => {
      const [then, since] = [ownIn(x, name) ?? '-', ownIn(y, name) ?? '-'];
      return then === since ? [] : [[p, name, then, since]];
    });
  });
}
