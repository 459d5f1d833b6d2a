import { append } from '../model/lists.ts';
import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { exists, readJson } from '../io/files.ts';
import type { Driver } from '../sandbox/driver.ts';
import type { Kept } from './choose.ts';
import { measure, type SizeMemory } from './measure.ts';
import { codeOf } from '../io/faults.ts';

/** A thing in a machine's state; all its files and folders are removed together. */
export interface MachineThing extends Kept {
  paths: string[];
}

export interface Survey {
  state: string;
  driver: Driver;
  sizes: SizeMemory;
  now: number;
  /** Days after the last use until it expires. */
  days: number;
}

const day = 86_400_000;

/** Minimum time for things that other commands read without locking them. */
const unannounced = day;

/** Factor for the lifetime of a platform's newest base: a new base changes the keys of all packages built on it. */
const baseFactor = 3;

/** Names in a folder of the state. A folder that is a symlink is shared by several states and is not cleaned up. */
function entries(state: string, folder: string, pattern: RegExp): string[] {
  const path = join(state, folder);
  try {
    if (!lstatSync(path).isDirectory()) return [];
    return readdirSync(path)
      .filter((name) => pattern.test(name))
      .sort();
  } catch (e) {
    if (['ENOENT', 'ENOTDIR'].includes(codeOf(e) ?? '')) return [];
    throw e;
  }
}

const timeOf = (path: string): number => {
  try {
    return lstatSync(path).mtimeMs;
  } catch {
    return 0;
  }
};

/** Everything in a machine's state that can be made or fetched again. */
export async function surveyMachine(survey: Survey): Promise<MachineThing[]> {
  return [
    ...(await unpacked(survey)),
    ...(await layers(survey, 'layers')),
    ...(await layers(survey, 'layers-docker')),
    ...(await bases(survey)),
    ...(await objects(survey)),
    ...(await imageLayers(survey)),
    ...archives(survey),
    ...clones(survey),
    ...entries(survey.state, 'cache/objects', /^[0-9a-f]{2}$/).flatMap((part) =>
      plain(survey, 'copies of stored objects', join('cache/objects', part), /^[0-9a-f]{64}$/),
    ),
    ...simple.flatMap(([kind, folder, pattern]) => plain(survey, kind, folder, pattern)),
  ];
}

async function unpacked({ state, sizes, days }: Survey): Promise<MachineThing[]> {
  const found: MachineThing[] = [];
  for (const name of entries(state, 'unpacked', /^[0-9a-f]{64}$/)) {
    const folder = join(state, 'unpacked', name);
    const used = timeOf(`${folder}.json`);
    const bytes = await sizes.of(`unpacked/${name}`, folder, () => Promise.resolve(measure(folder).bytes));
    found.push({ kind: 'unpacked packages', paths: [folder, `${folder}.json`], used, until: used + days * day, bytes });
  }
  return found;
}

/** Layers of roots. Using a layer also uses the layers below it. */
async function layers({ state, sizes, days, driver }: Survey, folder: string): Promise<MachineThing[]> {
  const used = new Map<string, number>();
  const parents = new Map<string, string | undefined>();
  const names = entries(state, folder, /^[0-9a-f]{24}$/);
  for (const id of names) {
    const file = join(state, folder, id, 'layer.json');
    used.set(id, timeOf(file));
    parents.set(id, readJson<{ parent?: string }>(file)?.parent);
  }
  const depth = (id: string): number => {
    let count = 0;
    for (let at = parents.get(id); at !== undefined && count < names.length; at = parents.get(at)) {
      used.set(at, Math.max(used.get(at) ?? 0, used.get(id) ?? 0));
      count++;
    }
    return count;
  };
  const depths = new Map(names.map((id) => [id, depth(id)]));
  const found: MachineThing[] = [];
  // Upper layers come first: among equally old ones the first is removed first.
  for (const id of names.sort((a, b) => (depths.get(b) ?? 0) - (depths.get(a) ?? 0))) {
    const path = join(state, folder, id);
    const last = used.get(id) ?? 0;
    const bytes = await sizes.of(`${folder}/${id}`, path, () => driver.size(path));
    found.push({
      kind: 'layers',
      paths: [path, `${path}.lock`],
      used: last,
      until: last + days * day,
      bytes,
    });
  }
  return found;
}

/** A base's folder; a former version cut the digests shorter. */
const baseFolder = /^(?:[0-9a-f]{16}-[0-9a-f]{8}|[0-9a-f]{24}-[0-9a-f]{24})$/;

async function bases(survey: Survey): Promise<MachineThing[]> {
  const { state, sizes, days, driver } = survey;
  const found: MachineThing[] = [];
  for (const platform of entries(state, 'bases', /^[A-Za-z0-9]/)) {
    const folder = join('bases', platform);
    append(found, plain(survey, 'left over', folder, /^fetch-/));
    const current = readJson<{ folder: string }>(join(state, folder, 'current.json'))?.folder;
    for (const name of entries(state, folder, baseFolder)) {
      const path = join(state, folder, name);
      const used = timeOf(path);
      const newest = current?.endsWith(`/${platform}/${name}`) === true;
      found.push({
        kind: 'bases',
        paths: [
          path,
          `${path}.lock`,
          join(state, folder, `kept-${name}.json`),
          ...(newest ? [join(state, folder, 'current.json')] : []),
        ],
        used,
        until: used + days * day * (newest ? baseFactor : 1),
        held: newest,
        bytes: await sizes.of(join(folder, name), path, () => driver.size(path)),
      });
    }
  }
  return found;
}

/** Folders that roots wrote, each with a record that is rewritten at each use. */
async function recorded(
  { state, sizes, days, driver }: Survey,
  kind: string,
  folder: string,
  pattern: RegExp,
  record: string,
): Promise<MachineThing[]> {
  const found: MachineThing[] = [];
  for (const name of entries(state, folder, pattern)) {
    const path = join(state, folder, name);
    const used = timeOf(join(path, record));
    const bytes = await sizes.of(join(folder, name), path, () => driver.size(path));
    found.push({ kind, paths: [path, `${path}.lock`], used, until: used + days * day, bytes });
  }
  return found;
}

/** Object files stored between builds of a package. */
const objects = (survey: Survey): Promise<MachineThing[]> =>
  recorded(survey, 'object files', 'objects', /^[0-9a-f]{24}$/, 'record.json');

/** Empty if several states share the folder of images. */
async function imageLayers(survey: Survey): Promise<MachineThing[]> {
  if (!entries(survey.state, 'images', /^layers$/).length) return [];
  return recorded(survey, 'layers of images', 'images/layers', /^[0-9a-f]{64}$/, 'layer.json');
}

/** Fetched packages, in a folder for each archive snapshot; a former version kept all of them in one folder. */
const archives = (survey: Survey): MachineThing[] => [
  ...plain(survey, 'downloads', 'archives', /\.deb$/, 0),
  ...entries(survey.state, 'archives', /^(\.new-|[0-9a-f]{16}(?:[0-9a-f]{48})?$)/).flatMap((name) =>
    snapshot(survey, name),
  ),
];

function snapshot(survey: Survey, name: string): MachineThing[] {
  const path = join(survey.state, 'archives', name);
  const found = [
    ...plain(survey, 'downloads', join('archives', name), /\.deb$/, 0),
    ...plain(survey, 'left over', join('archives', name), /^\.new-/),
  ];
  if (found.length) return found;
  // The folder's time is that of the last removal.
  const used = timeOf(path);
  return [{ kind: 'left over', paths: [path], used, until: used + Math.max(unannounced, survey.days * day), bytes: 0 }];
}

/**
 * Maximum number of packs of a clone; each fetch adds one. A clone with more is removed and cloned again when needed.
 */
const mostPacks = 200;

function clones(survey: Survey): MachineThing[] {
  return entries(survey.state, 'git', /\.git$/).flatMap((name) => {
    const found = plain(survey, 'clones', 'git', new RegExp(`^${name.replaceAll('.', '\\.')}$`));
    const packs = entries(survey.state, join('git', name, 'objects', 'pack'), /\.pack$/).length;
    return packs > mostPacks ? found.map((one) => ({ ...one, until: one.used + unannounced })) : found;
  });
}

/** Kinds whose entries are one file or folder each: kind, folder, pattern of names. */
const simple: readonly (readonly [string, string, RegExp])[] = [
  ['runs and their logs', 'runs', /^[^.]/],
  ['checkouts', 'refs', /^[^.]/],
  ['checkouts', 'distro', /^[^.]/],
  ['left over', 'refs', /^\.tmp-/],
  ['left over', 'distro', /^\.tmp-/],
  ['left over', 'git', /^\.tmp-/],
  ['checkouts', 'cache/runs', /^[^.]/],
  ['manifests and indices', 'manifests', /\.json$/],
  ['manifests and indices', 'caches', /^[^.]/],
  ['manifests and indices', 'underlays', /^[^.]/],
  ['manifests and indices', 'told', /^[^.]/],
  ['manifests and indices', 'cache', /^(?!objects$|runs$)[^.]/],
  ['left over', 'incoming', /./],
  ['left over', 'prepared', /^[^.]/],
  ['left over', 'locks', /./],
  ['left over', 'verify', /./],
];

/** Entries of a folder; they expire `days` after they were last written or used. */
function plain(
  { state, days, now }: Survey,
  kind: string,
  folder: string,
  pattern: RegExp,
  least = unannounced,
): MachineThing[] {
  return entries(state, folder, pattern).flatMap((name) => {
    const path = join(state, folder, name);
    const found = measure(path);
    if (!found.files) return [];
    const stays = kind === 'left over' ? least : Math.max(least, days * day);
    return [
      {
        kind,
        paths: [path, ...(exists(`${path}.lock`) ? [`${path}.lock`] : [])],
        used: found.newest,
        until: found.newest + stays,
        held: now - found.newest < least,
        bytes: found.bytes,
      },
    ];
  });
}
