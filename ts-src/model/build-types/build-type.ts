/**
 * All that Slipway knows of one build type. Each type is one file beside this one, listed in `index.ts`.
 *
 * `script` is the type's part of the build script, POSIX sh, and its share of the keys: a change rebuilds the packages
 * of this type alone. The common part (resources/templates/slipway.sh) calls these functions in the package's folder:
 *
 * - `configure_and_compile`: into `$object`; `$testing` is ON or OFF;
 * - `install_staged`: into `$stage`, below `$prefix`;
 * - `compile_tests`: optional;
 * - `run_tests`: one run of all tests, JUnit or CTest files into `$results`; its exit code counts too.
 *
 * They may use `$here` (the source), `$object`, `$prefix`, `$stage`, `$jobs`, `$python`, `$test_timeout`, and
 * `with_options COMMAND...`, which appends the package's `cmake_args`. Only `$name` without braces is free for sh: `${`
 * begins a TypeScript expression.
 */
export interface BuildTypeRules {
  /** Debian packages that a build needs though package.xml need not say so; likewise for running tests. */
  buildDepends: readonly string[];
  testDepends: readonly string[];
  /** A package has tests if a file's name matches `file` and its text matches `words`, where there are some. */
  tests: { file: RegExp; words?: RegExp };
  script: string;
  /** Debian packages by `build-backend` of a pyproject.toml, where it decides what builds the package. */
  backends?: Readonly<Record<string, readonly string[]>>;
}

/** What of a build type has part in keys beside the packages that it needs: those are in the plan. */
export const keyTextOf = (type: BuildTypeRules): string =>
  JSON.stringify([type.script, String(type.tests.file), String(type.tests.words)]);
