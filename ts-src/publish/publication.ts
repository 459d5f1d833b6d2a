import { bad, error, good, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { parallel } from '../io/process.ts';
import type { StoredFile } from '../model/result.ts';
import type { Store } from '../store/store.ts';
import { indicesOf, makeIndices } from './draft.ts';
import type { Endpoint } from './endpoint.ts';
import { withKeyring, withoutKeyring } from './keyring.ts';
import { heldData, type HeldData, type PackageIndex } from './package-index.ts';
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
import {
  claimHead,
  finishSwitch,
  otherVersions,
  readState,
  sameSuites,
  orderedSuites,
  stateText,
  type OpenChannel,
  type State,
  type Suites,
} from './state.ts';

/** Where a channel is served, and how it is signed. */
export interface Outlet {
  store: Store;
  endpoints: readonly Endpoint[];
  signer: Signer;
  settings: Settings;
  now: number;
}

/** What a new state is made of. */
export type Draft = Pick<
  State,
  'kind' | 'from' | 'suites' | 'tests' | 'stamp' | 'who' | 'run' | 'verdicts' | 'forced'
> & {
  /** Text of the lock of its sources. */
  lock?: string | undefined;
};

export interface Moved {
  id: string | undefined;
  state: State | undefined;
  /** Digests of packages that the store lost: then nothing was published. */
  lost: string[];
  /** Clients see something else than before. */
  changed: boolean;
}

/**
 * Makes a state of a draft and moves the channel to it. Nothing that clients see changes before all of it is staged at
 * every endpoint. Where the channel holds the same already, only what is missing at an endpoint is brought there: so a
 * run that was killed is finished by the next one.
 */
export async function moveChannel(
  channel: OpenChannel,
  draft: Draft,
  outlet: Outlet,
  storedLock?: StoredFile,
): Promise<Result<Moved>> {
  const { store } = outlet;
  const { head, headId } = channel;
  const wanted = await suitesWithKey(channel, draft.suites, outlet);
  if (head && headId && sameSuites(head.suites, wanted)) return bring(channel, headId, head, outlet, false);
  const made = await makeIndices(store, wanted, [head, await fromState(store, draft)]);
  if (!made.ok) return made;
  if (made.value.lost.length) return good({ id: undefined, state: undefined, lost: made.value.lost, changed: false });
  const { lock, ...rest } = draft;
  // Indices are compressed meanwhile.
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
    indices: Object.fromEntries(indices.map((index) => [index.key, index.plain.file])),
    packed: Object.fromEntries(indices.map((index) => [index.key, index.packed.map((p) => p.file)])),
    versions,
    lock: written?.file ?? storedLock,
    when: outlet.now,
  };
  const { id, ...text } = stateText(state);
  const objects = [...indices.flatMap((index) => [index.plain, ...index.packed]), ...(written ? [written] : [])];
  await store.putObjects(objects, text);
  return bringIndices(channel, { id, state, indices }, outlet, false);
}

/** The packages, with those that have the channel's own key where that is asked for. */
async function suitesWithKey(channel: OpenChannel, given: Suites, outlet: Outlet): Promise<Suites> {
  const suites = withoutKeyring(given);
  const { store, endpoints, signer, settings, now } = outlet;
  if (!settings.keyring) return suites;
  const uri = endpoints.find((e) => /^https?:/.test(e.uri))?.uri;
  const { organization } = settings;
  return withKeyring(suites, { store, channel, organization, publicKey: signer.publicKey, uri, now });
}

async function fromState(store: Store, draft: Draft): Promise<State | undefined> {
  return draft.from ? readState(store, draft.from.state) : undefined;
}

/** Brings a state to all endpoints of its channel, and makes it the head where it is not. `renew`: signs anew. */
export async function bring(
  channel: OpenChannel,
  id: string,
  state: State,
  outlet: Outlet,
  renew: boolean,
): Promise<Result<Moved>> {
  const indices = await indicesOf(outlet.store, state);
  return indices.ok ? bringIndices(channel, { id, state, indices: indices.value }, outlet, renew) : indices;
}

/**
 * Signs the suites of a channel's former states anew at all endpoints. Gives how many there are, and the ids of those
 * that can't be read any more.
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

/** Stages at every endpoint, lists the state as the channel's head, and switches. */
async function bringAll(
  channel: OpenChannel,
  { id, state, indices }: Brought,
  outlet: Outlet,
  renew: boolean,
): Promise<Result<Moved>> {
  const { store, endpoints } = outlet;
  const suites = suitesIn(indices);
  const staged: { endpoint: Endpoint; suites: StagedSuite[] }[] = [];
  for (const endpoint of endpoints) {
    const at = await stageAt({ endpoint, channel, id, state, suites, outlet, renew });
    if (!at.ok) return at;
    if (at.value.lost.length) return good({ id: undefined, state: undefined, lost: at.value.lost, changed: false });
    staged.push({ endpoint, suites: at.value.suites });
  }
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
  return good({ id, state, lost: [], changed });
}

const moved = (name: string): Result<never> =>
  bad(
    error('channel-moved', `another run published to the channel '${name}' since this one was planned`, {
      hint: 'run the same command again: it goes on from what was published',
    }),
  );

interface StageInput {
  endpoint: Endpoint;
  channel: OpenChannel;
  id: string;
  state: State;
  suites: SuiteFiles[];
  outlet: Outlet;
  renew: boolean;
}

async function stageAt(input: StageInput): Promise<Result<{ suites: StagedSuite[]; lost: string[] }>> {
  const { endpoint, channel, id, state, suites, outlet, renew } = input;
  const { store, signer, settings, now } = outlet;
  // The public key comes first: what is signed can be checked from its first moment.
  const key = Buffer.from(signer.publicKey);
  if (!(await endpoint.read('key.asc'))?.data.equals(key)) await endpoint.put('key.asc', key);
  const pool = new Map(suites.flatMap((suite) => suite.pool.map((p) => [p.filename, p])));
  // gpg signs while packages are brought; nothing of a suite is written before all of them are there.
  let packagesAre: (there: boolean) => void = () => undefined;
  const pooled = new Promise<boolean>((resolve) => (packagesAre = resolve));
  const staging = parallel(suites, endpoint.width, (suite) =>
    stageSuite({ endpoint, signer, state, id, suite, settings, now, renew, pooled }),
  );
  staging.catch(() => undefined);
  let brought: Result<string[]> | undefined;
  try {
    brought = await stagePool(store, endpoint, [...pool.values()], knownPool(channel, endpoint));
  } finally {
    packagesAre(brought?.ok === true && !brought.value.length);
  }
  const results = await staging;
  if (!brought.ok) return brought;
  if (brought.value.length) return good({ suites: [], lost: brought.value });
  const faults: Diagnostic[] = results.flatMap((r) => (r.ok ? [] : r.diagnostics));
  if (faults.length) return bad(...faults);
  return good({ suites: results.flatMap((r) => (r.ok ? [r.value] : [])), lost: [] });
}

/** Packages of the channel's head, by digest: they are at its endpoints unless it was never brought there. */
function knownPool(channel: OpenChannel, endpoint: Endpoint): Set<string> {
  const known = new Set<string>();
  if (channel.file.switching || !channel.file.endpoints.includes(endpoint.id)) return known;
  for (const packages of Object.values(channel.head?.suites ?? {}))
    for (const held of Object.values(packages)) for (const file of held.files) known.add(file.sha256);
  return known;
}
