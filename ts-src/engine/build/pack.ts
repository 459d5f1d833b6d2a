import { lstatSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { debFaults, type PlannedDeb } from '../../inspect/deb.ts';
import { describe, interfaceOf } from '../../inspect/interface.ts';
import { allowedDebugPaths, allowedPaths, memberFaults } from '../../inspect/members.ts';
import { stagedMembers } from '../../inspect/staged.ts';
import { arMembers, writeAr } from '../../io/ar.ts';
import { exists } from '../../io/files.ts';
import { writeTar } from '../../io/tar.ts';
import { debFile, stampSeconds } from '../../model/names.ts';
import type { Interface } from '../../model/result.ts';
import { renderControl, type BinaryControl } from '../../render/control.ts';
import { abiOf, type Abi } from './abi.ts';
import type { BuildEnvironment } from './environment.ts';
import { failed, made, type BuildOutcome, type BuildRequest } from './outcome.ts';
import { stampOfBuild, plannedControl, type PackagingOptions } from './packaging.ts';

/** What packing gave: the files of the packages, the binary package first. */
export interface Packed {
  files: string[];
  interface: Interface;
  abi: Abi;
}

/** Refuses what a build left where it can't be published, before anything of it is packed. */
export function checkStaged(request: BuildRequest, environment: BuildEnvironment): string | undefined {
  const { graph, package: p } = request;
  const staged = stagedMembers(stageOf(environment));
  if (typeof staged === 'string') return staged;
  const { prefix, underlayPrefixes } = graph.scope;
  return refusal(
    memberFaults(staged.members, { ...allowedPaths(p.debian, prefix, underlayPrefixes), folders: [prefix] }),
  );
}

export const stageOf = (environment: BuildEnvironment): string => join(environment.build, 'stage');

const refusal = (faults: readonly string[]): string | undefined =>
  faults.length ? `it can't be published: ${faults.join('; ')}` : undefined;

/**
 * Gives the packages that pack.sh left below `folder` their control part, and checks them whole against the plan. Only
 * files of these names are read: whatever else lies there is not taken.
 */
export async function finishPackages(
  options: PackagingOptions,
  request: BuildRequest,
  environment: BuildEnvironment,
  folder: string,
): Promise<BuildOutcome<Packed>> {
  const { graph, number, package: p } = request;
  const out = join(folder, 'out');
  const lines = (name: string) => readFileSync(join(out, name), 'utf8').split('\n').filter(Boolean);
  const stage = stageOf(environment);
  const seen = interfaceOf(describe(stage));
  const abi = abiOf(graph, number, seen.api, lines('linked'));
  const planned = plannedControl(options, request);
  const staged = stagedMembers(stage);
  if (typeof staged === 'string') return failed(staged);
  const { architecture } = graph.target;
  const shlibs = lines('shlibdeps').flatMap((l) => /^shlibs:Depends=(.*)$/.exec(l)?.[1]?.split(', ') ?? []);
  const control: BinaryControl = {
    ...planned,
    package: p.debian,
    source: p.debian,
    architecture,
    installedSize: staged.size,
    section: 'misc',
    depends: [...lines('linked'), ...abi.requires, ...shlibs, ...planned.depends],
    provides: abi.name ? [abi.name] : [],
  };
  const { prefix, underlayPrefixes } = graph.scope;
  const target = join(request.work, 'packages');
  mkdirSync(target);
  const seconds = stampSeconds(stampOfBuild(options, request));
  const files: string[] = [];
  const finish = async (from: string, c: BinaryControl, allowed: PlannedDeb['allowed'], more: string[]) => {
    const file = join(target, debFile(c.package, c.version, architecture));
    const members = ['control', 'md5sums', ...more].map((name) => ({
      path: name,
      data:
        name === 'control'
          ? renderControl(c)
          : readFileSync(join(out, name === 'md5sums' ? `${from}.md5sums` : name), 'utf8'),
    }));
    await assemble(join(out, from), members, file, seconds);
    files.push(file);
    return debFaults(file, { ...c, allowed });
  };
  const faults = await finish(
    'package.deb',
    control,
    allowedPaths(p.debian, prefix, underlayPrefixes),
    lines('shlibs').length ? ['shlibs'] : [],
  );
  if (!faults.length && exists(join(out, 'debug.deb')))
    faults.push(
      ...(await finish('debug.deb', debugControl(control, lines('build-ids'), out), allowedDebugPaths(p.debian), [])),
    );
  const reason = refusal(faults);
  return reason === undefined ? made({ files, interface: seen, abi }) : failed(reason);
}

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
  summary: `debug symbols for ${main.package}`,
  description: [],
  buildIds: [...new Set(ids)].sort(),
});

/** A package with another one's data and this control part. */
async function assemble(
  from: string,
  members: readonly { path: string; data: string }[],
  target: string,
  seconds: number,
): Promise<void> {
  const data = arMembers(from)?.find((m) => m.name.startsWith('data.tar'));
  if (!data) throw new Error(`${from} is no Debian package, though dpkg-deb wrote it`);
  await writeAr(
    target,
    [
      { name: 'debian-binary', data: Buffer.from('2.0\n') },
      { name: 'control.tar', data: writeTar(members, seconds) },
      { name: data.name, from, member: data },
    ],
    seconds,
  );
}
