import { makeFolder } from '../io/files.ts';
import { documentedOn } from '../engine/docs/targets.ts';
import { openSession, type Limits, type Session } from '../engine/session.ts';
import { gather, nothingHappened } from '../farm/gather.ts';
import { isError } from '../model/diagnostics.ts';
import type { Distro } from '../model/distro.ts';
import { missingTools } from '../sandbox/doctor.ts';
import { openScratch } from '../sandbox/scratch.ts';
import { openStore } from '../store/open-store.ts';
import { runInputOf } from './run-input.ts';
import { pinSources } from './pin-sources.ts';
import { showDiagnostics, writeMessage, writeNote } from './command.ts';
import type { DocsValues } from './docs-options.ts';
import { loadNamed, openLoaded } from './farm/work.ts';
import { readAndPlan } from './planning.ts';
import { driverOf } from './run-options.ts';

/** The source of documentation: a fresh plan, or a prepared run. */
export interface OpenDocs {
  session: Session;
  distro: Distro;
  /** Base folder of relative paths. */
  root: string;
  /** The distro repository has errors; the command fails. */
  faulty: boolean;
  /** On a farm: faults of documentation fail the run. */
  strict?: boolean;
  /** Collects what other machines made; logs of failed tasks go to this folder. Undefined: the tasks run here. */
  gather?: (output: string) => Promise<void>;
}

/** Opens the session of a docs command. Returns undefined after printing diagnostics. */
export async function openDocs(
  values: DocsValues,
  packages: string[],
  limits: Limits,
  signal: AbortSignal,
): Promise<OpenDocs | undefined> {
  if (values.run !== undefined) return prepared(values, limits, signal);
  const read = await readAndPlan(values, packages, { docs: true });
  showDiagnostics(read.diagnostics);
  if (!read.ok) return undefined;
  const { workspace, plan, diagnostics } = read.value;
  showDiagnostics(await pinSources(workspace, plan));
  const input = runInputOf(read.value);
  const driver = driverOf(values);
  const lacking = await missingTools(driver.name, input.plan);
  showDiagnostics(lacking);
  if (lacking.length) return undefined;
  makeFolder(input.state);
  await openScratch(input.state, driver);
  const session = await openSession(
    { ...input, documented: documentedOn(input.distro, input.plan) },
    {
      say: (line) => writeNote(`${line}\n`),
      driver,
      limits,
      renewBase: false,
      sharesBases: false,
      signal,
      channelVersion: () => undefined,
      store: await openStore(values.store ?? workspace.distro.store, workspace.root, workspace.state, undefined),
    },
  );
  showDiagnostics(session.diagnostics);
  if (!('graphs' in session)) return undefined;
  return { session, distro: input.distro, root: workspace.root, faulty: diagnostics.some(isError) };
}

/**
 * Opens a prepared run. Documentation that the run's agents made is collected; otherwise it is made here from the
 * builds in the store.
 */
async function prepared(values: DocsValues, limits: Limits, signal: AbortSignal): Promise<OpenDocs | undefined> {
  const loaded = await loadNamed('docs', values);
  if (!loaded) return undefined;
  const { bundle, input } = loaded;
  if (values.publish !== undefined && bundle.untrusted !== undefined) {
    writeMessage(`slipway docs: the run ${bundle.id} is not trusted: its documentation is not published\n`);
    return undefined;
  }
  const gathered = bundle.documentation !== 'none';
  const documented = documentedOn(bundle.distro, bundle.plan);
  const own = { ...loaded, input: gathered ? input : { ...input, tested: () => false, documented } };
  const session = await openLoaded(own, values, { limits, signal }, gathered ? 'report' : 'work');
  if (!session) return undefined;
  const opened = { session, distro: bundle.distro, root: process.cwd(), faulty: false };
  if (!gathered) return opened;
  const strict = bundle.documentation === 'strict';
  return { ...opened, strict, gather: (output) => gather(session, loaded, output, nothingHappened) };
}
