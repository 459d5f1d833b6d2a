import { join } from 'node:path';
import { makeFolder } from '../io/files.ts';
import { bad, error, good, warning, type Result } from '../model/diagnostics.ts';
import type { ChannelRules } from '../model/channels.ts';
import { stampOf } from '../model/names.ts';
import type { Store } from '../store/store.ts';
import { judge } from './criteria.ts';
import { withoutKeyring } from './keyring.ts';
import { entriesOf } from './package-index.ts';
import { isFolderChannel } from './channel.ts';
import { moveChecked } from './checked.ts';
import type { Draft, Moved, Outlet } from './publication.ts';
import { raiseVersions, sameFiles } from './raise.ts';
import { readState, shortId, type OpenChannel, type State } from './state.ts';
import type { Verdict } from '../model/channel-answers.ts';
import { ownIn } from '../model/maps.ts';
import type { Suites } from './suites.ts';

/** What gives a channel its first state. */
export const emptyChannelHint = (channel: string): string =>
  isFolderChannel(channel)
    ? 'it is the channel of the output folder: `slipway build` gives it its first state'
    : '`slipway channel` lists the channels that have one; a channel gets its first ' +
      'state from a run of the farm or from `slipway promote` (docs/channels.md)';

/** Finds a state of a channel by its id or a prefix of it; the head if none is given. */
export async function stateOf(
  store: Store,
  channel: OpenChannel,
  id: string | undefined,
): Promise<Result<{ id: string; state: State }>> {
  if (id === undefined) {
    if (channel.head && channel.headId) return good({ id: channel.headId, state: channel.head });
    return bad(
      error('channel-empty', `the channel '${channel.name}' has no state`, {
        hint: emptyChannelHint(channel.name),
      }),
    );
  }
  const [only, ...others] = channel.file.states.filter((s) => s.id.startsWith(id));
  if (/^[0-9a-f]{6,64}$/.test(id) && only && !others.length) {
    const state = await readState(store, only.id);
    if (state) return good({ id: only.id, state });
    return bad(error('state-lost', `the store lost the state ${shortId(only.id)}, or it was damaged`));
  }
  return bad(
    error('state-unknown', `the channel '${channel.name}' has ${others.length ? 'several states' : 'no state'} ${id}`, {
      hint: `\`slipway channel ${channel.name}\` lists its states`,
    }),
  );
}

/** Control stanzas of a state's packages, from its indices. */
export async function stanzasOf(store: Store, state: State): Promise<Record<string, string[]>> {
  const all: Record<string, string[]> = {};
  for (const [suite, index] of Object.entries(state.indices))
    all[suite] = (await entriesOf(store, index)).map((e) => e.text);
  return all;
}

export interface Judged {
  verdicts: Verdict[];
  /** All criteria passed. */
  passed: boolean;
}

/** Number of former states that are searched for a failing test. */
const lookedBack = 20;

/** States of a channel before a given one, as far as needed to judge failing tests; empty without failures. */
async function historyOf(store: Store, from: OpenChannel, id: string, state: State): Promise<State[]> {
  if (!Object.values(state.tests).some((tests) => Object.values(tests).includes('failed'))) return [];
  const at = from.file.states.findIndex((s) => s.id === id) + 1;
  const states = await store.many(from.file.states.slice(at, at + lookedBack), (s) => readState(store, s.id));
  return states.flatMap((s) => s ?? []);
}

export interface JudgeInput {
  from: OpenChannel;
  /** Id of the state of `from` to promote. */
  id: string;
  state: State;
  to: OpenChannel;
  rules: ChannelRules;
  now: number;
  approvedBy: string | undefined;
  /** Packages in the platforms' archives, by suite with architecture, if the rules use them. */
  archives: Record<string, string[] | undefined> | undefined;
}

/** All verdicts on a promotion. */
export async function judgePromotion(store: Store, input: JudgeInput): Promise<Judged> {
  const { from, id, state, to, rules, now, approvedBy, archives } = input;
  const own = { ...state, suites: withoutKeyring(state.suites) };
  const target = to.head && { ...to.head, suites: withoutKeyring(to.head.suites) };
  const verdicts = judge(rules, {
    state: own,
    target,
    versions: to.value.versions,
    stanzas: await stanzasOf(store, state),
    targetStanzas: to.head ? await stanzasOf(store, to.head) : {},
    now,
    approvedBy,
    history: rules.tests ? await historyOf(store, from, id, state) : [],
    ...(archives ? { archives } : {}),
  });
  return { verdicts, passed: verdicts.every((v) => v.passed) };
}

export interface Promotion {
  from: { channel: string; state: string };
  state: State;
  to: OpenChannel;
  verdicts: Verdict[];
  forced: string | undefined;
  who: string;
}

/** Moves a channel to a state of another channel, with the same bytes. */
export async function promoteState(promotion: Promotion, outlet: Outlet): Promise<Result<Moved>> {
  const { state, to } = promotion;
  const draft: Draft = {
    kind: 'promotion',
    from: promotion.from,
    suites: { ...(to.head?.suites ?? to.former), ...state.suites },
    tests: { ...to.head?.tests, ...state.tests },
    stamp: state.stamp,
    who: promotion.who,
    verdicts: promotion.verdicts,
    ...(promotion.forced === undefined ? {} : { forced: promotion.forced }),
  };
  const moved = await moveChecked(to, draft, outlet, state.lock);
  if (!moved.ok || outlet.settings.sources !== true || state.sources) return moved;
  return good(moved.value, [
    ...moved.diagnostics,
    warning(
      'source-missing',
      `the state of '${promotion.from.channel}' has no sources, and '${to.name}' has none of it`,
      {
        hint: `publish to '${promotion.from.channel}' again, and promote what that gives`,
      },
    ),
  ]);
}

export interface RollbackInput {
  channel: OpenChannel;
  id: string;
  state: State;
  /** Restore the original bytes and versions. */
  pointer: boolean;
  /** This machine's state folder. */
  folder: string;
  who: string;
}

export interface RolledBack {
  moved: Moved;
  /** Number of packages served under a new version. */
  raised: number;
  /** Number of packages that upgraded robots keep, since apt does not downgrade. */
  kept: number;
  /** Number of packages that the channel no longer has. */
  gone: number;
}

/**
 * Rolls a channel back to one of its states. By default, changed packages are repacked under versions above all that
 * the channel had, so that an upgrade brings robots back. `pointer`: restores the original bytes.
 */
export async function rollBack(input: RollbackInput, outlet: Outlet): Promise<Result<RolledBack>> {
  const { channel, state, pointer } = input;
  const before = withoutKeyring(channel.head?.suites ?? {});
  const stamp = stampOf(outlet.now);
  let suites: Suites = withoutKeyring(state.suites);
  let raised = 0;
  if (!pointer) {
    const scratch = join(input.folder, 'incoming');
    makeFolder(scratch);
    const made = await raiseVersions({
      store: outlet.store,
      scratch,
      suites,
      now: before,
      versions: channel.value.versions,
      stamp,
    });
    if (made.lost.length)
      return bad(
        error('state-lost', `the store lost ${made.lost.length} packages of the state ${shortId(input.id)}`, {
          hint: 'choose another state',
        }),
      );
    suites = made.suites;
    raised = made.raised.length;
  }
  const count = (of: (suite: string, debian: string) => boolean) =>
    Object.entries(before).reduce((n, [s, packages]) => n + Object.keys(packages).filter((d) => of(s, d)).length, 0);
  const differs = (s: string, d: string): boolean => {
    const [now, then] = [ownIn(before[s], d), ownIn(state.suites[s], d)];
    return now !== undefined && then !== undefined && !sameFiles(now, then);
  };
  const kept = pointer ? count(differs) : 0;
  const gone = count((s, d) => ownIn(suites[s], d) === undefined);
  const draft: Draft = {
    kind: 'rollback',
    from: { channel: channel.name, state: input.id },
    suites,
    tests: state.tests,
    stamp: pointer ? state.stamp : stamp,
    who: input.who,
    verdicts: [],
  };
  const moved = await moveChecked(channel, draft, outlet, state.lock);
  return moved.ok ? good({ moved: moved.value, raised, kept, gone }) : moved;
}
