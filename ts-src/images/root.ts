import { join } from 'node:path';
import { writeFile } from '../io/write.ts';
import { good, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import { stampSeconds } from '../model/names.ts';
import { downloadsFolder } from '../sandbox/fetched-packages.ts';
import { PackageDownloads } from '../sandbox/package-downloads.ts';
import { newScratch } from '../sandbox/scratch.ts';
import type { OwnPackage } from './closure.ts';
import { specDigest, writeConfig } from './config.ts';
import type { Facts } from './facts.ts';
import { baseLayer, checkSecrets, makeLayer, type Layer } from './layers.ts';
import { listBinds, type Room } from './room.ts';
import { imageRevision, layerRevision } from './scripts.ts';
import { placeOwn } from './system.ts';

/** The contents of a root. */
export interface RootPlan {
  own: readonly OwnPackage[];
  /** System packages as `name=version`, sorted: dependencies of the image's packages, and those of a machine. */
  system: readonly string[];
  machine: readonly string[];
  /** A machine's files besides the configuration that all images have. */
  machineFiles: Buffer | undefined;
}

/** A root as a chain of layers, topmost first. */
export interface MadeRoot {
  layers: Layer[];
  /** The layers, each with a description. */
  parts: { layer: Layer; what: string }[];
}

async function installLayer(
  room: Room,
  below: readonly Layer[],
  packages: readonly string[],
  what: string,
  fstab: string | undefined,
): Promise<Result<Layer>> {
  const fetched = await new PackageDownloads(room).fetch([...packages]);
  if (!fetched.ok) return fetched;
  const config = newScratch(room.state);
  if (fstab !== undefined) writeFstab(config, fstab);
  return makeLayer(room, {
    key: sha256(
      JSON.stringify([layerRevision, room.tar, below.map((l) => l.key), packages, room.epoch, fstab ?? null]),
    ),
    what,
    below,
    kind: 'install',
    packages,
    epoch: room.epoch,
    binds: [
      ...listBinds(room.base),
      { from: downloadsFolder(room.state, room.base), to: '/tmp/slipway/archives', readOnly: true },
      { from: config, to: '/tmp/slipway/config', readOnly: true },
    ],
  });
}

function writeFstab(folder: string, text: string): void {
  writeFile(join(folder, 'fstab'), text);
}

/** Makes a root: base, the platform's packages, a machine's files, and the distribution's packages. */
export async function makeRoot(
  room: Room,
  facts: Facts,
  plan: RootPlan,
  fstab: string | undefined,
): Promise<Result<MadeRoot>> {
  const base = await baseLayer(room);
  const parts = [{ layer: base, what: 'base' }];
  const layers = () => parts.map((t) => t.layer).reverse();
  const steps: [readonly string[], string, string | undefined][] = [
    [plan.system, 'system', undefined],
    [plan.machine, 'machine', fstab],
  ];
  for (const [packages, what, table] of steps) {
    if (!packages.length) continue;
    const title = `the ${what} layer of '${facts.image.name}' (${packages.length} packages)`;
    const layer = await installLayer(room, layers(), packages, title, table);
    if (!layer.ok) return layer;
    parts.push({ layer: layer.value, what });
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
  parts.push({ layer: own.value, what: 'own' });
  const safe = checkSecrets(facts.image.name, layers());
  return safe.ok ? good({ layers: layers(), parts }) : safe;
}

/** Upper limit of file times in an image: the time of its state or of its archive. */
export const ownEpoch = (room: Pick<Room, 'epoch'>, facts: Pick<Facts, 'state'>): number =>
  Math.max(room.epoch, stampSeconds(facts.state.stamp));

const ownKey = (room: Room, facts: Facts, plan: RootPlan, below: readonly Layer[]): string =>
  sha256(
    JSON.stringify([
      imageRevision,
      room.tar,
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
