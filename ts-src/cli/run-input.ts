import type { RunInput } from '../engine/session.ts';
import { archiveCheck } from './archive-check.ts';
import type { Planned } from './planning.ts';

/** What a session on this machine takes of a plan: nothing is tested, and what it makes is trusted. */
export const runInputOf = (planned: Planned): RunInput => ({
  plan: planned.plan,
  distro: planned.workspace.distro,
  distroRoot: planned.workspace.root,
  state: planned.workspace.state,
  distributions: planned.distributions,
  lock: planned.lock,
  bases: {},
  checkArchive: archiveCheck(planned),
  untrusted: undefined,
  tested: () => false,
});
