import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { debs, discard, resultOf, slipway, workspace } from './helpers.ts';
import { writeTiny } from './tiny.ts';

describe('tests that need packages of the distribution', () => {
  const folder = workspace('tested');
  afterAll(() => discard(folder));
  const states = () => Object.fromEntries(resultOf(folder).map((r) => [r.id.split('/').pop()!, r.state]));

  it('build these first, even if these depend on the tested package', async () => {
    writeTiny(folder, {
      app: {
        manifest: '<test_depend>checks</test_depend>\n',
        cmake:
          'include(CTest)\nif(BUILD_TESTING)\n  find_package(checks REQUIRED)\n  add_test(NAME says COMMAND ${checks_says})\nendif()\ninstall(FILES app.txt DESTINATION share/app)',
        files: { 'app.txt': 'app\n' },
      },
      checks: {
        manifest: '<build_depend>app</build_depend>\n<exec_depend>words</exec_depend>\n',
        cmake:
          'find_file(app_txt app.txt PATHS /opt/acme/tiny/share/app REQUIRED NO_DEFAULT_PATH)\nfile(WRITE ${CMAKE_BINARY_DIR}/checksConfig.cmake "set(checks_says cat /opt/acme/tiny/share/words/words.txt)\\n")\ninstall(FILES ${CMAKE_BINARY_DIR}/checksConfig.cmake DESTINATION share/checks/cmake)',
      },
      words: { cmake: 'install(FILES words.txt DESTINATION share/words)', files: { 'words.txt': 'words\n' } },
      other: {},
    });
    const prepared = await slipway(
      ['prepare', 'app', '--store', `file:${folder}/farm`, '--output', 'farm.txt'],
      folder,
    );
    expect(prepared.code, prepared.stderr).toBe(0);
    expect(prepared.stderr).toMatch(/0 cached, 2 to do, 2 to be decided by their results/);
    const ran = await slipway(['test', 'app'], folder);
    expect(ran.code, ran.stderr).toBe(0);
    expect(states()).toMatchObject({ app: 'built', checks: 'built', words: 'built', 'app:test': 'passed' });
    expect(Object.keys(states()).sort()).toEqual(['app', 'app:test', 'checks', 'words']);
  });

  it('run with build --test; packages that only they need are not published', async () => {
    const ran = await slipway(['build', '--test', 'app'], folder);
    expect(ran.code, ran.stderr).toBe(0);
    expect(states()).toMatchObject({ checks: 'cached', 'app:test': 'cached' });
    expect(
      debs(folder).map((d) => execFileSync('dpkg-deb', ['-f', d, 'Package'], { encoding: 'utf8' }).trim()),
    ).toEqual(['acme-tiny-app', 'acme-tiny-environment']);
    const plain = await slipway(['build', 'app'], folder);
    expect(plain.code, plain.stderr).toBe(0);
    expect(Object.keys(states())).toEqual(['app']);
  });

  it('stop dependents if configured, but not their own dependencies', async () => {
    writeTiny(folder, {}, 'tests: { stop_dependents: true }\n');
    const ran = await slipway(['test', '--rebuild', 'app'], folder);
    expect(ran.code, ran.stderr).toBe(0);
    expect(states()).toMatchObject({ app: 'built', 'app:test': 'passed', 'checks:test': 'passed' });
  });

  it('are stopped at the time limit of distro.yaml', async () => {
    writeTiny(
      folder,
      { slow: { cmake: 'include(CTest)\nadd_test(NAME waits COMMAND sleep 1000)' } },
      'tests: { minutes: 0.05 }\n',
    );
    const ran = await slipway(['test', 'slow'], folder);
    expect(ran.code, ran.stderr).toBe(1);
    expect(states()).toMatchObject({ slow: 'built', 'slow:test': 'failed' });
    expect(ran.stderr).toContain(
      'it did not end in 3 seconds, and was stopped (tests.minutes of distro.yaml gives it longer)',
    );
  });
});

describe('system packages that the archive does not have', () => {
  const folder = workspace('lacking');
  afterAll(() => discard(folder));

  it('are reported before the first build with their keys, and block only their dependents', async () => {
    writeTiny(
      folder,
      {
        app: { manifest: '<depend>good_key</depend>\n<exec_depend>bad_key</exec_depend>\n' },
        above: { manifest: '<depend>app</depend>\n' },
        tool: { manifest: '<test_depend>test_key</test_depend>\n' },
      },
      'rosdep: [rosdep.yaml]\n',
    );
    writeFileSync(
      join(folder, 'rosdep.yaml'),
      '# keys\ngood_key: { debian: [zlib1g-dev] }\nbad_key:\n  debian: [zlib1g, python3-catkin-pkg-modules]\ntest_key: { debian: [no-such-thing-at-all] }\n',
    );
    const ran = await slipway(['build'], folder);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toMatch(
      /rosdep\.yaml:3: error: the archive of debian bookworm \(amd64\) has no package 'python3-catkin-pkg-modules', which the rosdep key 'bad_key' gives: needed by app/,
    );
    expect(ran.stderr).toContain("did you mean 'python3-catkin-pkg'?");
    expect(ran.stderr).toMatch(
      /rosdep\.yaml:5: warning: .*'no-such-thing-at-all'.*the tests or the documentation of tool/,
    );
    expect(ran.stderr.indexOf('python3-catkin-pkg-modules')).toBeLessThan(ran.stderr.indexOf('building '));
    expect(Object.fromEntries(resultOf(folder).map((r) => [r.name, [r.state, r.reason]]))).toEqual({
      app: ['blocked', "'python3-catkin-pkg-modules' is not in the archive of debian bookworm"],
      above: ['stopped', "'app' is blocked"],
      tool: ['built', 'new or changed inputs'],
    });
    const checked = await slipway(['validate'], folder);
    expect(checked.code).toBe(1);
    expect(checked.stderr).toMatch(/rosdep\.yaml:3: error: .*python3-catkin-pkg-modules.* \[system-missing\]/);
  });
});
