import { bad, error, good, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { parallel } from '../io/process.ts';
import type { StoredFile } from '../model/result.ts';
import type { Store } from '../store/store.ts';
import { makeIndices } from './draft.ts';
import type { Endpoint } from './endpoint.ts';
import { readPackages } from './indices.ts';
import type { Signer } from './signing.ts';
import {
  indexFiles,
  stagePool,
  stageSuite,
  switchSuites,
  type Indexed,
  type Settings,
  type StagedSuite,
} from './staging.ts';
import {
  claimHead,
  contentOf,
  finishSwitch,
  highest,
  readState,
  writeState,
  type OpenChannel,
  type State,
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
  const same = channel.head && contentOf(channel.head.suites) === contentOf(draft.suites);
  if (channel.head && channel.headId && same) return bring(channel, channel.headId, channel.head, outlet, false);
  const made = await makeIndices(store, draft.suites, [channel.head, await fromState(store, draft)]);
  if (made.diagnostics.length) return bad(...made.diagnostics);
  if (made.lost.length) return good({ id: undefined, state: undefined, lost: made.lost, changed: false });
  const { lock, ...rest } = draft;
  const state: State = {
    schema: 1,
    channel: channel.name,
    previous: channel.headId,
    ...rest,
    indices: made.indices,
    versions: highest(channel.value.versions, draft.suites),
    lock: lock === undefined ? storedLock : await store.putText('lock.yaml', lock),
    when: outlet.now,
  };
  return bring(channel, await writeState(store, state), state, outlet, false);
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
  const { store, endpoints } = outlet;
  const indexed = await indexFiles(store, state);
  if (!indexed.ok) return indexed;
  const run = async (left: readonly Endpoint[]): Promise<Result<Moved>> => {
    const [first, ...rest] = left;
    if (!first) return publishAll();
    const done = await first.during('publication', () => run(rest));
    return done ?? moved(channel.name);
  };
  const publishAll = async (): Promise<Result<Moved>> => {
    const staged: { endpoint: Endpoint; suites: StagedSuite[] }[] = [];
    for (const endpoint of endpoints) {
      const at = await stageAt(endpoint, channel, id, state, indexed.value, outlet, renew);
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
    for (const { endpoint, suites } of staged) {
      const switched = await switchSuites(endpoint, suites);
      if (!switched.ok) return switched;
      await endpoint.switched?.(switched.value);
    }
    await finishSwitch(store, claimed);
    return good({ id, state, lost: [], changed });
  };
  return run(endpoints);
}

const moved = (name: string): Result<never> =>
  bad(
    error('channel-moved', `another run published to the channel '${name}' since this one was planned`, {
      hint: 'run the same command again: it goes on from what was published',
    }),
  );

async function stageAt(
  endpoint: Endpoint,
  channel: OpenChannel,
  id: string,
  state: State,
  indexed: Indexed,
  outlet: Outlet,
  renew: boolean,
): Promise<Result<{ suites: StagedSuite[]; lost: string[] }>> {
  const { store, signer } = outlet;
  // The public key comes first: what is signed can be checked from its first moment.
  const key = Buffer.from(signer.publicKey);
  if (!(await endpoint.read('key.asc'))?.data.equals(key)) await endpoint.put('key.asc', key);
  const pooled = await stagePool(store, endpoint, indexed.pool, await knownPool(store, channel, endpoint));
  if (!pooled.ok) return pooled;
  if (pooled.value.length) return good({ suites: [], lost: pooled.value });
  const results = await parallel(indexed.suites, endpoint.width, (suite) =>
    stageSuite({ endpoint, signer, state, id, suite, settings: outlet.settings, now: outlet.now, renew }),
  );
  const faults: Diagnostic[] = results.flatMap((r) => (r.ok ? [] : r.diagnostics));
  if (faults.length) return bad(...faults);
  return good({ suites: results.flatMap((r) => (r.ok ? [r.value] : [])), lost: [] });
}

/** Pool files that the channel's head has, by path: they are at its endpoints unless it was never brought there. */
async function knownPool(store: Store, channel: OpenChannel, endpoint: Endpoint): Promise<Map<string, string>> {
  const known = new Map<string, string>();
  if (channel.file.switching || !channel.file.endpoints.includes(endpoint.id)) return known;
  for (const index of Object.values(channel.head?.indices ?? {}))
    for (const entry of readPackages((await store.readText(index)) ?? '')) known.set(entry.filename, entry.sha256);
  return known;
}
