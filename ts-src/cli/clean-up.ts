import { collect, type Collected } from '../collect/collect.ts';
import { environmentFault } from '../io/faults.ts';
import { defaultStateDays, type Distro } from '../model/distro.ts';
import { sizeOf, sizeText } from '../model/sizes.ts';
import { FolderEndpoint } from '../publish/folder-endpoint.ts';
import { retireStates } from '../publish/retention.ts';
import { keepOf } from '../publish/rules.ts';
import { openChannel } from '../publish/state.ts';
import type { Driver } from '../sandbox/driver.ts';
import { isOwnStore, openStore } from '../store/open-store.ts';
import { writeMessage } from './command.ts';

/** Default size limit of the state, in bytes; distro.yaml and the environment override it. */
const defaultSize = 40 * 2 ** 30;

/** Default number of states that the repository of an output folder keeps. */
const folderStates = 10;

export interface StateRules {
  size: number;
  days: number;
}

/**
 * Limits of this machine's state. The environment overrides distro.yaml, which applies to all machines. `untrusted`:
 * the distro.yaml of an untrusted run may keep more than others, not remove what others keep.
 */
export function stateRules(
  distro: Pick<Distro, 'state'>,
  untrusted = false,
  env: NodeJS.ProcessEnv = process.env,
): StateRules {
  const named = distro.state;
  const size = Math.max(named.size ?? defaultSize, untrusted ? defaultSize : 0);
  const days = Math.max(named.days, untrusted ? defaultStateDays : 0);
  const written = env.SLIPWAY_STATE_SIZE;
  if (written === undefined || written === '') return { size, days };
  const own = sizeOf(written);
  if (own === undefined) writeMessage(`SLIPWAY_STATE_SIZE is no size such as 20G: ${sizeText(size)} counts\n`);
  return { size: own ?? size, days };
}

export interface CleanUp {
  distro: Distro;
  /** Whether that is of an untrusted run. */
  untrusted?: boolean;
  /** Folder of distro.yaml. Without it the store is not cleaned up. */
  root?: string;
  state: string;
  driver: Driver;
}

/** Cleans up at the end of a run: removes what expired, then what exceeds the size limit. A failure only warns. */
export async function cleanUp({ distro, untrusted, root, state, driver }: CleanUp): Promise<void> {
  await cautiously(state, async () => {
    const own = root !== undefined && isOwnStore(distro.store, root, state);
    const store = own ? await openStore(distro.store, root, state, undefined) : undefined;
    const done = await collect({
      state,
      driver,
      ...(store ? { store: { store, own } } : {}),
      ...stateRules(distro, untrusted),
      now: Date.now(),
    });
    const bytes = done.removed.reduce((sum, { bytes: n }) => sum + n, 0);
    if (bytes >= 1 << 20) writeMessage(`cleaned up ${state}: ${describe(done.removed)}\n`);
  });
}

/** Summary for people: `3 layers (1.2 GiB), 20 unpacked packages (300 MiB)`. */
export const describe = (counts: Collected['removed']): string =>
  counts.map(({ kind, things, bytes }) => `${things} ${kind} (${sizeText(bytes)})`).join(', ');

/** Removes old states from the repository of an output folder, by the rules of `publish`. */
export async function retireFolderStates(
  { distro, root, state }: Required<Omit<CleanUp, 'driver' | 'untrusted'>>,
  channel: string,
  folder: string,
): Promise<void> {
  await cautiously(state, async () => {
    const store = await openStore(distro.store, root, state, undefined);
    const opened = await openChannel(store, channel);
    const rules = { keep: keepOf(distro, channel) ?? folderStates, graceDays: distro.publish.grace_days };
    await retireStates(store, opened, [new FolderEndpoint(folder)], rules, Date.now());
  });
}

async function cautiously(state: string, work: () => Promise<void>): Promise<void> {
  try {
    await work();
  } catch (e) {
    const words = environmentFault(e);
    if (words === undefined) throw e;
    writeMessage(`note: the clean-up of ${state} was given up: ${words}\n`);
  }
}
