import { readPackageFile, PackageFileError, type PackagePolicy } from '../../sandbox/package-file.ts';
import { checkLeft, listLeft, shownName } from '../../io/untrusted.ts';
import { debFile } from '../../model/names.ts';
import type { OwnPackage } from '../../sandbox/package-layers.ts';
import type { TaskGraph } from '../task-graph.ts';

/** Larger packages are refused. */
const largest = 8 * 2 ** 30;

const prefixOf = (graph: TaskGraph): string => graph.scope.prefix.replace(/^\//, '');

/** What a package that was built before may hold. */
export const ownPackage = (graph: TaskGraph, n: number): OwnPackage => ({
  deb: graph.records[n]!.debs[0]!,
  policy: { package: graph.scope.packages[n]!.debian, prefix: prefixOf(graph) },
});

/** What was planned of a package that was just built. */
export interface Planned {
  debian: string;
  version: string;
  architecture: string;
  provides: readonly string[];
  conflicts: readonly string[];
  replaces: readonly string[];
}

export const plannedPolicy = (graph: TaskGraph, planned: Planned): PackagePolicy => ({
  package: planned.debian,
  version: planned.version,
  architecture: planned.architecture,
  provides: planned.provides,
  conflicts: planned.conflicts,
  replaces: planned.replaces,
  prefix: prefixOf(graph),
});

/**
 * The package files that a build left in a folder: the planned one, then its debug symbols. Any other package there is
 * refused. Throws LeftBehindError or PackageFileError with the reason.
 */
export async function plannedFiles(folder: string, planned: Planned): Promise<string[]> {
  const main = debFile(planned.debian, planned.version, planned.architecture);
  const symbols = debFile(`${planned.debian}-dbgsym`, planned.version, planned.architecture);
  // Ubuntu's debhelper calls debug symbols .ddeb; they are ordinary packages.
  const expected = [main, symbols, symbols.replace(/\.deb$/, '.ddeb')];
  const there = (await listLeft(folder, '')).map((e) => e.name).filter((name) => /\.d?deb$/.test(name));
  const foreign = there.find((name) => !expected.includes(name));
  if (foreign !== undefined) throw new PackageFileError(`it left ${shownName(foreign)}, which was not planned`);
  if (!there.includes(main)) throw new PackageFileError(`it made no ${main}`);
  const files: string[] = [];
  for (const name of expected) if (there.includes(name)) files.push(await checkLeft(folder, name, largest));
  return files;
}

/** Checks a package of debug symbols; its files are unpacked nowhere. */
export async function checkSymbols(file: string, planned: Planned): Promise<void> {
  await readPackageFile(file, {
    package: `${planned.debian}-dbgsym`,
    version: planned.version,
    architecture: planned.architecture,
    provides: [],
    conflicts: [],
    replaces: [],
    debug: true,
  });
}
