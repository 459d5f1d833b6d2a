import { lstatSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { bad, error, good, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import {
  entriesBelow,
  exists,
  noteUse,
  privateFolder,
  readJson,
  sha256File,
  writeWhole,
  makeFolder,
} from '../io/files.ts';
import { withMutex } from '../io/mutex.ts';
import { reasonOf, run } from '../io/process.ts';
import { readEnd } from '../io/untrusted.ts';
import { baseSources, underlaySources, type BasePlatform } from './archive.ts';
import { firstError, makeBaseArchive, watchRoom } from './base-archive.ts';
import { baseFolderName, baseLock, basesFolder, keptFile, placeBase } from './base-folder.ts';
import type { Driver } from './driver.ts';
import { installedPackages } from './installed-packages.ts';
import { enterToInstall } from './install-entry.ts';
import { notHere } from './missing-base.ts';
import { keepPlainFiles } from './plain-files.ts';
import { newScratch } from './scratch.ts';

/** A platform's base system on this machine. */
export interface Base {
  /** SHA-256 of its tar. */
  digest: string;
  /** Folder of the unpacked root. */
  root: string;
  /** Folder of apt's lists at the time it was made: the snapshot of the archive. */
  lists: string;
  /** Digest of the lists. */
  archive: string;
  folder: string;
  tar: string;
  /** Its Debian packages (`name=version`). */
  packages: string[];
  /** Seconds since 1970. */
  made: number;
  sources: string;
  /** Only an untrusted run says that its root and its lists belong together. */
  foreign?: true;
}

/** The inputs of a base and their digest. Machines with the same digest want the same base. */
export function wantedBase(
  distroRoot: string,
  platform: BasePlatform,
  architecture: string,
): { sources: ReturnType<typeof baseSources> & { underlays: ReturnType<typeof underlaySources> }; wanted: string } {
  const sources = { ...baseSources(platform, distroRoot), underlays: underlaySources(platform, distroRoot) };
  const wanted = sha256(
    JSON.stringify([
      platform.os,
      platform.release,
      architecture,
      platform.image ? 'image' : platform.include,
      sources.lines,
      sources.underlays,
      // Who serves an archive without a signature decides what is in the base.
      ...([...sources.lines, ...sources.underlays].some((line) => line.includes('trusted=yes'))
        ? [platform.proxy ?? '']
        : []),
    ]),
  );
  return { sources, wanted };
}

/** Options for opening a platform's base. */
export interface BaseRequest {
  driver: Driver;
  state: string;
  distroRoot: string;
  name: string;
  platform: BasePlatform;
  architecture: string;
  now: number;
  log: string;
  progress: (text: string) => void;
  /** The digest in the lockfile. */
  pinned?: string | undefined;
  /** False: only a base that is on this machine; nothing is made or fetched. */
  makes?: boolean | undefined;
}

/** A base as recorded in its folder's `current.json`. */
export type CurrentBase = Base & { wanted: string };

/** The place and the inputs for making a base. */
interface Target extends ReturnType<typeof wantedBase> {
  /** Folder of all bases of the platform. */
  folder: string;
  /** Folder of this attempt, in `folder`. */
  work: string;
}

/**
 * The base of a platform: the current one while it is younger than `renew_days`, else a new one by mmdebstrap.
 * Concurrent runs make it once.
 */
export async function ensureBase(request: BaseRequest): Promise<Result<Base>> {
  const { driver, state, name, architecture } = request;
  const folder = basesFolder(driver.name, state, name, architecture);
  const target = {
    folder,
    work: join(folder, `new-${process.pid}`),
    ...wantedBase(request.distroRoot, request.platform, architecture),
  };
  const current = async (): Promise<Base | undefined> => {
    const base = currentBase(request, target);
    if (!base || !(await driver.ready(base.root))) return undefined;
    noteUse(privateFolder(base.folder));
    return base;
  };
  const there = await current();
  if (there) return good(there);
  if (request.makes === false) return notHere(name, architecture);
  return withMutex(
    join(folder, 'lock'),
    async () => {
      const other = await current();
      return other ? good(other) : makeBase(request, target);
    },
    { waiting: () => request.progress(`waiting for another slipway that makes the base of ${name}`) },
  );
}

/** The folder's current base, if it fits the request. */
function currentBase(request: BaseRequest, { folder, wanted }: Target): CurrentBase | undefined {
  const base = readJson<CurrentBase>(join(folder, 'current.json'));
  if (!base || base.wanted !== wanted || !exists(join(base.root, 'var/lib/dpkg/status')) || !exists(base.lists))
    return undefined;
  if (request.pinned) return base.digest === request.pinned ? base : undefined;
  return request.now / 1000 - base.made < request.platform.renew_days * 86400 ? base : undefined;
}

/** Makes a base in its own folder, moves it into place, and updates `current.json`. */
async function makeBase(request: BaseRequest, target: Target): Promise<Result<Base>> {
  const { driver, state, name, now } = request;
  const { folder, work, wanted, sources } = target;
  for (const entry of readdirSync(folder)) if (entry.startsWith('new-')) await driver.remove(join(folder, entry));
  const lists = makeFolder(join(work, 'lists'));
  if (process.getuid?.() === 0) privateFolder(work);
  const tar = join(work, 'base.tar');
  const shared = siblingBase(request, wanted);
  const failed = await makeTar(request, target, tar, shared);
  if (failed) {
    await driver.remove(work);
    return bad(failed);
  }
  // An unprivileged user's mmdebstrap enters it with other ids.
  privateFolder(work);
  const digest = await sha256File(tar);
  const unpacked = await driver.unpack(tar, join(work, 'root'));
  if (unpacked.code !== 0) {
    await driver.remove(work);
    return bad(error('base-failed', `can't unpack the base of '${name}': ${reasonOf(unpacked)}`));
  }
  if (shared && basename(shared.lists) === 'lists') {
    await run('rm', ['-rf', lists]);
    await run('cp', ['-a', shared.lists, lists]);
  }
  await keepPlainFiles(lists);
  const archive = await listsDigest(lists);
  const final = join(folder, baseFolderName({ digest, archive }));
  await withMutex(baseLock(folder, { digest, archive }), () => placeBase(driver, work, final));
  const base: CurrentBase = {
    digest,
    archive,
    wanted,
    folder: final,
    root: join(final, 'root'),
    lists: join(final, 'lists', 'lists'),
    tar: join(final, 'base.tar'),
    packages: [],
    made: shared?.made ?? Math.floor(now / 1000),
    sources: sources.from,
  };
  if (!exists(base.lists)) base.lists = join(final, 'lists');
  const prepared = await prepareBase(driver, state, base);
  if (!prepared.ok) return prepared;
  base.packages = prepared.value;
  // Runs that were planned with it find it here, also when another one is current.
  writeWhole(keptFile(folder, base), JSON.stringify(base));
  writeWhole(join(folder, 'current.json'), JSON.stringify(base));
  return good(base);
}

/** The base of the other driver, if it fits: the same tar has the same digest, and so the same keys. */
function siblingBase({ driver, state, name, architecture, platform }: BaseRequest, wanted: string): Base | undefined {
  if (driver.name !== 'docker') return undefined;
  const sibling = readJson<CurrentBase>(join(basesFolder('unshare', state, name, architecture), 'current.json'));
  return sibling && sibling.wanted === wanted && platform.renew_days > 0 && exists(sibling.tar) && exists(sibling.lists)
    ? sibling
    : undefined;
}

/** Makes the base's tar by mmdebstrap, or copies it from a base with the same content. */
async function makeTar(
  { driver, name, platform, architecture, log, progress }: BaseRequest,
  { work, sources }: Target,
  tar: string,
  shared: Base | undefined,
): Promise<Diagnostic | undefined> {
  const proxy = platform.proxy ?? (await hostProxy());
  const system = `${platform.os} ${platform.release} ${architecture}`;
  if (!shared) progress(`making the base system of ${name} (${system}) with mmdebstrap: about a minute`);
  const wasFull = watchRoom(work);
  const made: Awaited<ReturnType<typeof makeBaseArchive>> = shared
    ? await run('cp', ['-a', shared.tar, tar])
    : await makeBaseArchive({ platform, architecture, sources, work, log, proxy, remove: driver.remove });
  const filled = wasFull();
  if (made.code === 0) return undefined;
  if (made.code === 127)
    return error('tool-missing', 'mmdebstrap is not installed', {
      hint: 'run `slipway doctor` to see what this machine lacks',
    });
  if (made.ended) return error('base-failed', `the base of '${name}' was not made: ${made.ended}`, { file: log });
  const full = filled || made.isFull || /No space left on device/.test(readEnd(log, 20_000));
  return error(
    'base-failed',
    full
      ? `the disk is full: the base of '${name}' could not be made`
      : `mmdebstrap could not make the base of '${name}' (${system})${firstError(log)}`,
    {
      file: log,
      hint: full
        ? 'a base needs about 2 GiB while it is made; `slipway clean` and `slipway store gc` free space'
        : `check that ${platform.os} has a release '${platform.release}', that this machine ` +
          `reaches ${archiveOf(sources)}, and that its keyring is installed`,
    },
  );
}

/** Makes apt's caches for all later calls. Returns the base's packages (`name=version`, sorted). */
export async function prepareBase(driver: Driver, state: string, base: Base): Promise<Result<string[]>> {
  const prepared = await enterToInstall(driver, state, {
    root: { layers: [base.root] },
    network: false,
    user: 'root',
    work: newScratch(state),
    env: aptEnvironment(undefined),
    binds: [
      { from: base.lists, to: '/var/lib/apt/lists', readOnly: true },
      { from: cacheOf(base), to: '/var/cache/apt' },
    ],
    command: [
      'sh',
      '-ec',
      "mkdir -p /var/cache/apt/archives/partial; apt-cache gencaches >&2; dpkg-query -W -f '${Package}=${Version}\\n'",
    ],
  });
  if (prepared.code !== 0)
    return bad(
      error('base-failed', `can't enter the base ${base.digest.slice(0, 12)}: ${reasonOf(prepared)}`, {
        hint: 'run `slipway doctor` to check whether this machine can create build roots',
      }),
    );
  return good(installedPackages(prepared.stdout));
}

/** The archive's URL, for diagnostics. */
const archiveOf = ({ lines }: Target['sources']): string => /\w+:\/\/\S+/.exec(lines.join(' '))?.[0] ?? 'its archive';

const cacheOf = (base: Base): string => makeFolder(join(base.folder, 'cache'));
export { cacheOf as aptCache };

/** Digest of apt's lists in a folder: identifies the archive's snapshot. */
export async function listsDigest(folder: string): Promise<string> {
  const files = entriesBelow(folder)
    .map((f) => join(folder, f))
    .filter((f) => /_(Packages|InRelease|Release)(\.\w+)?$/.test(f) && lstatSync(f).isFile())
    .sort();
  return sha256(JSON.stringify(await Promise.all(files.map(async (f) => [basename(f), await sha256File(f)]))));
}

export async function hostProxy(): Promise<string | undefined> {
  if (process.env.http_proxy) return process.env.http_proxy;
  const asked = await run('apt-config', ['shell', 'P', 'Acquire::http::Proxy']);
  return /^P='([^']+)'/.exec(asked.stdout)?.[1];
}

/** Environment of apt inside a root. */
export const aptEnvironment = (proxy: string | undefined): Record<string, string> => ({
  DEBIAN_FRONTEND: 'noninteractive',
  LC_ALL: 'C.UTF-8',
  HOME: '/root',
  ...(proxy ? { http_proxy: proxy, https_proxy: process.env.https_proxy ?? proxy } : {}),
  ...(process.env.no_proxy ? { no_proxy: process.env.no_proxy } : {}),
});
