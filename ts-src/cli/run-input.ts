import type { RunInput } from '../engine/session.ts';
import { archiveCheck } from './archive-check.ts';
import type { Planned } from './planning.ts';

/** The session input of a plan on this machine: no tests, trusted results. */
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
