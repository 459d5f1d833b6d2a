import { execFileSync } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, readFileSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, describe, expect, it } from 'vitest';
import { debs, discard, fromNothing, resultOf, slipway, states, workspace } from './helpers.ts';
import { writeTiny } from './tiny.ts';

/** C code, with a header that one of two files includes. */
const library = `enable_language(C)
add_library(\${PROJECT_NAME} SHARED one.c two.c)
target_include_directories(\${PROJECT_NAME} PRIVATE \${CMAKE_SOURCE_DIR}/include \${CMAKE_INSTALL_PREFIX}/include)
install(TARGETS \${PROJECT_NAME} DESTINATION lib)`;
const headers = '\ninstall(DIRECTORY include/ DESTINATION include)';

describe('object files kept between builds', () => {
  const folder = workspace('objects');
  const whole = `${folder}-whole`;
  writeTiny(folder, {
    base: {
      cmake: library + headers,
      files: {
        'include/base.h': '#define FACTOR 2\n',
        'include/other.h': '#define OTHER 2\n',
        'one.c': '#include <base.h>\nint base_one(void) { return FACTOR; }\n',
        'two.c': 'int base_two(void) { return 2; }\n',
      },
    },
    user: {
      manifest: '<depend>base</depend>',
      cmake: library,
      files: {
        'one.c': '#include <base.h>\nint user_one(void) { return FACTOR; }\n',
        'two.c': '#include <other.h>\nint user_two(void) { return OTHER; }\n',
      },
    },
  });
  afterAll(async () => {
    await discard(folder);
    await discard(whole);
  });

  const write = (path: string, text: string): void => writeFileSync(join(folder, 'src', path), text);
  /** Builds; returns what was compiled, by package that was built. */
  const build = async (...more: string[]): Promise<Record<string, string[]>> => {
    // Packaged files have times in whole seconds. A build within the second in which the last one ended would compile
    // everything.
    await setTimeout(1000 - (Date.now() % 1000));
    const ran = await slipway(['build', '--incremental-objects', ...more], folder);
    expect(ran.code, ran.stderr).toBe(0);
    const built = resultOf(folder).filter((r) => r.state === 'built');
    return Object.fromEntries(
      built.map(({ name }) => {
        const log = readFileSync(join(folder, `out/logs/tiny/bookworm-amd64/${name}.log`), 'utf8');
        return [name, [...log.matchAll(/Building C object \S+\/(\w+\.c)\.o/g)].map((m) => m[1] ?? '').sort()];
      }),
    );
  };
  /** The packages must equal those of a build from nothing. */
  const same = async (): Promise<void> => {
    mkdirSync(whole, { recursive: true });
    cpSync(join(folder, 'out/lock.yaml'), join(folder, 'lock.yaml'));
    const ran = await fromNothing(folder, whole, ['distro.yaml', 'src', 'lock.yaml'], ['--lock', 'lock.yaml']);
    expect(ran.code, ran.stderr).toBe(0);
    const bytes = (of: string) => resultOf(of).flatMap((r) => (r.debs ?? []).map((d) => [d.name, d.sha256]));
    expect(bytes(folder)).toEqual(bytes(whole));
  };

  it('compile what an edit affects, and give the bytes of a build from nothing', async () => {
    expect(await build()).toEqual({ base: ['one.c', 'two.c'], user: ['one.c', 'two.c'] });
    write('base/two.c', 'int base_two(void) { return 3; }\n');
    expect(await build()).toEqual({ base: ['two.c'] });
    await same();
    write('base/include/base.h', '#define FACTOR 4\n');
    expect(await build()).toEqual({ base: ['one.c'], user: ['one.c'] });
    await same();
  });

  it('compile what includes the changed header of a dependency, edit after edit', async () => {
    write('base/include/other.h', '#define OTHER 5\n');
    expect(await build()).toEqual({ base: [], user: ['two.c'] });
    write('base/include/base.h', '#define FACTOR 6\n');
    expect(await build()).toEqual({ base: ['one.c'], user: ['one.c'] });
    write('user/one.c', '#include <base.h>\nint user_one(void) { return FACTOR + 1; }\n');
    expect(await build()).toEqual({ user: ['one.c'] });
    write('base/include/other.h', '#define OTHER 6\n');
    expect(await build()).toEqual({ base: [], user: ['two.c'] });
    await same();
  });

  it('are discarded if make would not see the change', async () => {
    // The previous header comes from the store, and is older than the objects.
    write('base/include/base.h', '#define FACTOR 2\n');
    write('user/two.c', 'int user_two(void) { return 5; }\n');
    expect((await build()).user).toEqual(['one.c', 'two.c']);
    await same();
    write('user/added.h', '/* a file more */\n');
    expect(await build()).toEqual({ user: ['one.c', 'two.c'] });
    write('user/two.c', 'const char *user_two(void) { return __DATE__; }\n');
    expect(await build()).toEqual({ user: ['one.c', 'two.c'] });
    write('user/one.c', 'int user_one(void) { return 1; }\n');
    expect(await build()).toEqual({ user: ['one.c', 'two.c'] });
  });

  it('of a failed build are reused after the fix', async () => {
    write('base/two.c', 'int base_two(void) { return 7 }\n');
    const ran = await slipway(['build', '--incremental-objects'], folder);
    expect([ran.code, states(folder).base]).toEqual([1, 'failed']);
    write('base/two.c', 'int base_two(void) { return 7; }\n');
    expect((await build()).base).toEqual(['two.c']);
    await same();
  });

  it('of a Python module give the package of a build from nothing, though its list of sources grows', async () => {
    write(
      'user/CMakeLists.txt',
      `cmake_minimum_required(VERSION 3.10)
project(user)
${library}
add_custom_target(egg ALL COMMAND sh -c "mkdir -p module.egg-info && ls -A > module.egg-info/SOURCES.txt" VERBATIM)
add_custom_command(TARGET egg POST_BUILD COMMAND sh -c "echo Name: module > module.egg-info/PKG-INFO" VERBATIM)
install(DIRECTORY \${CMAKE_BINARY_DIR}/module.egg-info DESTINATION lib/python3.11/site-packages)
`,
    );
    write('user/two.c', 'int user_two(void) { return 12; }\n');
    await build();
    write('user/two.c', 'int user_two(void) { return 13; }\n');
    expect((await build()).user).toEqual(['two.c']);
    await same();
    const deb = debs(folder).findLast((path) => path.includes('acme-tiny-user_'));
    const members = execFileSync('dpkg-deb', ['--contents', deb ?? ''], { encoding: 'utf8' });
    expect(members).toContain('/site-packages/module.egg-info/PKG-INFO');
    expect(members).not.toContain('SOURCES.txt');
  });

  it('of a source with outgoing symlinks leave the targets unchanged', async () => {
    const outside = join(folder, 'outside');
    mkdirSync(outside);
    writeFileSync(join(outside, 'text'), 'not of the package\n');
    symlinkSync(outside, join(folder, 'src/base/way-out'));
    // Two symlinks to their own folder: following them would never end.
    for (const name of ['a', 'b']) symlinkSync('.', join(folder, 'src/base', name));
    await build();
    utimesSync(join(outside, 'text'), 1e9, 1e9);
    write('base/two.c', 'int base_two(void) { return 11; }\n');
    expect(await build()).toEqual({ base: ['two.c'] });
    expect(statSync(join(outside, 'text')).mtimeMs).toBe(1e12);
  });

  it('are for local builds only, and removed by slipway clean', async () => {
    expect((await slipway(['build', '--incremental-objects', '--untrusted', 'x'], folder)).code).toBe(2);
    expect((await slipway(['build', '--incremental-objects', '--check-reproducible'], folder)).code).toBe(2);
    expect(existsSync(join(folder, '.slipway/objects'))).toBe(true);
    await slipway(['clean'], folder);
    expect(existsSync(join(folder, '.slipway/objects'))).toBe(false);
  });
});
