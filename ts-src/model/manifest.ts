/** A package.xml as written (REP 127, 140, 149), before evaluating conditions. */
export interface Manifest {
  name: string;
  version: string;
  /** `<version compatibility>`: the oldest ABI-compatible version. */
  compatibility?: string;
  format: 1 | 2 | 3;
  /** The inner XML of `<description>`, trimmed. */
  description: string;
  maintainers: Person[];
  authors: Person[];
  licenses: License[];
  urls: Url[];
  dependencies: Dependency[];
  memberOfGroups: Conditional[];
  /** `<build_type>` entries of `<export>`, in order. */
  buildTypes: Conditional[];
  /** Names of the other elements in `<export>`, with their attributes and text. */
  exports: { name: string; attributes: Record<string, string>; text: string }[];
}

export interface Person {
  name: string;
  email?: string;
}
export interface License {
  name: string;
  file?: string;
}
export interface Url {
  url: string;
  type: string;
}
export interface Conditional {
  name: string;
  condition?: string;
  line: number;
}

/** The purposes of a dependency. */
export type DependencyKind =
  | 'build'
  | 'buildtool'
  | 'build_export'
  | 'buildtool_export'
  | 'exec'
  | 'test'
  | 'doc'
  | 'group'
  | 'conflict'
  | 'replace';

/**
 * The purposes of each dependency tag (REP 127, REP 140, REP 149). `run_depend` exists in format 1 only, `group_depend`
 * in format 3.
 */
export const kindsOfTag = {
  depend: ['build', 'build_export', 'exec'],
  build_depend: ['build'],
  build_export_depend: ['build_export'],
  buildtool_depend: ['buildtool'],
  buildtool_export_depend: ['buildtool_export'],
  exec_depend: ['exec'],
  run_depend: ['build_export', 'exec'],
  test_depend: ['test'],
  doc_depend: ['doc'],
  group_depend: ['group'],
  conflict: ['conflict'],
  replace: ['replace'],
} as const satisfies Record<string, readonly DependencyKind[]>;
export type DependencyTag = keyof typeof kindsOfTag;

export interface Dependency extends Conditional {
  tag: DependencyTag;
  versions?: VersionRange;
}

/** Operators of version attributes such as `version_lt="2.0.0"`. */
export const versionOperators = ['lt', 'lte', 'eq', 'gte', 'gt'] as const;
export type VersionRange = Partial<Record<(typeof versionOperators)[number], string>>;

/** A manifest after its conditions were evaluated. */
export interface Package {
  name: string;
  version: string;
  buildType: string;
  /** False if package.xml names no build type: the default of REP 149 counts. */
  buildTypeDeclared: boolean;
  dependencies: Dependency[];
  memberOfGroups: string[];
  manifest: Manifest;
  /** The manifest's file, for diagnostics. */
  file: string;
}
