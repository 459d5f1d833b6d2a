import { error, nearest, type Diagnostic } from '../model/diagnostics.ts';
import { entry } from '../model/maps.ts';
import { matcher } from './globs.ts';
import { above, type Evaluated } from './needs.ts';

/**
 * The selection of packages. Each option narrows it: selected packages match all given options. Their dependencies are
 * added.
 */
export interface Selection {
  /** Names and globs. Default: `packages` of distro.yaml. */
  packages?: string[];
  /** Names and globs: these, and their dependents for build, run or test. */
  above?: string[];
  /** Names and globs of repositories. */
  repositories?: string[];
  /** Distribution → packages that a comparison with an earlier state found. */
  changed?: Record<string, readonly string[]>;
  /** Build only the selected packages; their dependencies must have been built before. */
  only?: boolean;
  /** Test the named packages: adds their test dependencies. */
  tests?: boolean;
  /** Make documentation: adds its dependencies. */
  docs?: boolean;
  distributions?: string[];
  platforms?: string[];
  architectures?: string[];
  variants?: string[];
}

/** Whether a package is selected by all options besides `packages`; undefined without such options. */
export function narrowing(selection: Selection, evaluated: Evaluated): ((name: string) => boolean) | undefined {
  const tests: ((name: string) => boolean)[] = [];
  if (selection.above) {
    const upward = above(evaluated, evaluated.names.filter(matcher(selection.above)));
    tests.push((name) => upward.has(name));
  }
  if (selection.repositories) {
    const repository = matcher(selection.repositories);
    tests.push((name) => repository(entry(evaluated.input.packages, name).repository));
  }
  if (selection.changed) {
    const changed = new Set(
      Object.hasOwn(selection.changed, evaluated.input.name) ? selection.changed[evaluated.input.name] : [],
    );
    tests.push((name) => changed.has(name));
  }
  return tests.length ? (name) => tests.every((t) => t(name)) : undefined;
}

/** Advice for a name that no package has. */
export const listsPackages = '`slipway plan` lists the packages';

/** Reports patterns of a selection that match nothing. */
export function checkPatterns(selection: Selection, all: readonly Evaluated[], diagnostics: Diagnostic[]): void {
  const packages = () => all.flatMap((e) => e.names);
  const repositories = () => [...new Set(all.flatMap((e) => [...e.input.packages.values()].map((p) => p.repository)))];
  const check = (what: string, patterns: readonly string[] | undefined, all: () => readonly string[]) => {
    if (!patterns) return;
    const known = all();
    for (const pattern of patterns) {
      if (known.some(matcher([pattern]))) continue;
      const near = nearest(pattern, known);
      const otherwise = what === 'package' ? listsPackages : undefined;
      diagnostics.push(
        error('selection', `'${pattern}' matches no ${what}`, {
          hint: near ? `did you mean '${near}'?` : otherwise,
        }),
      );
    }
  };
  check('package', selection.packages, packages);
  check('package', selection.above, packages);
  check('repository', selection.repositories, repositories);
}

export function checkNames(
  what: string,
  wanted: string[] | undefined,
  known: string[],
  diagnostics: Diagnostic[],
): void {
  for (const name of wanted ?? []) {
    if (known.includes(name)) continue;
    const near = nearest(name, known);
    diagnostics.push(
      error('selection', `there is no ${what} '${name}'`, {
        hint: near ? `did you mean '${near}'?` : `known: ${known.sort().join(', ')}`,
      }),
    );
  }
}

/** Reports names in `packages` of distro.yaml that the distribution does not have. */
export function checkWanted(
  wanted: readonly string[],
  { input: { name }, names }: Evaluated,
  distro: { distroFile: string; distroLine?: ((path: readonly PropertyKey[]) => number | undefined) | undefined },
  diagnostics: Diagnostic[],
): void {
  for (const [i, pattern] of wanted.entries()) {
    if (pattern === '*' || names.some(matcher([pattern]))) continue;
    const near = nearest(pattern, names);
    diagnostics.push(
      error(
        'package-missing',
        `distributions.${name}.packages names '${pattern}', but no package of ${name} has that name`,
        {
          file: distro.distroFile,
          line: distro.distroLine?.(['distributions', name, 'packages', i]),
          hint: near ? `did you mean '${near}'?` : 'correct the name, or add the repository that has the package',
        },
      ),
    );
  }
}
