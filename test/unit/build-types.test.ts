import { describe, expect, it } from 'vitest';
import { buildTypes, impliedNeeds } from '../../ts-src/model/build-types/index.ts';
import { backendOf } from '../../ts-src/read/pyproject.ts';
import { packagingText } from '../../ts-src/render/debian.ts';
import { keysOf } from '../../ts-src/model/maps.ts';

const names = keysOf(buildTypes);

describe('build types', () => {
  it.each(names)('%s: its script is part of its own keys and of no other', (name) => {
    const own = JSON.stringify(buildTypes[name].script).slice(1, -1);
    for (const other of names) expect(packagingText(other).includes(own)).toBe(other === name);
  });

  it.each(names)('%s: its script defines what the common part calls, in POSIX sh', (name) => {
    const { script } = buildTypes[name];
    for (const f of ['configure_and_compile', 'install_staged', 'run_tests'])
      expect(script).toMatch(new RegExp(`^${f}\\(\\) \\{`, 'm'));
    expect(script).not.toContain('undefined');
  });

  it.each([
    [undefined, {}],
    ['[build-system]\nbuild-backend = "hatchling.build"\n', { buildBackend: 'hatchling.build' }],
    [
      "[project]\nname = 'a'\n[build-system] # x\nrequires = []\nbuild-backend='flit_core.buildapi'",
      { buildBackend: 'flit_core.buildapi' },
    ],
    ['[tool.x]\nbuild-backend = "other"\n', { buildBackend: 'setuptools.build_meta' }],
    [
      '[build-system]\nrequires = ["a"]\n[tool.x]\nbuild-backend = "other"\n',
      { buildBackend: 'setuptools.build_meta' },
    ],
    ['', { buildBackend: 'setuptools.build_meta' }],
  ])('reads the build backend of %j', (text, expected) => expect(backendOf(text)).toEqual(expected));

  it('knows what a backend needs', () => {
    expect(impliedNeeds('ament_python', 'hatchling.build').build).toContain('python3-hatchling');
    expect(impliedNeeds('ament_python', undefined).build).not.toContain('python3-wheel');
    expect(impliedNeeds('ament_python', 'constructor').build).toEqual(impliedNeeds('ament_python', undefined).build);
    expect(impliedNeeds('unheard_of', undefined)).toEqual({ build: [], test: [] });
  });
});
