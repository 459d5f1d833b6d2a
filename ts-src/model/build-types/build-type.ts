/**
 * Everything that Slipway knows about a build type. Each type is a file beside this one, listed in `index.ts`.
 *
 * `script` is the type's part of the build script in POSIX sh, and its share of the keys: a change rebuilds the
 * packages of this type only. The common part (resources/templates/slipway.sh) calls these functions in the package's
 * folder:
 *
 * - `configure_and_compile`: into `$object`; `$testing` is ON or OFF;
 * - `install_staged`: into `$stage`, below `$prefix`;
 * - `compile_tests`: optional;
 * - `run_tests`: one run of all tests, JUnit or CTest files into `$results`; its exit code counts, too. A run that
 *   passes without such a file counts as no tests.
 *
 * They may use `$here` (the source), `$object`, `$prefix`, `$stage`, `$jobs`, `$python`, `$test_timeout`, and
 * `with_options COMMAND...`, which appends the package's `cmake_args`. Write shell variables as `$name`: `${` begins a
 * TypeScript expression.
 */
export interface BuildTypeRules {
  /** Debian packages that builds, and below tests, need although package.xml may not name them. */
  buildDepends: readonly string[];
  testDepends: readonly string[];
  /** Packages, any of which has the CMake code of this type. Absent: the type needs none. */
  tools?: readonly string[];
  /**
   * A package has tests if the name of a file, in any of its folders, matches `file`, and its text matches `words` if
   * that is given.
   */
  tests: { file: RegExp; words?: RegExp };
  script: string;
  /** The file that says what a package installs, and how it does. For people whose package installs nothing. */
  installs: { file: string; how: string };
  /** It compiles by make, which sees changes by times of files: `--incremental-objects` may keep its object files. */
  keepsObjects?: boolean;
  /** Debian packages by the `build-backend` of pyproject.toml, for types that it builds. */
  backends?: Readonly<Record<string, readonly string[]>>;
}

/** The build type's share of the keys. Its packages are not part of it, since they are in the plan. */
export const keyTextOf = (type: BuildTypeRules): string =>
  JSON.stringify([type.script, String(type.tests.file), String(type.tests.words)]);
