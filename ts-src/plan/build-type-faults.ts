import { buildTypes, isBuildType, rulesOf } from '../model/build-types/index.ts';
import { error, nearest, warning, type Diagnostic } from '../model/diagnostics.ts';
import type { Package } from '../model/manifest.ts';
import type { Resolver } from './resolve.ts';

/**
 * A warning for a package that names a build type whose tool is nowhere: its build will fail, unless its CMakeLists.txt
 * does without. A dependency that is nowhere is an error of its own.
 */
export function absentToolFault(p: Package, resolver: Resolver): Diagnostic | undefined {
  if (!p.buildTypeDeclared || !isBuildType(p.buildType)) return undefined;
  const { tools: [tool, ...others] = [] } = rulesOf(p.buildType);
  if (tool === undefined) return undefined;
  if ([tool, ...others].some((name) => resolver.has(name)) || p.dependencies.some((d) => d.name === tool))
    return undefined;
  const { name, rosVersion, unread = [], broken } = resolver.evaluated.input;
  // The consequence of another error, or brought by a package of the system under a name that no rule has.
  if (unread.length || broken?.has(tool) || bringsTool(p, resolver, tool)) return undefined;
  const change = `change <build_type>: ${rosVersion === 2 && tool === 'catkin' ? 'ament_cmake is for ROS 2, and ' : ''}cmake needs no other package`;
  return warning(
    'build-type',
    `'${p.name}' has the build type ${p.buildType}, but neither ${name}, an underlay nor a rosdep file has '${tool}'`,
    {
      file: p.file,
      line: p.manifest.buildTypes.find((type) => type.name === p.buildType)?.line,
      hint: `${change}; or add the repository of '${tool}', or an underlay that has it`,
    },
  );
}

/** Whether distro.yaml names a Debian package that may have the tool. */
const bringsTool = (p: Package, { settingsOf, platform }: Resolver, tool: string): boolean =>
  [...(settingsOf(p.name).build_depends ?? []), ...(platform.include ?? [])].some((debian) =>
    debian.includes(tool.replaceAll('_', '-')),
  );

/** What is wrong with a package's build type. An error means that it can't be built. */
export function buildTypeFault(p: Package, rosVersion: number): Diagnostic | undefined {
  const { name, buildType, file, manifest } = p;
  const line = manifest.buildTypes[0]?.line;
  if (!isBuildType(buildType))
    return error('build-type', `'${name}' has the unknown build type '${buildType}'`, {
      file,
      line,
      hint: unknownHint(buildType),
    });
  const needsCatkin = () => name === 'catkin' || p.dependencies.some((d) => d.name === 'catkin');
  if (rosVersion === 1 || p.buildTypeDeclared || needsCatkin()) return undefined;
  const why = line === undefined ? 'has no build type' : 'has no build type whose condition is true';
  return warning('build-type', `'${name}' ${why}. It is built as catkin, which is for ROS 1`, {
    file,
    line,
    hint: missingHint(p),
  });
}

function unknownHint(written: string): string {
  const near = nearest(written, Object.keys(buildTypes));
  if (near !== undefined) return `did you mean '${near}'?`;
  return `supported: ${Object.keys(buildTypes).join(', ')}; if the platform provides it, set \`system\` in package_settings`;
}

/** Advice for a package of ROS 2 without a build type, by the tools that it declares. */
function missingHint(p: Package): string {
  const add = (type: string) => `add <export><build_type>${type}</build_type></export> to package.xml`;
  const tool = p.dependencies.find((d) => d.tag === 'buildtool_depend' && d.name.startsWith('ament_'));
  if (!tool) return `${add('TYPE')}; TYPE is ament_cmake, ament_python or cmake`;
  return `${add(tool.name === 'ament_python' ? 'ament_python' : 'ament_cmake')}, since it needs '${tool.name}'`;
}
