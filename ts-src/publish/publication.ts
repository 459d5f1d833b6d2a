import { bad, error, good, warning, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { parallel } from '../io/process.ts';
import { maintainerOf } from '../model/names.ts';
import type { StoredFile } from '../model/result.ts';
import type { Store } from '../store/store.ts';
import { indicesOf, makeIndices } from './draft.ts';
import type { Endpoint } from './endpoint.ts';
import { readRelease } from './indices.ts';
import { keepKey } from './channel-key.ts';
import { withKeyring, withoutKeyring } from './keyring.ts';
import { heldData, listedIndices, objectsOf, type HeldData, type PackageIndex } from './package-index.ts';
import type { Signer } from './signing.ts';
import {
  resignState,
  stagePool,
  stageSuite,
  suitesIn,
  switchSuites,
  type SuiteFiles,
  type Settings,
  type StagedSuite,
} from './staging.ts';
import { claimHead, finishSwitch, readState, stateText, type OpenChannel, type State } from './state.ts';
import { otherVersions, sameSuites, orderedSuites, withoutSources, type Suites } from './suites.ts';

/** The repositories and the signer of a channel. */
export interface Outlet {
  store: Store;
  endpoints: readonly Endpoint[];
  signer: Signer;
  settings: Settings;
  now: number;
}

/** The content of a new state. */
export type Draft = Pick<
  State,
  'kind' | 'from' | 'suites' | 'tests' | 'stamp' | 'who' | 'run' | 'verdicts' | 'forced'
> & {
  /** Text of the lockfile of its sources. */
  lock?: string | undefined;
};

export interface Moved {
  id: string | undefined;
  state: State | undefined;
  /** Digests of packages that the store has lost; nothing was published then. */
  lost: string[];
  /** Whether clients see a change. */
  changed: boolean;
}

/**
 * Creates a state from a draft and moves the channel to it. Clients see no change until everything is staged at every
 * endpoint. If the channel has the same content already, only missing files are added, so the next run finishes an
 * interrupted one.
 */
export async function moveChannel(
  channel: OpenChannel,
  draft: Draft,
  outlet: Outlet,
  storedLock?: StoredFile,
): Promise<Result<Moved>> {
  const { store } = outlet;
  const { head, headId } = channel;
  const others = { contents: outlet.settings.contents === true, sources: outlet.settings.sources === true };
  const all = await suitesWithKey(channel, draft.suites, outlet);
  const wanted = others.sources ? all : withoutSources(all);
  const same =
    head &&
    sameSuites(head.suites, wanted) &&
    others.contents === (head.contents !== undefined) &&
    others.sources === (head.sources !== undefined);
  if (same && headId) return bring(channel, headId, head, outlet, false);
  const made = await makeIndices(store, wanted, [head, await fromState(store, draft)], others);
  if (!made.ok) return made;
  if (made.value.lost.length) return good({ id: undefined, state: undefined, lost: made.value.lost, changed: false });
  const { lock, ...rest } = draft;
  // Runs while indices are compressed.
  const suites = orderedSuites(wanted);
  const written: HeldData | undefined = lock === undefined ? undefined : heldData('lock.yaml', Buffer.from(lock));
  const versions = otherVersions(channel.value.versions, wanted);
  const indices = await made.value.finish();
  const state: State = {
    schema: 1,
    channel: channel.name,
    previous: headId,
    ...rest,
    suites,
    ...listedIndices(indices, others),
    versions,
    lock: written?.file ?? storedLock,
    when: outlet.now,
  };
  const { id, ...text } = stateText(state);
  const objects = [...indices.flatMap(objectsOf), ...(written ? [written] : [])];
  await store.putObjects(objects, text);
  return bringIndices(channel, { id, state, indices, looks: false }, outlet, false);
}

/** The packages, with the keyring packages if configured. */
async function suitesWithKey(channel: OpenChannel, given: Suites, outlet: Outlet): Promise<Suites> {
  const suites = withoutKeyring(given);
  const { store, endpoints, signer, settings, now } = outlet;
  if (!settings.keyring) return suites;
  const uri = endpoints.find((e) => /^https?:/.test(e.uri))?.uri;
  const { organization, maintainer = maintainerOf({ organization }) } = settings;
  return withKeyring(suites, { store, channel, organization, maintainer, publicKey: signer.publicKey, uri, now });
}

async function fromState(store: Store, draft: Draft): Promise<State | undefined> {
  return draft.from ? readState(store, draft.from.state) : undefined;
}

/** Publishes a state to all endpoints of its channel and makes it the head. `renew`: signs again. */
export async function bring(
  channel: OpenChannel,
  id: string,
  state: State,
  outlet: Outlet,
  renew: boolean,
): Promise<Result<Moved>> {
  const indices = await indicesOf(outlet.store, state);
  return indices.ok
    ? bringIndices(channel, { id, state, indices: indices.value, looks: true }, outlet, renew)
    : indices;
}

/**
 * Renews the signatures of the channel's former states at all endpoints. Returns their number, and ids of unreadable
 * ones.
 */
export async function renewFormer(
  channel: OpenChannel,
  outlet: Outlet,
): Promise<Result<{ renewed: number; lost: string[] }>> {
  const { store, endpoints, signer, settings, now } = outlet;
  const lost: string[] = [];
  let renewed = 0;
  for (const { id } of channel.file.states) {
    if (id === channel.headId) continue;
    const state = await readState(store, id);
    const indices = state && (await indicesOf(store, state));
    if (!state || !indices?.ok) {
      lost.push(id);
      continue;
    }
    for (const endpoint of endpoints)
      for (const suite of suitesIn(indices.value)) {
        const signed = await resignState({ endpoint, signer, state, id, suite, settings, now });
        if (!signed.ok) return signed;
      }
    renewed++;
  }
  return good({ renewed, lost });
}

interface Brought {
  id: string;
  state: State;
  indices: readonly PackageIndex[];
  /** Also verify that the head's packages are still at the endpoint, and replace lost ones. */
  looks: boolean;
}

function bringIndices(channel: OpenChannel, what: Brought, outlet: Outlet, renew: boolean): Promise<Result<Moved>> {
  const run = async (left: readonly Endpoint[]): Promise<Result<Moved>> => {
    const [first, ...rest] = left;
    if (!first) return bringAll(channel, what, outlet, renew);
    const done = await first.during('publication', () => run(rest));
    return done ?? moved(channel.name);
  };
  return run(outlet.endpoints);
}

/** Stages at every endpoint, records the state as the channel's head, and switches. */
async function bringAll(
  channel: OpenChannel,
  { id, state, indices, looks }: Brought,
  outlet: Outlet,
  renew: boolean,
): Promise<Result<Moved>> {
  const { store, endpoints } = outlet;
  const suites = suitesIn(indices);
  const staged: { endpoint: Endpoint; suites: StagedSuite[] }[] = [];
  for (const endpoint of endpoints) {
    const at = await stageAt({ endpoint, channel, id, state, suites, outlet, looks, renew });
    if (!at.ok) return at;
    if (at.value.lost.length) return good({ id: undefined, state: undefined, lost: at.value.lost, changed: false });
    staged.push({ endpoint, suites: at.value.suites });
  }
  await keepKey(store, channel.name, outlet.signer.publicKey);
  const changed = staged.some((s) => s.suites.some((suite) => !suite.current));
  let claimed = channel;
  const served = endpoints.every((e) => channel.file.endpoints.includes(e.id));
  const listed = channel.file.states[0]?.id === id && served;
  if (!listed || (changed && !channel.file.switching)) {
    const claim = await claimHead(store, channel, id, state, endpoints);
    if (!claim) return moved(channel.name);
    claimed = claim;
  }
  for (const { endpoint, suites: at } of staged) {
    const switched = await switchSuites(endpoint, at);
    if (!switched.ok) return switched;
    await endpoint.switched?.(switched.value);
  }
  await finishSwitch(store, claimed);
  return good({ id, state, lost: [], changed }, changed ? clockFaults(channel, outlet.now) : []);
}

const day = 86_400_000;

/** apt ignores a Release file older than its own, so a late clock would silently hide a publication. */
function clockFaults(channel: OpenChannel, now: number): Diagnostic[] {
  const days = Math.floor(((channel.head?.when ?? now) - now) / day);
  return days < 1
    ? []
    : [
        warning(
          'clock-behind',
          `this machine's clock is ${days} days behind the one that published '${channel.name}' last: ` +
            'machines that have that state keep it',
          {
            hint:
              `where this clock is wrong, set it and run \`slipway channel renew ${channel.name}\`; ` +
              'where the other one was, all is well',
          },
        ),
      ];
}

const moved = (name: string): Result<never> =>
  bad(
    error('channel-moved', `another run published to the channel '${name}' since this one was planned`, {
      hint: 'run the same command again: it continues from the published state',
    }),
  );

interface StageInput {
  endpoint: Endpoint;
  channel: OpenChannel;
  id: string;
  state: State;
  suites: SuiteFiles[];
  outlet: Outlet;
  looks: boolean;
  renew: boolean;
}

async function stageAt(input: StageInput): Promise<Result<{ suites: StagedSuite[]; lost: string[] }>> {
  const { endpoint, channel, id, state, suites, outlet, looks, renew } = input;
  const { store, signer, settings, now } = outlet;
  // The public key comes first, so that signatures can always be verified.
  const key = Buffer.from(signer.publicKey);
  if (!(await endpoint.read('key.asc'))?.data.equals(key)) await endpoint.put('key.asc', key);
  const pool = new Map(suites.flatMap((suite) => suite.pool.map((p) => [p.filename, p])));
  // gpg signs while packages are uploaded. Nothing of a suite is written before its packages are there.
  let packagesAre: (there: boolean) => void = () => undefined;
  const pooled = new Promise<boolean>((resolve) => (packagesAre = resolve));
  const staging = parallel(suites, endpoint.width, (suite) =>
    stageSuite({ endpoint, signer, state, id, suite, settings, now, renew, pooled }),
  );
  staging.catch(() => undefined);
  let brought: Result<string[]> | undefined;
  try {
    brought = await stagePool(store, endpoint, [...pool.values()], await knownPool(channel, endpoint), looks);
  } finally {
    packagesAre(brought?.ok === true && !brought.value.length);
  }
  const results = await staging;
  if (!brought.ok) return brought;
  if (brought.value.length) return good({ suites: [], lost: brought.value });
  const faults: Diagnostic[] = results.flatMap((r) => (r.ok ? [] : r.diagnostics));
  if (faults.length) return bad(faults);
  return good({ suites: results.flatMap((r) => (r.ok ? [r.value] : [])), lost: [] });
}

/**
 * Digests of the head's packages if the endpoint serves this head. A repository that was emptied or restored from a
 * backup serves something else.
 */
async function knownPool(channel: OpenChannel, endpoint: Endpoint): Promise<Set<string>> {
  const known = new Set<string>();
  if (channel.file.switching || !channel.file.endpoints.includes(endpoint.id)) return known;
  const names = new Set(Object.keys(channel.head?.suites ?? {}).map((key) => key.slice(0, key.lastIndexOf('/'))));
  const served = await parallel([...names], endpoint.width, async (name) => {
    const seen = await endpoint.read(`dists/${name}/InRelease`);
    return readRelease(seen?.data ?? '').state;
  });
  if (served.some((state) => state !== channel.headId)) return known;
  for (const packages of Object.values(channel.head?.suites ?? {}))
    for (const { files, sources = [] } of Object.values(packages))
      for (const file of [...files, ...sources]) known.add(file.sha256);
  return known;
}
