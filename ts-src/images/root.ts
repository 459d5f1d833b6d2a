import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { good, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import { stampSeconds } from '../model/names.ts';
import { newScratch } from '../sandbox/scratch.ts';
import { SystemLayers } from '../sandbox/system-layers.ts';
import type { OwnPackage } from './closure.ts';
import { specDigest, writeConfig } from './config.ts';
import type { Facts } from './facts.ts';
import { baseLayer, checkSecrets, makeLayer, type Layer } from './layers.ts';
import { listBinds, type Room } from './room.ts';
import { imageRevision, layerRevision } from './scripts.ts';
import { placeOwn } from './system.ts';

/** What a root is made of. */
export interface RootPlan {
  own: readonly OwnPackage[];
  /**
   * `name=version`, sorted: what the packages of the image take of the platform, and what a machine takes beside it.
   */
  system: readonly string[];
  machine: readonly string[];
  /** What a machine has beside the configuration of every image. */
  machineFiles: Buffer | undefined;
}

/** A root as a chain of layers, the topmost first. */
export interface MadeRoot {
  layers: Layer[];
  /** The same, with what each holds. */
  told: { layer: Layer; what: string }[];
}

async function installLayer(
  room: Room,
  below: readonly Layer[],
  packages: readonly string[],
  what: string,
  fstab: string | undefined,
): Promise<Result<Layer>> {
  const system = new SystemLayers(room);
  const fetched = await system.fetch([...packages]);
  if (!fetched.ok) return fetched;
  const config = newScratch(room.state);
  if (fstab !== undefined) writeFstab(config, fstab);
  return makeLayer(room, {
    key: sha256(JSON.stringify([layerRevision, below.map((l) => l.key), packages, room.epoch, fstab ?? null])),
    what,
    below,
    kind: 'install',
    packages,
    epoch: room.epoch,
    binds: [
      ...listBinds(room.base),
      { from: join(room.state, 'archives'), to: '/tmp/slipway/archives', readOnly: true },
      { from: config, to: '/tmp/slipway/config', readOnly: true },
    ],
  });
}

function writeFstab(folder: string, text: string): void {
  writeFileSync(join(folder, 'fstab'), text);
}

/** Makes a root: the base, the platform's packages, what a machine takes, and the distribution's own packages. */
export async function makeRoot(
  room: Room,
  facts: Facts,
  plan: RootPlan,
  fstab: string | undefined,
): Promise<Result<MadeRoot>> {
  const base = await baseLayer(room);
  const told = [{ layer: base, what: 'base' }];
  const layers = () => told.map((t) => t.layer).reverse();
  const steps: [readonly string[], string, string | undefined][] = [
    [plan.system, 'system', undefined],
    [plan.machine, 'machine', fstab],
  ];
  for (const [packages, what, table] of steps) {
    if (!packages.length) continue;
    const title = `the ${what} layer of '${facts.image.name}' (${packages.length} packages)`;
    const layer = await installLayer(room, layers(), packages, title, table);
    if (!layer.ok) return layer;
    told.push({ layer: layer.value, what });
  }
  const work = newScratch(room.state);
  const placed = await placeOwn(room, plan.own, join(work, 'debs'));
  if (!placed.ok) return placed;
  writeConfig(facts, join(work, 'config'), plan.machineFiles);
  const epoch = ownEpoch(room, facts);
  const own = await makeLayer(room, {
    key: ownKey(room, facts, plan, layers()),
    what: `the packages of '${facts.image.name}' (${plan.own.length} of the distribution)`,
    below: layers(),
    kind: 'own',
    packages: [],
    epoch,
    binds: [
      { from: join(work, 'debs'), to: '/tmp/slipway/debs', readOnly: true },
      { from: join(work, 'config'), to: '/tmp/slipway/config', readOnly: true },
    ],
  });
  if (!own.ok) return own;
  told.push({ layer: own.value, what: 'own' });
  const safe = checkSecrets(facts.image.name, layers());
  return safe.ok ? good({ layers: layers(), told }) : safe;
}

/** Nothing in an image is newer than its state and the archive that it was made from. */
export const ownEpoch = (room: Pick<Room, 'epoch'>, facts: Pick<Facts, 'state'>): number =>
  Math.max(room.epoch, stampSeconds(facts.state.stamp));

const ownKey = (room: Room, facts: Facts, plan: RootPlan, below: readonly Layer[]): string =>
  sha256(
    JSON.stringify([
      imageRevision,
      below.map((l) => l.key),
      plan.own.map((p) => p.sha256),
      specDigest(facts),
      facts.stateId,
      facts.repository,
      facts.channel,
      plan.machineFiles ? sha256(plan.machineFiles) : null,
      ownEpoch(room, facts),
    ]),
  );
