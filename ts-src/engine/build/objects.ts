import { lstatSync, readFileSync, readlinkSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { entriesBelow, exists, privateFolder, readJson, writeWhole, makeFolder } from '../../io/files.ts';
import { holdMutex, lockPatience } from '../../io/mutex.ts';
import { digestHeld } from '../../io/untrusted.ts';
import { isBuildType, rulesOf } from '../../model/build-types/index.ts';
import { sha256 } from '../../model/digest.ts';
import { stampOfVersion, stampSeconds } from '../../model/names.ts';
import type { Driver } from '../../sandbox/driver.ts';
import type { StoredFile } from '../../model/result.ts';
import { ownIn } from '../../model/maps.ts';
import type { Store } from '../../store/store.ts';
import { keyText } from '../keys.ts';
import { keepDependencyTimes, type ChangedDependency } from './dependency-times.ts';
import type { BuildEnvironment } from './environment.ts';
import type { BuildRequest } from './outcome.ts';
import { removeTree } from '../../io/remove-tree.ts';

/**
 * Object files kept between builds of a package, for edit-build loops (`--incremental-objects`). They are reused only
 * if make can see every change by file times: the same set of files, of which only C and C++ files changed; the same
 * recipe, system packages and tools; and dependencies built after the objects. Otherwise the whole package is compiled.
 */
export interface KeptObjects {
  /** Mounted as /build/obj. */
  folder: string;
  /** The folder is configured and up to date, except for files newer than it. */
  reused: boolean;
  /** `ended`: the build was not interrupted, so make left no partial files. */
  close(ended: boolean): Promise<void>;
}

/** Inputs of the objects in a folder. */
interface ObjectsRecord {
  schema: 1;
  /** Digest of all inputs except C and C++ files and dependencies. */
  frame: string;
  /** Path → digest and modification time in milliseconds. */
  files: Record<string, [string, number]>;
  dependencies: Record<string, Dependency>;
  /** When the last build that used them ended; undefined if it was interrupted. */
  ended?: number;
}

interface Dependency {
  deb: string;
  /** The list of its files. */
  files: StoredFile;
}

const compiled = /\.(?:c|cc|cpp|cxx|h|hh|hpp|hxx|ipp|inl|tpp)$/;
/** Macros that make an object depend on the time of compilation. */
const timed = /__(?:DATE|TIME|TIMESTAMP)__/;

/** Larger files are not searched for these macros. */
const largest = 64 << 20;

/** The folder of a package's objects, emptied if they do not fit. Undefined if none are kept. */
export async function openObjects(
  { driver, state, store }: { driver: Driver; state: string; store: Store },
  request: BuildRequest,
  { source, own }: Pick<BuildEnvironment, 'source' | 'own'>,
): Promise<KeptObjects | undefined> {
  const { graph, package: p } = request;
  const seen = isBuildType(p.buildType) && rulesOf(p.buildType).keepsObjects ? readSource(source) : undefined;
  if (!seen) return undefined;
  const place = join(state, 'objects', sha256(`${graph.id}/${p.name}`).slice(0, 24));
  const folder = join(place, 'obj');
  const file = join(place, 'record.json');
  const release = await holdMutex(`${place}.lock`, { most: lockPatience.task });
  const { source: _source, dependencies: _dependencies, ...frame } = request.resolved.inputs();
  const now: ObjectsRecord = {
    schema: 1,
    frame: sha256(keyText({ ...frame, files: seen.frame })),
    files: seen.files,
    dependencies: dependenciesOf(request),
  };
  const before = readJson<ObjectsRecord>(file);
  const reused = before?.schema === 1 && (await fits(before, now, request, store));
  const views = join(place, 'dependencies');
  if (reused) {
    keepTimes(source, before, now);
    keepDependencyTimes(own, await seenBefore(before, now, { state, store, views }), views);
  } else {
    await driver.remove(folder);
    removeTree(views);
  }
  privateFolder(dirname(folder));
  makeFolder(folder);
  // Until the build has ended, the state of the folder is unknown.
  writeWhole(file, JSON.stringify(now));
  return {
    folder,
    reused,
    async close(ended) {
      if (ended) writeWhole(file, JSON.stringify({ ...now, ended: Date.now() }));
      await release();
    },
  };
}

/**
 * The files of a source, and a digest of all that CMake may have read. Undefined if a file uses the compilation time,
 * or is too large to tell.
 */
export function readSource(source: string): { files: ObjectsRecord['files']; frame: string } | undefined {
  const files: ObjectsRecord['files'] = {};
  const frame: string[] = [];
  for (const path of entriesBelow(source).sort()) {
    const found = lstatSync(join(source, path));
    if (found.isSymbolicLink()) frame.push(`${path} -> ${readlinkSync(join(source, path))}`);
    if (!found.isFile()) continue;
    if (compiled.test(path) && found.size > largest) return undefined;
    const bytes = compiled.test(path) ? readFileSync(join(source, path)) : undefined;
    if (bytes && timed.test(bytes.toString('latin1'))) return undefined;
    const digest = bytes ? sha256(bytes) : digestHeld(source, path);
    files[path] = [digest, found.mtimeMs];
    frame.push(`${path} ${found.mode & 0o111 ? 'x' : ''} ${compiled.test(path) ? '' : digest}`);
  }
  return { files, frame: sha256(frame.join('\n')) };
}

function dependenciesOf({ graph, number }: BuildRequest): Record<string, Dependency> {
  return Object.fromEntries(
    graph.closures.root(number).flatMap((d) => {
      const record = graph.records[d];
      return record ? [[record.package, { deb: record.debs[0]?.sha256 ?? '', files: record.files }]] : [];
    }),
  );
}

/**
 * Whether make will see every change since these objects were made: each is newer than the objects, in a file that make
 * checks.
 */
async function fits(
  before: ObjectsRecord,
  now: ObjectsRecord,
  { graph, number, package: p }: BuildRequest,
  store: Store,
): Promise<boolean> {
  const { ended } = before;
  if (ended === undefined || before.frame !== now.frame) return false;
  const names = Object.keys(now.dependencies);
  if (names.length !== Object.keys(before.dependencies).length) return false;
  const records = new Map(graph.closures.root(number).map((d) => [graph.records[d]?.package ?? '', graph.records[d]]));
  for (const name of names) {
    const [old, made] = [ownIn(before.dependencies, name), ownIn(now.dependencies, name)];
    if (!old || !made) return false;
    if (old.deb === made.deb) continue;
    // Files of a package have the time in its version. Make may not know that generated code depends on a tool.
    const stamp = stampOfVersion(records.get(name)?.version ?? '');
    if (p.tools.includes(name) || stamp === undefined || stampSeconds(stamp) * 1000 <= ended) return false;
    const [paths, others] = [await pathsOf(store, made), await pathsOf(store, old)];
    if (paths === undefined || paths !== others) return false;
  }
  return true;
}

/**
 * Dependencies that were rebuilt since the objects were made or that have a stored view. Previous files come from the
 * view, or from the unpacked previous package.
 */
async function seenBefore(
  before: ObjectsRecord,
  now: ObjectsRecord,
  { state, store, views }: { state: string; store: Store; views: string },
): Promise<ChangedDependency[]> {
  const seen: ChangedDependency[] = [];
  for (const [name, made] of Object.entries(now.dependencies)) {
    const old = ownIn(before.dependencies, name);
    const view = join(views, name);
    const kept = exists(view);
    if (!old || (!kept && old.deb === made.deb)) continue;
    const former = kept ? view : join(state, 'unpacked', old.deb);
    seen.push({ name, former, paths: (await pathsOf(store, made))?.split('\n') ?? [] });
  }
  return seen;
}

/**
 * Paths that a package installs, without debug symbols, which are named by digests. Undefined if the store lost the
 * list.
 */
async function pathsOf(store: Store, { files }: Dependency): Promise<string | undefined> {
  const paths = await store.readParsed(files);
  if (paths === undefined) return undefined;
  return Array.isArray(paths) ? paths.filter((path) => !String(path).startsWith('/usr/lib/debug/')).join('\n') : '';
}

/** Restores the modification times of unchanged files. */
function keepTimes(source: string, before: ObjectsRecord, now: ObjectsRecord): void {
  for (const [path, entry] of Object.entries(now.files)) {
    const old = ownIn(before.files, path);
    if (old?.[0] !== entry[0]) continue;
    utimesSync(join(source, path), old[1] / 1000, old[1] / 1000);
    entry[1] = old[1];
  }
}
