import { join } from 'node:path';
import { compare, good, warning, type Diagnostic, type Result } from '../model/diagnostics.ts';
import type { Distro, Platform } from '../model/distro.ts';
import type { Lockfile } from '../model/lockfile.ts';
import type { Target } from '../model/plan.ts';
import { AptResolver, type Resolved, type SystemSet } from '../sandbox/apt-resolver.ts';
import { ensureBase, hostProxy, type Base } from '../sandbox/base-system.ts';
import type { Driver } from '../sandbox/driver.ts';
import { sharedBase, storedBase, toldBase } from '../sandbox/stored-base.ts';
import { PackageMirror } from '../sandbox/package-mirror.ts';
import { SystemLayers } from '../sandbox/system-layers.ts';
import type { Store } from '../store/store.ts';

/** System packages of one base: apt's resolver, and the layers with unpacked packages. */
export interface SystemPackages {
  system: AptResolver;
  layers: SystemLayers;
}

/** Options for opening the bases of a run. */
export interface SystemRequest {
  driver: Driver;
  store: Store;
  state: string;
  distro: Distro;
  distroRoot: string;
  lock: Lockfile | undefined;
  /** Bases that the plan was made with, by platform and architecture. */
  bases: Record<string, { digest: string; archive: string }>;
  renewBase: boolean;
  /** A base that the plan does not name comes from the store. */
  sharesBases?: boolean;
  /** False: no base is made or fetched. */
  makesBases?: boolean;
  progress: (text: string) => void;
}

const logOf = (state: string): string => join(state, 'slipway.log');

/**
 * Opens a target's base and system packages, with apt's answers from other machines. `tells`: the base is never
 * entered.
 */
export async function openSystem(
  request: SystemRequest,
  target: Target,
  tells: boolean,
): Promise<Result<SystemPackages>> {
  const { driver, state, store } = request;
  const found = request.distro.platforms[target.platform];
  if (!found) throw new Error(`no platform ${target.platform}`);
  const mirrored = request.distro.mirror === 'state';
  const platform = { ...found, renew_days: renewDays(found, request.renewBase, mirrored) };
  const base = await openBase(request, target, platform, tells);
  if (!base.ok) return base;
  const proxy = async () => platform.proxy ?? hostProxy();
  const system = new AptResolver(driver, state, base.value);
  system.learn(await store.readShared<Resolved>(resolvedName(base.value)), (digest) =>
    store.readShared<string[]>(setName(digest)),
  );
  const mirror = mirrored ? new PackageMirror(store, base.value.archive) : undefined;
  return good({
    system,
    layers: new SystemLayers({
      driver,
      state,
      base: base.value,
      proxy,
      log: logOf(state),
      mirror,
      namespace: store.namespace,
    }),
  });
}

/** Days until a base is renewed. A base of a mirrored snapshot is not renewed until another snapshot is requested. */
function renewDays(platform: Platform, renewed: boolean, mirrored: boolean): number {
  if (renewed) return 0;
  return mirrored ? Infinity : platform.renew_days;
}

/** The base that the plan names; else the store's shared base if `sharesBases`, else this machine's. */
function openBase(
  request: SystemRequest,
  { platform: name, architecture }: Target,
  platform: Platform,
  tells: boolean,
): Promise<Result<Base>> {
  const { driver, store, state, distroRoot, progress, makesBases: makes } = request;
  const id = `${name}-${architecture}`;
  const wanted = request.bases[id];
  if (wanted && tells) return toldBase(store, state, name, wanted);
  if (wanted) return storedBase({ driver, store, state, name, architecture, wanted, progress, makes });
  const pinned = request.lock?.platforms[id]?.base;
  const log = logOf(state);
  const now = Date.now();
  const asked = { driver, state, distroRoot, name, platform, architecture, now, log, progress, pinned, makes };
  return request.sharesBases || request.distro.mirror === 'state' ? sharedBase({ ...asked, store }) : ensureBase(asked);
}

const resolvedName = (base: Base): string => `resolved/${base.digest.slice(0, 24)}-${base.archive.slice(0, 16)}.json`;
const setName = (digest: string): string => `sets/${digest.slice(0, 2)}/${digest}.json`;

/** Stores apt's answers for other machines: the same base and lists give the same answers. */
export async function shareAnswers(systems: Iterable<AptResolver>, store: Store): Promise<void> {
  for (const system of systems) {
    const news = system.news();
    if (!news) continue;
    const there = (await store.readShared<Resolved>(resolvedName(system.base))) ?? {};
    const known = new Set(Object.values(there));
    const fresh = Object.entries(news).filter(([, digest]) => !known.has(digest) && known.add(digest));
    await store.many(fresh, async ([names, digest]) => {
      const set = await system.resolve(names.split(' '));
      const packages = typeof set === 'string' ? undefined : await set.packages();
      if (Array.isArray(packages)) await store.writeJson(setName(digest), packages);
    });
    await store.writeJson(resolvedName(system.base), { ...there, ...news });
  }
}

/**
 * Mirrors all packages that the roots of some graphs take from archives, including roots of cached packages. Reports
 * what could not be mirrored, because a build without the archive would lack it.
 */
export async function mirrorSystems(graphs: readonly (SystemPackages & MirroredGraph)[]): Promise<Diagnostic[]> {
  const warnings: Diagnostic[] = [];
  for (const { id, layers, sets, base } of graphs) {
    const packages = new Set<string>();
    for (const set of new Set(sets)) {
      const known = await set?.packages();
      if (Array.isArray(known)) for (const pinned of known) packages.add(pinned);
    }
    const wanted = [...packages].filter((p) => !base.packages.includes(p)).sort(compare);
    const kept = await layers.downloads.mirrored(wanted);
    if (!kept.ok)
      warnings.push(
        warning(
          'mirror-incomplete',
          `the store does not have everything that ${id} takes from its archive: ${kept.diagnostics[0]?.message}`,
          {
            hint: 'until then, builds need the archive; --renew-base uses the archive as it is now',
          },
        ),
      );
  }
  return warnings;
}

interface MirroredGraph {
  id: string;
  base: Base;
  sets: readonly (SystemSet | undefined)[];
}
