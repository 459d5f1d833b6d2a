import { describe, expect, it } from 'vitest';
import { ShippedPaths } from '../../ts-src/engine/shipped-paths.ts';

/** Registers the files of packages in order; returns the reason why the last one is refused. */
function last(...packages: readonly (readonly [string, readonly string[]])[]): string | undefined {
  const shipped = new ShippedPaths();
  let reason: string | undefined;
  for (const [name, files] of packages) {
    reason = shipped.clash(name, files);
    if (reason === undefined) shipped.take(name, files);
  }
  return reason;
}

describe('two packages of a run', () => {
  it('may not ship the same file', () => {
    expect(last(['a', ['/p/x']], ['b', ['/p/y', '/p/x']])).toBe("it ships /p/x, which 'a' ships too");
  });

  it('may not ship a file or symlink where the other one has a folder, at any depth, in either order', () => {
    expect(last(['a', ['/p/lib64']], ['b', ['/p/lib64/x/y']])).toBe(
      "it ships files in /p/lib64/, and 'a' ships /p/lib64 as a file or link",
    );
    expect(last(['a', ['/p/lib64/x/y']], ['b', ['/p/lib64']])).toBe(
      "it ships /p/lib64 as a file or link, and 'a' ships files in /p/lib64/",
    );
  });

  it('may share folders, and one may be rebuilt', () => {
    expect(last(['a', ['/p/lib/x']], ['b', ['/p/lib/y']], ['a', ['/p/lib/x', '/p/lib/z/x']])).toBeUndefined();
    // A file became a folder in a later build.
    expect(last(['a', ['/p/lib/x']], ['a', ['/p/lib/x/y']])).toBeUndefined();
    expect(last(['a', ['/p/d/x']], ['b', ['/p/d/y']], ['a', ['/p/d']])).toMatch(/'b' ships files in/);
  });
});
