import type { DependencyTag } from '../../model/manifest.ts';

/** Elements and attributes that each format of package.xml has. */

/** The dependency tags of each format (REP 127, REP 140, REP 149). */
const common = ['build_depend', 'buildtool_depend', 'test_depend', 'conflict', 'replace'] as const;
const later = [
  ...common,
  'depend',
  'build_export_depend',
  'buildtool_export_depend',
  'exec_depend',
  'doc_depend',
] as const;
const byName = (tags: readonly DependencyTag[]): ReadonlyMap<string, DependencyTag> =>
  new Map(tags.map((tag) => [tag, tag]));
export const tagsOfFormat: Record<1 | 2 | 3, ReadonlyMap<string, DependencyTag>> = {
  1: byName([...common, 'run_depend']),
  2: byName(later),
  3: byName([...later, 'group_depend']),
};
/** Attributes of a dependency. */
export const attributesOfDependency = {
  1: versionAttributesOf([]),
  2: versionAttributesOf([]),
  3: versionAttributesOf(['condition']),
};
export type PlainTag = 'name' | 'version' | 'description' | 'maintainer' | 'license' | 'url' | 'author' | 'export';
const plainTags: ReadonlySet<string> = new Set<PlainTag>([
  'name',
  'version',
  'description',
  'maintainer',
  'license',
  'url',
  'author',
  'export',
]);

export const isPlainTag = (name: string): name is PlainTag => plainTags.has(name);

function versionAttributesOf(more: string[]): string[] {
  return ['version_lt', 'version_lte', 'version_eq', 'version_gte', 'version_gt', ...more];
}
