import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { bad, error, good, warning, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import type { Distro } from '../model/distro.ts';
import type { ImageKind, ImageSpec } from '../model/images.ts';
import { aptSuite, channelSuite, debianNames, imageVersion } from '../model/names.ts';
import type { StoredFile } from '../model/result.ts';
import { readIf } from '../io/files.ts';
import { keptKey } from '../publish/channel-key.ts';
import { largestKey } from '../publish/key-health.ts';
import { openEndpoint } from '../publish/endpoints.ts';
import { stateOf } from '../publish/promotion.ts';
import type { OpenChannel } from '../publish/state.ts';
import { hostProxy, type Base } from '../sandbox/base-system.ts';
import { newScratch } from '../sandbox/scratch.ts';
import { PackageMirror } from '../sandbox/package-mirror.ts';
import { sharedBase } from '../sandbox/stored-base.ts';
import type { UnshareDriver } from '../sandbox/unshare.ts';
import type { Store } from '../store/store.ts';
import { ownPackages } from './closure.ts';
import { specDigest } from './config.ts';
import type { Facts } from './facts.ts';
import { readInputs } from './inputs.ts';
import type { Layer } from './layers.ts';
import { machineFiles, machineNames, fstabOf, systemNames } from './machine.ts';
import { addToList, readRecord, writeRecord, type Artifact, type ImageRecord } from './record.ts';
import { dockerSettings, render } from './kinds.ts';
import type { Rendered } from './rendered.ts';
import { makeRoot, ownEpoch, type MadeRoot, type RootPlan } from './root.ts';
import type { Room } from './room.ts';
import { imageRevision } from './scripts.ts';
import { systemPackages } from './system.ts';
import { hasKernel, isMachine, type ImageTarget } from './target.ts';
import { versionOf, writerVersions } from './writers.ts';

export interface BuildInput {
  driver: UnshareDriver;
  store: Store;
  state: string;
  distro: Distro;
  distroFile: string;
  /** Folder of the distro repository. */
  root: string;
  image: ImageTarget;
  kinds: readonly ImageKind[];
  channel: OpenChannel;
  stateId: string | undefined;
  log: string;
  now: number;
  progress: (text: string) => void;
  signal: AbortSignal;
}

export interface BuiltImage {
  record: ImageRecord;
  /** The image was in the store already. */
  cached: boolean;
}

/** Increase it when rendering changes; all images are then rebuilt. */
const revision = 2;

/** Time of the newest Release file in apt's lists, in seconds since 1970. */
export function archiveTime(base: Base): number {
  const dates = readdirSync(base.lists)
    .filter((n) => /_(In)?Release$/.test(n))
    .map((n) => Date.parse(/^Date: (.*)$/m.exec((readIf(join(base.lists, n)) ?? '').slice(0, 4096))?.[1] ?? ''))
    .filter((t) => !Number.isNaN(t));
  return Math.floor(Math.max(315_619_200_000, ...dates) / 1000);
}

/** Where machines get packages, and the key that they trust: that of the store, or of the place for older channels. */
export async function repositoryOf(
  input: Pick<BuildInput, 'channel' | 'root' | 'store'> & {
    image: Pick<BuildInput['image'], 'name' | 'distribution' | 'target'> & { spec: Pick<ImageSpec, 'apt'> };
  },
  diagnostics: Diagnostic[],
): Promise<Result<Facts['repository']>> {
  const { image, channel, root, store } = input;
  const [first] = channel.file.endpoints;
  const endpoint = first === undefined ? undefined : await openEndpoint(first, root);
  const placed = (await endpoint?.read('key.asc'))?.data;
  const key =
    (await keptKey(store, channel.name)) ??
    (placed && placed.length <= largestKey ? placed.toString('utf8') : undefined);
  if (!endpoint || key === undefined)
    return bad(
      error('channel-place', `can't read the public key of the channel '${channel.name}' from where it is served`, {
        hint: 'publish it with `slipway channel renew`',
      }),
    );
  const uri = image.spec.apt ?? endpoint.uri;
  if (!uri.startsWith('http'))
    diagnostics.push(
      warning('image-sources', `machines can't reach the channel '${channel.name}': it is served at ${uri}`, {
        hint:
          `set \`apt:\` of the image '${image.name}' to its URL; ` +
          'until then its apt sources are disabled in the image',
      }),
    );
  return good({ uri, suite: aptSuite(image.distribution, image.target), key });
}

/** Prepares all inputs of an image, and its key. */
async function prepare(input: BuildInput) {
  const { image, store, distro, channel } = input;
  const diagnostics: Diagnostic[] = [];
  const found = await stateOf(store, channel, input.stateId);
  if (!found.ok) return found;
  const { id: stateId, state } = found.value;
  const suite = channelSuite(image.distribution, image.target);
  const stored = state.indices[suite];
  const index = stored && (await store.readText(stored));
  if (index === undefined)
    return bad(
      error('image-packages', `the state ${stateId.slice(0, 16)} of '${channel.name}' has no packages for ${suite}`, {
        hint: `it has ${Object.keys(state.indices).sort().join(', ') || 'none'}`,
      }),
    );
  const inputs = await readInputs(input.root, input.distroFile, image.name, image.spec);
  const own = ownPackages(image.name, index, image.spec.packages, debianNames(distro, image.distribution));
  const repository = await repositoryOf(input, diagnostics);
  if (!inputs.ok || !own.ok || !repository.ok)
    return bad(...[inputs, own, repository].flatMap((r) => (r.ok ? [] : r.diagnostics)));
  const facts: Facts = {
    distro,
    image,
    inputs: inputs.value,
    channel: channel.name,
    stateId,
    state,
    repository: repository.value,
  };
  const room = await openRoom(input);
  if (!room.ok) return room;
  const names = systemNames(image.spec);
  const system = await systemPackages(room.value, image.name, own.value, names);
  if (!system.ok) return system;
  let machine: string[] = [];
  if (input.kinds.some(isMachine)) {
    const more = await systemPackages(room.value, image.name, own.value, [
      ...names,
      ...machineNames(image, input.kinds.some(hasKernel)),
    ]);
    if (!more.ok) return more;
    machine = more.value.filter((p) => !system.value.includes(p));
  }
  const writers = await writerVersions(input.kinds);
  return good({ facts, room: room.value, own: own.value, system: system.value, machine, writers }, diagnostics);
}

type Prepared = Extract<Awaited<ReturnType<typeof prepare>>, { ok: true }>['value'];

async function openRoom(input: BuildInput): Promise<Result<Room>> {
  const { image, distro, driver, store, state } = input;
  const platform = distro.platforms[image.target.platform];
  if (!platform) throw new Error(`no platform ${image.target.platform}`);
  const mirrored = distro.mirror === 'state';
  const base = await sharedBase({
    driver,
    store,
    state,
    distroRoot: input.root,
    name: `image.${image.target.platform}`,
    platform: { ...platform, image: true, ...(mirrored ? { renew_days: Infinity } : {}) },
    architecture: image.target.architecture,
    now: input.now,
    log: input.log,
    progress: input.progress,
    pinned: undefined,
  });
  if (!base.ok) return base;
  const proxy = () => (platform.proxy === undefined ? hostProxy() : Promise.resolve(platform.proxy));
  const epoch = archiveTime(base.value);
  return good({
    driver,
    store,
    state,
    base: base.value,
    mirror: mirrored ? new PackageMirror(store, base.value.archive) : undefined,
    epoch,
    tar: await versionOf('tar'),
    log: input.log,
    proxy,
    progress: input.progress,
    signal: input.signal,
  });
}

const keyOf = (input: BuildInput, { facts, room, own, system, machine, writers }: Prepared): string =>
  sha256(
    JSON.stringify([
      revision,
      imageRevision,
      input.distro.organization,
      facts.image.name,
      facts.image.distribution,
      facts.image.target,
      input.kinds,
      facts.channel,
      facts.stateId,
      specDigest(facts),
      facts.repository,
      room.base.digest,
      room.epoch,
      own.map((p) => [p.name, p.sha256]),
      system,
      machine,
      writers,
    ]),
  );

const asVersions = (pinned: readonly string[]): Record<string, string> =>
  Object.fromEntries(pinned.map((p): [string, string] => [p.slice(0, p.indexOf('=')), p.slice(p.indexOf('=') + 1)]));

/** Builds an image for one architecture, or takes it from the store. */
export async function buildImage(input: BuildInput): Promise<Result<BuiltImage>> {
  const begun = Date.now();
  const prepared = await prepare(input);
  if (!prepared.ok) return prepared;
  const { facts, room, own, system, machine } = prepared.value;
  const key = keyOf(input, prepared.value);
  const there = await readRecord(input.store, key);
  if (there?.artifacts.every((a) => input.store.holds(a.files))) {
    await addToList(input.store, there);
    return good({ record: there, cached: true }, prepared.diagnostics);
  }
  const roots = new Map<boolean, MadeRoot>();
  const artifacts: Artifact[] = [];
  const layers: ImageRecord['layers'] = [];
  const epoch = ownEpoch(room, facts);
  for (const kind of input.kinds) {
    const twin = hasKernel(kind) ? artifacts.find((a) => hasKernel(a.kind)) : undefined;
    if (twin) {
      artifacts.push({ ...twin, kind });
      continue;
    }
    const ofMachine = isMachine(kind);
    let root = roots.get(ofMachine);
    if (!root) {
      const plan: RootPlan = ofMachine
        ? { own, system, machine, machineFiles: machineFiles(facts, key, epoch) }
        : { own, system, machine: [], machineFiles: undefined };
      const made = await makeRoot(room, facts, plan, ofMachine ? fstabOf(facts.image.spec) : undefined);
      if (!made.ok) return made;
      roots.set(ofMachine, (root = made.value));
    }
    room.progress(`making the ${kind} image of '${facts.image.name}'`);
    const rendered = await render(kind, room, facts, root, { key, epoch, folder: newScratch(room.state) });
    if (!rendered.ok) return rendered;
    const kept = await keep(input.store, rendered.value);
    artifacts.push({ kind, ...kept });
    if (kind === 'docker')
      for (const { layer, what } of root.parts)
        layers.push({ what, file: await storedLayer(input.store, layer, what) });
  }
  const record: ImageRecord = {
    schema: 1,
    key,
    name: facts.image.name,
    channel: facts.channel,
    state: facts.stateId,
    version: imageVersion(facts.state.stamp, key),
    platform: facts.image.target.platform,
    architecture: facts.image.target.architecture,
    distribution: facts.image.distribution,
    spec: specDigest(facts),
    base: room.base.digest,
    own: Object.fromEntries(own.map((p) => [p.name, p.version])),
    system: asVersions([...system, ...machine].sort()),
    layers,
    artifacts,
    ...(input.kinds.includes('docker') ? { docker: dockerSettings(facts, key, epoch) } : {}),
    made: input.now,
    milliseconds: Date.now() - begun,
  };
  await writeRecord(input.store, record);
  await addToList(input.store, record);
  return good({ record, cached: false }, prepared.diagnostics);
}

async function keep(store: Store, rendered: Rendered): Promise<Omit<Artifact, 'kind'>> {
  const files: StoredFile[] = [];
  for (const file of rendered.files) {
    const digest = rendered.digests?.get(file);
    files.push(await (digest === undefined ? store.put(file) : store.putKnown(file, digest)));
  }
  return {
    files,
    ...(rendered.id === undefined ? {} : { id: rendered.id }),
    ...(rendered.bytes === undefined ? {} : { bytes: rendered.bytes }),
  };
}

/** Stores a layer under its own name. Its bytes were verified when the docker image was written. */
async function storedLayer(store: Store, layer: Layer, what: string): Promise<StoredFile> {
  return { ...(await store.putKnown(layer.tar, layer.diffId)), name: `${what}.tar` };
}
