import { chmodSync, copyFileSync, lstatSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { makeFolder, sha256File } from '../../io/files.ts';
import { writeFile } from '../../io/write.ts';
import { programFault, run } from '../../io/process.ts';
import { digestHeld } from '../../io/untrusted.ts';
import { stampOfVersion, stampSeconds } from '../../model/names.ts';
import type { PlannedPackage } from '../../model/plan.ts';
import { renderDsc, sourceRules } from '../../render/dsc.ts';
import type { TaskGraph } from '../task-graph.ts';
import type { EnvironmentOptions } from './environment.ts';
import { failed, made, type BuildOutcome } from './outcome.ts';
import { writeRecipe, type PackagingOptions } from './packaging.ts';
import { bringFetched } from './fetched.ts';
import { applyPatches, bringSource } from './source.ts';
import { removeTree } from '../../io/remove-tree.ts';

export interface SourceRequest {
  graph: TaskGraph;
  package: PlannedPackage;
  /** Version of the binary package that was built from it. */
  version: string;
  /** Work folder of this call. */
  work: string;
}

type Options = Pick<EnvironmentOptions, 'state' | 'store' | 'distroRoot'> & PackagingOptions;

/**
 * Makes the source package of a package: .dsc and archive. The archive contains the source as it was built, with the
 * distro repository's patches applied and listed in `debian/patches`, and the recipe in `debian`. Upstream's own
 * `debian` is renamed to `debian.upstream`. Reproducible: the bytes depend on the source, the version and distro.yaml
 * only.
 */
export async function makeSourcePackage(options: Options, request: SourceRequest): Promise<BuildOutcome<string[]>> {
  const { graph, package: p, version, work } = request;
  const plain = version.replace(/^\d+:/, '');
  const folder = `${p.debian}-${plain.replace(/-[^-]*$/, '')}`;
  const source = join(work, folder);
  const { patches = [], fetch } = options.taskKeys.settingsOf(p.name);
  makeFolder(work);
  const fault =
    (await bringSource(options.state, options.store, p, source)) ??
    (await applyPatches(options.distroRoot, patches, source));
  if (fault !== undefined) return failed(fault);
  const stamp = stampOfVersion(version) ?? options.stamp;
  const recipe = join(work, 'recipe');
  const lacking = writeRecipe(options, { graph, package: p, repeat: { version, stamp } }, source, recipe);
  if (lacking !== undefined) return failed(lacking);
  const absent = await bringFetched(options.store, fetch, recipe, join(work, 'downloads'));
  if (absent !== undefined) return failed(absent);
  const control = readFileSync(join(recipe, 'control'), 'utf8');
  writeDebian(options.distroRoot, patches, recipe);
  const debian = join(source, 'debian');
  if (lstatSync(debian, { throwIfNoEntry: false })) renameSync(debian, freeName(`${debian}.upstream`));
  renameSync(recipe, debian);
  const archive = join(work, `${p.debian}_${plain}.tar.gz`);
  const packed = await run('tar', [...archiveOptions(stamp), '-f', archive, '-C', work, folder]);
  removeTree(source);
  if (packed.code !== 0) throw programFault(`tar could not pack the source of ${p.name}`, archive, packed);
  const dsc = join(work, `${p.debian}_${plain}.dsc`);
  const text = renderDsc({
    source: p.debian,
    binary: p.debian,
    version,
    control,
    archive: {
      name: basename(archive),
      size: statSync(archive).size,
      md5: digestHeld(work, basename(archive), 'md5'),
      sha256: await sha256File(archive),
    },
  });
  writeFile(dsc, text);
  return made([dsc, archive]);
}

/** Options for reproducible archives. gzip's output is the same in all of its versions. */
const archiveOptions = (stamp: string): string[] => [
  '-c',
  '-I',
  'gzip -n -6',
  '--format=gnu',
  '--sort=name',
  '--hard-dereference',
  '--owner=0',
  '--group=0',
  '--numeric-owner',
  '--mode=a-s,u+rwX,go+rX,go-w',
  `--mtime=@${stampSeconds(stamp)}`,
];

/** Writes the files of debian/ besides the recipe. */
function writeDebian(distroRoot: string, patches: readonly string[], debian: string): void {
  mkdirSync(join(debian, 'source'));
  writeFile(join(debian, 'source/format'), '3.0 (native)\n');
  writeFile(join(debian, 'rules'), sourceRules);
  chmodSync(join(debian, 'rules'), 0o755);
  if (!patches.length) return;
  const names = patches.map((patch, i) => `${String(i + 1).padStart(4, '0')}-${basename(patch)}`);
  mkdirSync(join(debian, 'patches'));
  patches.forEach((patch, i) => copyFileSync(join(distroRoot, patch), join(debian, 'patches', names[i] ?? '')));
  writeFile(join(debian, 'patches/series'), names.map((n) => `${n}\n`).join(''));
}

/** The name, or a variant of it that is free in the source. */
function freeName(path: string): string {
  let name = path;
  for (let i = 2; lstatSync(name, { throwIfNoEntry: false }); i++) name = `${path}.${i}`;
  return name;
}
