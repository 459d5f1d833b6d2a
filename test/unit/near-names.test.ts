import { describe, expect, it } from 'vitest';
import { NearNames } from '../../ts-src/model/diagnostics.ts';
import { likelyName } from '../../ts-src/plan/archive.ts';

describe('a system package that the archive lacks', () => {
  const names = new Set(['vcstool', 'python3-vcs', 'python3-numpy', 'libtinyxml2-dev', 'python3-catkin-pkg', 'zlib1g']);
  const likely = (name: string) => likelyName(name, new NearNames(names), names);

  it.each([
    ['libtinyxml2-dv', 'libtinyxml2-dev'],
    ['python3-vcstool', 'vcstool'],
    ['python-numpy', 'python3-numpy'],
    ['python3-catkin-pkg-modules', 'python3-catkin-pkg'],
    ['no-such-thing-at-all', undefined],
  ])('%s: perhaps %s is meant', (name, expected) => {
    expect(likely(name)).toBe(expected);
  });
});
