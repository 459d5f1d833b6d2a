import { mkdirSync } from 'node:fs';
import { documentedOn } from '../docs/targets.ts';
import { openSession, type Limits, type RunInput, type Session } from '../engine/session.ts';
import { loadRun } from '../farm/run-manifest.ts';
import { isError } from '../model/diagnostics.ts';
import type { Distro } from '../model/distro.ts';
import { heldIn } from '../publish/channel.ts';
import { missingTools } from '../sandbox/doctor.ts';
import { openScratch } from '../sandbox/scratch.ts';
import { openStore, type Store } from '../store/store.ts';
import { runInputOf } from './run-input.ts';
import { pinSources } from './pin-sources.ts';
import { showDiagnostics, writeMessage } from './command.ts';
import type { DocsValues } from './docs.ts';
import { farmState } from './farm/work.ts';
import { readAndPlan } from './planning.ts';
import { driverOf } from './run-options.ts';

/** What documentation is made of: a plan of this moment, or a run that was prepared. */
export interface OpenDocs {
  session: Session;
  distro: Distro;
  /** What relative paths begin at. */
  root: string;
  /** The distro repository has faults, which count. */
  faulty: boolean;
}

interface Source {
  input: RunInput;
  store: Store;
  root: string;
  faulty: boolean;
  sharesBases: boolean;
  channelVersion: Session['channelVersion'];
}

/** Undefined after the faults were told. */
export async function openDocs(
  values: DocsValues,
  packages: string[],
  limits: Limits,
  signal: AbortSignal,
): Promise<OpenDocs | undefined> {
  const source = values.run === undefined ? await planned(values, packages) : await prepared(values);
  if (!source) return undefined;
  const { input, store } = source;
  const driver = driverOf(values, input.state);
  const lacking = await missingTools(driver.name, input.plan);
  showDiagnostics(lacking);
  if (lacking.length) return undefined;
  mkdirSync(input.state, { recursive: true });
  await openScratch(input.state, driver);
  const session = await openSession(
    { ...input, tested: () => false, documented: documentedOn(input.distro, input.plan) },
    {
      say: (line) => writeMessage(`${line}\n`),
      driver,
      limits,
      renewBase: false,
      sharesBases: source.sharesBases,
      signal,
      channelVersion: source.channelVersion,
      store,
    },
  );
  showDiagnostics(session.diagnostics);
  if (!('graphs' in session)) return undefined;
  return { session, distro: input.distro, root: source.root, faulty: source.faulty };
}

async function planned(values: DocsValues, packages: string[]): Promise<Source | undefined> {
  const read = await readAndPlan(values, packages);
  showDiagnostics(read.diagnostics);
  if (!read.ok) return undefined;
  const { workspace, plan, diagnostics } = read.value;
  showDiagnostics(await pinSources(workspace, plan));
  return {
    input: runInputOf(read.value),
    store: await openStore(values.store ?? workspace.distro.store, workspace.root, workspace.state, undefined),
    root: workspace.root,
    faulty: diagnostics.some(isError),
    sharesBases: false,
    channelVersion: () => undefined,
  };
}

async function prepared(values: DocsValues): Promise<Source | undefined> {
  if (values.store === undefined || values.run === undefined) {
    writeMessage('slipway docs: --run needs --store\n');
    return undefined;
  }
  const loaded = await loadRun(
    values.run,
    values.store,
    process.cwd(),
    farmState(values),
    values.namespace || undefined,
  );
  showDiagnostics(loaded.diagnostics);
  if (!loaded.ok) return undefined;
  const { input, store, bundle } = loaded.value;
  return {
    input,
    store,
    root: process.cwd(),
    faulty: false,
    sharesBases: true,
    channelVersion: heldIn(bundle.channel.held),
  };
}
