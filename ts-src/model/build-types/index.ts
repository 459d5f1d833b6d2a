import { ownIn } from '../../model/maps.ts';
import { amentCmake } from './ament-cmake.ts';
import { amentPython } from './ament-python.ts';
import type { BuildTypeRules } from './build-type.ts';
import { catkin } from './catkin.ts';
import { cmake } from './cmake.ts';
import { meson } from './meson.ts';

/** By the value of `<build_type>` in package.xml. */
export const buildTypes = {
  catkin,
  ament_cmake: amentCmake,
  ament_python: amentPython,
  cmake,
  meson,
} satisfies Record<string, BuildTypeRules>;

export type BuildType = keyof typeof buildTypes;

export const rulesOf = (type: BuildType): BuildTypeRules => buildTypes[type];
export const isBuildType = (name: string): name is BuildType => Object.hasOwn(buildTypes, name);

const nothing: readonly string[] = [];

/** Debian packages that a package needs because of its build type. `backend`: of its pyproject.toml. */
export function impliedNeeds(
  type: string,
  backend: string | undefined,
): { build: readonly string[]; test: readonly string[] } {
  if (!isBuildType(type)) return { build: nothing, test: nothing };
  const { buildDepends, testDepends, backends } = rulesOf(type);
  const name = backend?.split(/[.:]/)[0] ?? '';
  const more = ownIn(backends, name) ?? nothing;
  return { build: more.length ? [...buildDepends, ...more] : buildDepends, test: testDepends };
}
