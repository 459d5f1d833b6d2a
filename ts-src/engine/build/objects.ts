import { lstatSync, mkdirSync, readFileSync, readlinkSync, rmSync, utimesSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { entriesBelow, exists, privateFolder, readJson, writeWhole } from '../../io/files.ts';
import { holdMutex } from '../../io/mutex.ts';
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

/**
 * Object files that stay between a package's builds, for who edits and builds in a loop (`--incremental-objects`). They
 * are taken again only where make sees by the times of files all that changed: the same files, of which some of C and
 * C++ have another text; the same recipe, system packages and tools; dependencies that were built after the objects.
 * Everything else compiles the whole package.
 */
export interface KeptObjects {
  /** Mounted as /build/obj. */
  folder: string;
  /** What is in it is configured, and fits but for what is newer. */
  reused: boolean;
  /** `ended`: nobody stopped the build, so that make has left no half of a file. */
  close(ended: boolean): Promise<void>;
}

/** What the objects in a folder were made of. */
interface ObjectsRecord {
  schema: 1;
  /** All that objects depend on beside texts of C and C++, and dependencies. */
  frame: string;
  /** Path → digest, and time in milliseconds. */
  files: Record<string, [string, number]>;
  dependencies: Record<string, Dependency>;
  /** When the last build with them ended; none where it was stopped. */
  ended?: number;
}

interface Dependency {
  deb: string;
  /** The list of its files. */
  files: StoredFile;
}

const compiled = /\.(?:c|cc|cpp|cxx|h|hh|hpp|hxx|ipp|inl|tpp)$/;
/** Texts of which the object is another one at another time. */
const timed = /__(?:DATE|TIME|TIMESTAMP)__/;
/** Build types whose object files CMake keeps. */
const kept: readonly string[] = ['catkin', 'ament_cmake', 'cmake'];

/** The folder of a package's objects, emptied where they do not fit; undefined where none are kept. */
export async function openObjects(
  { driver, state, store }: { driver: Driver; state: string; store: Store },
  request: BuildRequest,
  { source, own }: Pick<BuildEnvironment, 'source' | 'own'>,
): Promise<KeptObjects | undefined> {
  const { graph, package: p } = request;
  const seen = kept.includes(p.buildType) ? readSource(source) : undefined;
  if (!seen) return undefined;
  const place = join(state, 'objects', sha256(`${graph.id}/${p.name}`).slice(0, 24));
  const folder = join(place, 'obj');
  const file = join(place, 'record.json');
  const release = await holdMutex(`${place}.lock`);
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
    rmSync(views, { recursive: true, force: true });
  }
  privateFolder(dirname(folder));
  mkdirSync(folder, { recursive: true });
  // Until the build has ended, what is in the folder is of no known state.
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

/** The files of a source, and a digest of all that CMake may have read; undefined where a text has the time in it. */
function readSource(source: string): { files: ObjectsRecord['files']; frame: string } | undefined {
  const files: ObjectsRecord['files'] = {};
  const frame: string[] = [];
  for (const path of entriesBelow(source).sort()) {
    const found = lstatSync(join(source, path));
    if (found.isSymbolicLink()) frame.push(`${path} -> ${readlinkSync(join(source, path))}`);
    if (!found.isFile()) continue;
    const bytes = readFileSync(join(source, path));
    if (compiled.test(path) && timed.test(bytes.toString('latin1'))) return undefined;
    const digest = sha256(bytes);
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

/** Whether all that changed since these objects were made is newer than they are, and what make looks at. */
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
    // Its files have the time in its version. What a tool makes of a source, make does not always know to be older.
    const stamp = stampOfVersion(records.get(name)?.version ?? '');
    if (p.tools.includes(name) || stamp === undefined || stampSeconds(stamp) * 1000 <= ended) return false;
    const [paths, others] = [await pathsOf(store, made), await pathsOf(store, old)];
    if (paths === undefined || paths !== others) return false;
  }
  return true;
}

/**
 * Dependencies that were rebuilt since the objects were made, and those with a kept view. The former files are those of
 * the view, or of the unpacked former package.
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

/** What a package installs, but for debug symbols, whose names are digests; undefined where the store lost it. */
async function pathsOf(store: Store, { files }: Dependency): Promise<string | undefined> {
  const paths = await store.readParsed(files);
  if (paths === undefined) return undefined;
  return Array.isArray(paths) ? paths.filter((path) => !String(path).startsWith('/usr/lib/debug/')).join('\n') : '';
}

/** Files with the text that they had get the time that they had. */
function keepTimes(source: string, before: ObjectsRecord, now: ObjectsRecord): void {
  for (const [path, entry] of Object.entries(now.files)) {
    const old = ownIn(before.files, path);
    if (old?.[0] !== entry[0]) continue;
    utimesSync(join(source, path), old[1] / 1000, old[1] / 1000);
    entry[1] = old[1];
  }
}
