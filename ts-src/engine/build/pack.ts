import { lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../../io/files.ts';
import { appendFile } from '../../io/write.ts';
import { debFaults, mostBytes, type DebPolicy } from '../../inspect/deb.ts';
import { describe, interfaceOf } from '../../inspect/interface.ts';
import {
  allowedDebugPaths,
  allowedPaths,
  memberFaults,
  type AllowedPaths,
  type PackageFault,
} from '../../inspect/members.ts';
import { pythonNeeds } from '../../inspect/python-needs.ts';
import { stagedMembers } from '../../inspect/staged.ts';
import { writeAr } from '../../io/ar.ts';
import { debParts } from '../../io/deb.ts';
import { withinTime } from '../../io/bounded.ts';
import { storedGzip } from '../../io/gzip.ts';
import { listLeft, readLeft } from '../../io/untrusted.ts';
import { writeTar } from '../../io/tar.ts';
import { entry } from '../../model/maps.ts';
import { debFile, isDebianName, stampSeconds } from '../../model/names.ts';
import type { Interface } from '../../model/result.ts';
import { sizeText } from '../../model/sizes.ts';
import { conffilesOf } from '../../model/system-files.ts';
import { renderControl, type BinaryControl } from '../../render/control.ts';
import { isPrefixFile } from '../../render/prefix.ts';
import { abiOf, type Abi } from './abi.ts';
import { emptyWarning } from './empty.ts';
import type { BuildEnvironment, ScriptSteps } from './environment.ts';
import { failed, made, type BuildOutcome, type BuildRequest } from './outcome.ts';
import { allowedPathsOf } from './packages.ts';
import { environmentOf, plannedControl, stampOfBuild, type PackagingOptions } from './packaging.ts';

/** A package file and its expected properties. */
export interface PackedFile {
  path: string;
  policy: DebPolicy;
}

/** The packed files, the binary package first. It is not verified yet: whoever stores it unpacks and verifies it. */
export interface Packed {
  files: PackedFile[];
  /** Paths of its debug symbols. */
  debugPaths: string[];
  interface: Interface;
  abi: Abi;
  warning?: string;
}

/** Refuses staged files that can't be published, before anything is packed. */
export function checkStaged(request: BuildRequest, environment: BuildEnvironment): string | undefined {
  const { graph, package: p } = request;
  const staged = stagedMembers(stageOf(environment));
  if (typeof staged === 'string') return staged;
  if (staged.size * 1024 > mostBytes) return `it can't be published: it installs more than ${sizeText(mostBytes)}`;
  const places = allowedPaths(p.debian, graph.scope.prefix, graph.scope.underlayPrefixes);
  return refusal(memberFaults(staged.members, { ...places, folders: [graph.scope.prefix] }));
}

/** How the reason begins of what was built as it should and is refused: its log has no cause. */
export const refused = "it can't be published";

/** Turns faults into the reason why a package is refused. */
export function refusal(faults: readonly PackageFault[]): string | undefined {
  if (!faults.length) return undefined;
  const remedy = faults.find((f) => f.remedy !== undefined)?.remedy;
  return `${refused}: ${faults.map((f) => f.text).join('; ')}${remedy === undefined ? '' : `\n${remedy}`}`;
}

/** How to run pack.sh, which works in `folder`. */
export function packingOf(environment: BuildEnvironment, folder: string): ScriptSteps {
  for (const name of ['tree', 'symbols']) makeFolder(join(folder, name));
  return {
    script: 'pack.sh',
    steps: ['pack'],
    folder: '/build',
    binds: [
      { from: folder, to: '/build' },
      { from: stageOf(environment), to: '/build/tree' },
      { from: join(folder, 'symbols'), to: '/etc/dpkg/symbols' },
    ],
  };
}

/** Maximum size of a text that packing leaves: the checksums of half a million files. */
const largestText = 64 << 20;

const stageOf = (environment: BuildEnvironment): string => join(environment.build, 'stage');

/**
 * Adds control parts to the data parts that pack.sh left below `folder`. Only files with expected names are read;
 * others are ignored.
 */
export async function finishPackages(
  options: PackagingOptions,
  request: BuildRequest,
  environment: BuildEnvironment,
  folder: string,
): Promise<BuildOutcome<Packed>> {
  const { graph, number, package: p } = request;
  const out = join(folder, 'out');
  // The packing tools process untrusted files, so their output is untrusted, too.
  const text = async (name: string) => (await readLeft(folder, `out/${name}`, largestText))?.toString('utf8') ?? '';
  const lines = async (name: string) => (await text(name)).split('\n').filter(Boolean);
  const stage = stageOf(environment);
  const seen = withinTime('what it installed', () => interfaceOf(describe(stage)));
  const linked = (await lines('linked')).filter(isDebianName);
  const abi = abiOf(graph, number, seen.api, linked);
  const planned = plannedControl(options, request, environment.system);
  const staged = stagedMembers(stage);
  if (typeof staged === 'string') return failed(staged);
  const warning = emptyWarning(
    p,
    entry(options.taskKeys.distribution(graph).packages, p.name).manifest,
    staged.members,
  );
  if (warning !== undefined) appendFile(request.log, `slipway: warning: ${warning}\n`);
  const told = warning === undefined ? {} : { warning };
  const { architecture } = graph.target;
  const shlibs = (await lines('shlibdeps')).flatMap((l) => /^shlibs:Depends=(.*)$/.exec(l)?.[1]?.split(', ') ?? []);
  const control: BinaryControl = {
    ...planned,
    package: p.debian,
    source: p.debian,
    architecture,
    installedSize: staged.size,
    section: 'misc',
    depends: [
      ...linked,
      ...abi.requires,
      ...shlibs,
      ...planned.depends,
      ...withinTime('its need of Python', () => pythonNeeds(stage, staged.members, graph.scope.prefix)),
    ],
    // A package with its own setup.sh (catkin, ros_workspace) replaces Slipway's.
    replaces: staged.members.some((m) => isPrefixFile(m.path, graph.scope.prefix))
      ? [...planned.replaces, environmentOf(options, request)]
      : planned.replaces,
    provides: abi.name ? [abi.name] : [],
  };
  const target = join(request.work, 'packages');
  mkdirSync(target);
  const seconds = stampSeconds(stampOfBuild(options, request));
  const finish = async (from: string, c: BinaryControl, allowed: AllowedPaths, more: string[]) => {
    const path = join(target, debFile(c.package, c.version, architecture));
    const members = [
      { path: 'control', data: renderControl(c) },
      { path: 'md5sums', data: await text(`${from}.md5sums`) },
    ];
    for (const name of more) members.push({ path: name, data: await text(name) });
    const kept = from === 'package.deb' ? conffilesOf(p.systemFiles ?? []) : [];
    if (kept.length) members.push({ path: 'conffiles', data: kept.map((f) => `${f}\n`).join('') });
    await assemble(join(out, from), members, path, seconds);
    return { path, policy: { ...policyOf(c, allowed), conffiles: kept } };
  };
  const main = await finish('package.deb', control, allowedPathsOf(graph, p), (await text('shlibs')) ? ['shlibs'] : []);
  if (!(await listLeft(folder, 'out')).some((f) => f.name === 'debug.deb'))
    return made({ files: [main], debugPaths: [], interface: seen, abi, ...told });
  const ids = await lines('build-ids');
  const debug = await finish('debug.deb', debugControl(control, ids, out), allowedDebugPaths(p.debian), []);
  const reason = refusal(await debFaults(debug.path, debug.policy));
  if (reason !== undefined) return failed(reason);
  return made({ files: [main, debug], debugPaths: debugPaths(ids), interface: seen, abi, ...told });
}

const policyOf = (c: BinaryControl, allowed: AllowedPaths): DebPolicy => ({
  package: c.package,
  version: c.version,
  architecture: c.architecture,
  provides: c.provides,
  conflicts: c.conflicts,
  replaces: c.replaces,
  allowed,
});

/** Paths of debug symbols for these build ids. Packages that contain the same program would conflict on them. */
const debugPaths = (ids: readonly string[]): string[] =>
  [...new Set(ids)].sort().map((id) => `/usr/lib/debug/.build-id/${id.slice(0, 2)}/${id.slice(2)}.debug`);

const debugControl = (main: BinaryControl, ids: readonly string[], out: string): BinaryControl => ({
  ...main,
  package: `${main.package}-dbgsym`,
  installedSize: Math.ceil(lstatSync(join(out, 'debug.deb')).size / 1024),
  section: 'debug',
  depends: [`${main.package} (= ${main.version})`],
  provides: [],
  conflicts: [],
  replaces: [],
  homepage: undefined,
  vcsGit: undefined,
  vcsBrowser: undefined,
  bugs: undefined,
  summary: `debug symbols for ${main.package}`,
  description: ['For debuggers, which find them by their build ids.'],
  buildIds: [...new Set(ids)].sort(),
});

/** Assembles a package from the data part of another and a new control part. */
async function assemble(
  from: string,
  members: readonly { path: string; data: string }[],
  target: string,
  seconds: number,
): Promise<void> {
  const { data } = debParts(from);
  await writeAr(
    target,
    [
      { name: 'debian-binary', data: Buffer.from('2.0\n') },
      { name: 'control.tar.gz', data: storedGzip(writeTar(members, seconds)) },
      { name: data.name, from, member: data },
    ],
    seconds,
  );
}
