import { appendFileSync, existsSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cache, debs, discard, example, resultOf, slipway, sources, states } from './helpers.ts';

const built = (folder: string) =>
  Object.entries(states(folder))
    .filter(([, s]) => s === 'built')
    .map(([n]) => n)
    .sort();

describe('tests as tasks', () => {
  const folder = example('tests');
  afterAll(() => discard(folder));
  const math = join(folder, 'src/robot/acme_math');
  const testsOf = () =>
    Object.fromEntries(
      resultOf(folder)
        .filter((r) => r.id.endsWith(':test'))
        .map((r) => [r.name, `${r.state}: ${r.reason.split('\n')[0]}`]),
    );

  it('run in separate roots with test dependencies, give JUnit, are cached, and stop no other task', async () => {
    appendFileSync(
      join(math, 'CMakeLists.txt'),
      '\nif(BUILD_TESTING)\n  enable_testing()\n  add_executable(test_angle test/test_angle.cpp)\n  target_link_libraries(test_angle acme_math)\n  add_test(NAME angle COMMAND test_angle)\n  add_test(NAME network COMMAND sh -c "! getent hosts example.org")\nendif()\n',
    );
    mkdirSync(join(math, 'test'));
    writeFileSync(
      join(math, 'test/test_angle.cpp'),
      '#include <acme_math/angle.hpp>\n#include <cmath>\nint main() { return std::fabs(acme_math::normalize(7.0) - 0.716814692820414) < 1e-9 ? 0 : 1; }\n',
    );
    const teleop = join(folder, 'src/robot/acme_teleop');
    mkdirSync(join(teleop, 'test'));
    writeFileSync(
      join(teleop, 'test/test_teleop.py'),
      'from acme_teleop import main\nimport pytest\n\ndef test_import():\n    assert main\n\n@pytest.mark.skip(reason="not here")\ndef test_skipped():\n    pass\n',
    );
    sources(folder);
    const ran = await slipway(['test', '--distribution', 'mini', 'acme_math', 'acme_teleop'], folder);
    expect(ran.code, ran.stderr).toBe(0);
    expect(testsOf()).toEqual({
      acme_math: 'passed: new or changed inputs',
      acme_teleop: 'passed: new or changed inputs',
    });
    expect(existsSync(join(folder, 'out/apt'))).toBe(false);
    expect(readFileSync(join(folder, 'out/junit/mini/bookworm-amd64/acme_teleop.xml'), 'utf8')).toMatch(
      /tests="2" failures="0" errors="0" skipped="1"/,
    );
    const again = await slipway(['test', '--distribution', 'mini', 'acme_math', 'acme_teleop'], folder);
    expect(again.stderr).toMatch(
      /8 packages and the tests of 2 packages in .*: \d+ cached|7 packages and the tests of 2 packages in .*: 9 cached/,
    );
  });

  it('a failing test does not fail the build; it is cached as failed, runs again on request, and counts as flaky if it passes then', async () => {
    writeFileSync(
      join(math, 'test/test_angle.cpp'),
      '#include <cstdio>\nint main() { if (std::FILE * f = std::fopen("/tmp/second", "r")) { std::fclose(f); return 0; } std::fclose(std::fopen("/tmp/second", "w")); std::puts("first time"); return 1; }\n',
    );
    sources(folder);
    const failed = await slipway(['build', '--test', '--distribution', 'mini', 'acme_drive', 'acme_math'], folder);
    expect(failed.code).toBe(1);
    expect(states(folder)).toMatchObject({ acme_drive: 'built' });
    expect(testsOf().acme_math).toMatch(
      /^failed: 1 of 2 tests failed, angle\.angle first|^failed: 1 of 2 tests failed/,
    );
    expect(debs(folder).some((d) => d.includes('acme-mini-acme-math_'))).toBe(true);
    const kept = await slipway(['test', '--distribution', 'mini', 'acme_math'], folder);
    expect(kept.code).toBe(1);
    expect(testsOf().acme_math).toMatch(/^failed: cached: 1 of 2 tests failed/);
    const retried = await slipway(
      ['test', '--distribution', 'mini', 'acme_math', '--retest', '--retries', '1'],
      folder,
    );
    expect(retried.code, retried.stderr).toBe(0);
    expect(testsOf().acme_math).toMatch(/^passed: flaky: .*angle/);
    expect(readFileSync(join(folder, 'out/junit/mini/bookworm-amd64/acme_math.xml'), 'utf8')).toContain(
      'flaky: it failed and then passed',
    );
  });

  it('a hanging test is stopped at its time limit', async () => {
    writeFileSync(join(math, 'test/test_angle.cpp'), '#include <unistd.h>\nint main() { sleep(1000); }\n');
    sources(folder);
    const ran = await slipway(['test', '--distribution', 'mini', 'acme_math', '--timeout', '12s'], folder);
    expect(ran.code).toBe(1);
    expect(testsOf().acme_math).toMatch(/^failed: 1 of 2 tests failed|^failed: .*tests failed/);
  });
});

it('results of an untrusted run are not read by trusted ones', async () => {
  const folder = example('untrusted');
  try {
    expect((await slipway(['build', '--distribution', 'mini', 'acme_math'], folder)).code).toBe(0);
    appendFileSync(join(folder, 'src/robot/acme_math/src/angle.cpp'), '// of a stranger\n');
    sources(folder);
    const channel = readdirSync(join(folder, '.slipway/store/channels'));
    expect((await slipway(['build', '--distribution', 'mini', 'acme_math', '--untrusted', 'pr-1'], folder)).code).toBe(
      0,
    );
    expect(built(folder)).toEqual(['acme_math']);
    expect(readdirSync(join(folder, '.slipway/store/channels'))).toEqual(channel);
    expect((await slipway(['build', '--distribution', 'mini', 'acme_math', '--untrusted', 'pr-1'], folder)).code).toBe(
      0,
    );
    expect(built(folder)).toEqual([]);
    expect((await slipway(['build', '--distribution', 'mini', 'acme_math', '--untrusted', 'pr-2'], folder)).code).toBe(
      0,
    );
    expect(built(folder)).toEqual(['acme_math']);
    expect((await slipway(['build', '--distribution', 'mini', 'acme_math'], folder)).code).toBe(0);
    expect(built(folder)).toEqual(['acme_math']);
    expect(existsSync(cache)).toBe(true);
  } finally {
    await discard(folder);
  }
});
