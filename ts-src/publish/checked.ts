import { bad, error, type Result } from '../model/diagnostics.ts';
import type { StoredFile } from '../model/result.ts';
import { moveChannel, type Draft, type Moved, type Outlet } from './publication.ts';
import { checkServed } from './served-check.ts';
import { openChannel, shortId, type OpenChannel } from './state.ts';

/** Moves a channel, then tests the served repository with apt. If that fails, restores the previous state and fails. */
export async function moveChecked(
  channel: OpenChannel,
  draft: Draft,
  outlet: Outlet,
  storedLock?: StoredFile,
): Promise<Result<Moved>> {
  const moved = await moveChannel(channel, draft, outlet, storedLock);
  if (!moved.ok || !moved.value.changed || !moved.value.state) return moved;
  for (const endpoint of outlet.endpoints.filter((e) => e.served)) {
    const checked = await checkServed(endpoint, moved.value.state, channel.head?.suites ?? {}, outlet.signer.publicKey);
    if (checked.ok) continue;
    if (!channel.head || !channel.headId) return checked;
    const back = await moveChannel(
      await openChannel(outlet.store, channel.name),
      {
        kind: 'rollback',
        from: { channel: channel.name, state: channel.headId },
        suites: channel.head.suites,
        tests: channel.head.tests,
        stamp: channel.head.stamp,
        who: draft.who,
        verdicts: [],
      },
      outlet,
      channel.head.lock,
    );
    if (back.ok) return checked;
    return bad(
      ...checked.diagnostics,
      error('served-wrong', `the channel '${channel.name}' could not go back to ${shortId(channel.headId)}`),
      ...back.diagnostics,
    );
  }
  return moved;
}
