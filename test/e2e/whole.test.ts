import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { discard, resultOf, slipway, workspace } from './helpers.ts';
import { writeTiny, writeTinyPackage } from './tiny.ts';

describe('a published repository', () => {
  const folder = workspace('whole');
  afterAll(() => discard(folder));
  /** Package → version, as apt would find it, without the prefix's setup.sh. */
  const published = (): Record<string, string> => {
    const text = readFileSync(join(folder, 'out/apt/dists/bookworm-tiny/main/binary-amd64/Packages'), 'utf8');
    return Object.fromEntries(
      [...text.matchAll(/^Package: acme-tiny-(\w+)$[^]*?^Version: (.*)$/gm)].flatMap(([, name = '', version = '']) =>
        name === 'environment' ? [] : [[name, version] as const],
      ),
    );
  };
  const built = () => Object.fromEntries(resultOf(folder).map((r) => [r.name, r.version!]));
  const lib = (text: string) =>
    writeTinyPackage(folder, 'lib', {
      cmake: 'install(FILES lib.cmake DESTINATION share/lib/cmake)',
      files: { 'lib.cmake': `set(lib ${text})\n` },
    });
  const onLib = {
    manifest: '<depend>lib</depend>\n',
    cmake:
      'include(/opt/acme/tiny/share/lib/cmake/lib.cmake)\nif(lib STREQUAL bad)\n  message(FATAL_ERROR "no such lib")\nendif()\nfile(WRITE ${CMAKE_BINARY_DIR}/got "${lib}")\ninstall(FILES ${CMAKE_BINARY_DIR}/got DESTINATION share/${PROJECT_NAME})',
  };

  it('stays consistent: building one package by name keeps the former set and names what else must be built', async () => {
    writeTiny(folder, { app: onLib, tool: onLib, free: {} });
    lib('first');
    expect((await slipway(['build'], folder)).code).toBe(0);
    const first = published();
    expect(first).toEqual(built());
    lib('second');
    const ran = await slipway(['build', 'app'], folder);
    expect(ran.code, ran.stderr).toBe(0);
    expect(ran.stderr).toContain(`keeps the former versions of app, lib: tool was not built again`);
    expect(ran.stderr).toContain('build too: tool; or leave them out of the repository with --partial');
    expect(published()).toEqual(first);
    const both = await slipway(['build', 'app', 'tool'], folder);
    expect(both.stderr).not.toContain('former version');
    expect(published()).toEqual({ ...built(), free: first.free });
    expect(Object.keys(published()).sort()).toEqual(['app', 'free', 'lib', 'tool']);
  });

  it('stays consistent if a build fails, and leaves packages out with --partial', async () => {
    const before = published();
    lib('bad');
    const failed = await slipway(['build'], folder);
    expect(failed.code).toBe(1);
    expect(failed.stderr).toContain('keeps the former version of lib: app, tool were not built again');
    expect(published()).toEqual(before);
    const partial = await slipway(['build', 'lib', '--partial'], folder);
    expect(partial.stderr).toContain('acme-tiny-tool');
    expect(partial.stderr).toContain('is left out of the repository');
    expect(published()).toEqual({ lib: built().lib, free: before.free });
  });
});
