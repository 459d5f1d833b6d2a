import { join, resolve } from 'node:path';
import { isError, sorted, type Diagnostic } from '../../model/diagnostics.ts';
import { makeFolder } from '../../io/files.ts';
import { writeNamed } from '../../io/named-file.ts';
import { runPolicyOf, type RunPolicy } from '../../plan/branch-policy.ts';
import { useGitCredentials } from '../../read/git/credentials.ts';
import type { Workspace } from '../../read/workspace.ts';
import { missingTools } from '../../sandbox/doctor.ts';
import { isStoreUri, openStore } from '../../store/open-store.ts';
import type { Store } from '../../store/store.ts';
import { closeScratch, openScratch } from '../../sandbox/scratch.ts';
import { archiveCheck } from '../archive-check.ts';
import { isPartial } from '../planned-names.ts';
import { pinSources } from '../pin-sources.ts';
import { heldIn, openChannel, type OpenChannel } from '../../publish/channel.ts';
import { writeMessage, writeNote, exit, writeOutput, showDiagnostics, defineCommand } from '../command.ts';
import type { Driver } from '../../sandbox/driver.ts';
import type { Distro } from '../../model/distro.ts';
import { openSession, ownArchitecture, shareResolved, type Limits, type RunInput } from '../../engine/session.ts';
import { driverOf, limitsOf } from '../run-options.ts';
import { renderOutlook } from '../../render/summary.ts';
import { withDistro } from './distro-url.ts';
import { prepareArchitecture } from './prepare-architecture.ts';
import { documentationOf, isChange, prepareOptions, type PrepareValues } from './prepare-options.ts';
import { withLock } from './run-lock.ts';
import { planOf, trustedWorkspace, type RunPlan } from './run-plan.ts';
import { farmState } from './work.ts';
import {
  newRunId,
  noteRun,
  changeNamespace,
  saveRunManifest,
  saveShard,
  documentedIn,
  testedIn,
  type RunManifest,
} from '../../farm/run-manifest.ts';
import { distributionsOf } from '../../farm/run-distributions.ts';
import { filesOf, runFolder, writeFiles } from '../../farm/run-files.ts';
import { publishingFaults } from '../../farm/publishing.ts';
import { mirrorSystems } from '../../engine/system-packages.ts';
import { keepSources, makeShard, scheduleOf } from '../../farm/shard.ts';

export const prepare = defineCommand({
  summary: 'plan a run for several machines, and write its schedule',
  usage: 'prepare [PACKAGE|GLOB ...]',
  examples: ['slipway prepare --store s3://bucket/farm --output schedule.txt'],
  details: `Pins every repository to a commit, finds what the store already has, puts sources and base systems into the store, and
writes the schedule: numbered tasks, the most urgent first, with their dependencies. \`slipway work\` runs the tasks on
any machine that shares the store. \`slipway publish\` and \`slipway report\` end the run. With --run, a machine of another
architecture adds its tasks. Jenkins' steps call these commands. Other CI servers can call them too.`,
  options: prepareOptions,
  run: runPrepare,
});

async function runPrepare(given: PrepareValues, packages: string[]): Promise<number> {
  if (given.run !== undefined) return prepareArchitecture(given);
  const limits = limitsOf('prepare', given);
  if (!limits) return exit.usage;
  if (given.downstream !== undefined && !['none', 'direct', 'all'].includes(given.downstream)) {
    writeMessage('slipway prepare: --downstream is none, direct or all\n');
    return exit.usage;
  }
  useGitCredentials(process.env);
  const found = await withDistro<PrepareValues>({ ...given, state: farmState(given) });
  if (!found.ok) {
    showDiagnostics(found.diagnostics);
    return exit.failed;
  }
  const values = found.value;
  const workspace = await trustedWorkspace(values);
  showDiagnostics(workspace.diagnostics);
  if (!workspace.ok) return exit.failed;
  if (!isStoreUri(values.store ?? workspace.value.distro.store)) {
    writeMessage('slipway prepare: --store is file:PATH or s3://BUCKET/PREFIX\n');
    return exit.usage;
  }
  const run = await readRun(values, packages, workspace.value);
  if (!run) return exit.failed;
  const { planned } = run.read;
  showDiagnostics(await pinSources(planned.workspace, planned.plan));

  const { state } = workspace.value;
  const driver = driverOf(values);
  const tools = await missingTools(driver.name, planned.plan);
  if (tools.length) {
    showDiagnostics(tools);
    return exit.failed;
  }
  makeFolder(state);
  await openScratch(state, driver);
  try {
    return await prepareRun(run, driver, limits);
  } finally {
    await closeScratch(driver);
  }
}

/** A run to be prepared: its subject, what it builds, and where the results go. */
interface Run {
  values: PrepareValues;
  workspace: Workspace;
  policy: RunPolicy;
  /** A change's namespace in the store. */
  namespace: string | undefined;
  store: Store;
  read: RunPlan;
  files: RunManifest['files'];
  /** Faults of the distro repository, and notes about the run. */
  diagnostics: Diagnostic[];
}

/** Reads a run's inputs and plans it. Prints diagnostics and returns undefined if there is no plan. */
async function readRun(values: PrepareValues, packages: string[], workspace: Workspace): Promise<Run | undefined> {
  const { distro, state, root } = workspace;
  const policy = policyOf(values, distro);
  const unpublished = values.publish === true ? publishingFaultsOf(values, distro, policy) : [];
  if (unpublished.length) return refused(unpublished);
  // What a change builds is untrusted, so it gets its own namespace in the store.
  const namespace = policy.kind === 'request' ? namespaceOf(values) : undefined;
  const store = await openStore(values.store ?? distro.store, root, state, namespace);
  const readable = await withLock(values, store, policy, root, state);
  if ('code' in readable) return refused([readable]);
  const read = await planOf(readable.values, packages, workspace);
  if ('diagnostics' in read) return refused(sorted(read.diagnostics));
  const { files, diagnostics: lacking } = filesOf(distro, root, workspace.keyRoot);
  const diagnostics = sorted([...read.planned.diagnostics, ...readable.notes, ...lacking]);
  showDiagnostics(diagnostics);
  const strict = policy.strict && diagnostics.some(isError);
  if (strict) writeMessage('this track is strict: nothing is built while the distro repository has faults\n');
  if (strict || lacking.length) return undefined;
  if (read.difference !== undefined) writeMessage(`\nwhat this changes:\n${read.difference}\n`);
  return { values, workspace, policy, namespace, store, read, files, diagnostics };
}

const namespaceOf = ({ request, title, change }: PrepareValues): string =>
  request ? changeNamespace('request', request) : changeNamespace('job', title || change || 'change');

function refused(diagnostics: readonly Diagnostic[]): undefined {
  showDiagnostics(diagnostics);
}

/** The run's policy: its kind, and the channel that it publishes to. */
function policyOf(values: PrepareValues, distro: Distro): RunPolicy {
  if (isChange(values)) return { kind: 'request', channel: undefined, locked: false, strict: false, keep: undefined };
  const text = (name: 'branch' | 'tag' | 'request') => values[name] || undefined;
  const policy = runPolicyOf(
    distro,
    { branch: text('branch'), tag: text('tag'), request: text('request') },
    values.primary === true ? true : undefined,
  );
  if (values.channel && policy.kind !== 'request') policy.channel = values.channel;
  return policy;
}

const publishingFaultsOf = (values: PrepareValues, distro: Distro, { channel }: RunPolicy): Diagnostic[] =>
  publishingFaults({
    channel,
    places: distro.publish.to,
    output: values['publish-to'] || undefined,
    signed: values.signed === true,
    signingKey: distro.signing_key,
    sites: documentationOf(values, distro) === 'none' ? undefined : distro.docs.to,
  });

/** Stores the run, makes the shard of this machine and writes the schedule. */
async function prepareRun(run: Run, driver: Driver, limits: Limits): Promise<number> {
  const { values, workspace, policy, store } = run;
  const { planned } = run.read;
  const { distro, state, root } = workspace;
  const own = ownArchitecture() ?? '';
  const channel = await openChannel(store, policy.channel ?? 'none');
  const bundle = await manifestOf(run, channel);
  await saveRunManifest(store, bundle);
  if (bundle.lostBefore) writeMessage(`${bundle.lostBefore}\n`);
  const tested = testedIn(bundle);
  const input: RunInput = {
    plan: planned.plan,
    distro,
    distroRoot: writeFiles(bundle.files, join(runFolder(state, bundle.id, run.namespace), 'distro')),
    state,
    distributions: planned.distributions,
    lock: planned.lock,
    untrusted: run.namespace,
    tested: (p) => tested.has(p),
    ...documentedIn(bundle),
    bases: {},
    checkArchive: archiveCheck(planned),
  };
  const session = await openSession(input, {
    say: (line) => writeNote(`${line}\n`),
    driver,
    limits,
    renewBase: values['renew-base'] === true,
    sharesBases: true,
    signal: new AbortController().signal,
    channelVersion: heldIn(channel.value.versions),
    store,
  });
  showDiagnostics(session.diagnostics);
  if (!('graphs' in session)) return exit.failed;
  const { part, outlook } = await makeShard(session, own, 0, values.retest === true, new AbortController().signal);
  // Machines of other architectures find out themselves what they build, but only this machine has the secrets of
  // sources. A publishing run makes source packages of cached packages too, so it needs their sources.
  const publishesSources = distro.publish.sources && policy.channel !== undefined && run.namespace === undefined;
  await keepSources(
    session,
    planned.plan.scopes.flatMap((s) =>
      publishesSources || s.targets.some((t) => t.architecture !== own) ? s.packages.filter((p) => !p.blocked) : [],
    ),
  );
  await saveShard(store, bundle.id, part);
  await shareResolved(session);
  if (distro.mirror === 'state') showDiagnostics(await mirrorSystems(session.graphs));
  const schedule = scheduleOf(session, bundle.id, part, outlook, distro.tests.stop_dependents);
  writeMessage(
    `run ${bundle.id}${policy.channel === undefined ? '' : ` for the channel ${policy.channel}`}: ${renderOutlook(outlook)}\n`,
  );
  for (const w of session.waiting) writeMessage(`${w}\n`);
  // Machines of other architectures make their own shards.
  const others = bundle.architectures.filter((a) => a !== own);
  const header = headerOf(bundle, absoluteStore(values.store ?? distro.store, root), others);
  if (values.output) writeNamed(resolve(values.output), header + schedule);
  else writeOutput(header + schedule);
  return exit.ok;
}

/** Builds the manifest that agents read. Notes in the store that the run began. */
async function manifestOf(run: Run, channel: OpenChannel): Promise<RunManifest> {
  const { values, policy, store, namespace } = run;
  const { planned, subject, users } = run.read;
  const { plan } = planned;
  const { distro } = run.workspace;
  const testable = (name: string, named: boolean) =>
    values['no-test'] !== true &&
    named &&
    (!subject || subject.own.includes(name) || subject.downstream.includes(name));
  const [id, title, begun] = [newRunId(plan.stamp), values.title || titleOf(values), Date.now()];
  return {
    schema: 2,
    id,
    plan,
    distro,
    files: run.files,
    distributions: distributionsOf(plan, distro, planned.distributions),
    lock: planned.lock,
    untrusted: namespace,
    tested: plan.scopes.map((s) => s.packages.filter((p) => testable(p.name, 'named' in p.why)).map((p) => p.name)),
    documentation: documentationOf(values, distro),
    partial: isPartial(planned) || isChange(values),
    faults: run.diagnostics.filter(isError).map((d) => d.message),
    pipeline: policy,
    title,
    lostBefore: await noteRun(store, { id, pipeline: policy, untrusted: namespace, title, begun }, buildUrl()),
    subject,
    users,
    channel: { name: channel.name, held: channel.value.versions },
    architectures: [...new Set(plan.scopes.flatMap((s) => s.targets.map((t) => t.architecture)))].sort(),
    begun,
  };
}

/** Head of a schedule: the run, and where it is stored. */
const headerOf = (
  { pipeline, untrusted }: Pick<RunManifest, 'pipeline' | 'untrusted'>,
  store: string,
  others: readonly string[],
): string =>
  [
    `kind ${pipeline.kind}`,
    `store ${store}`,
    `channel ${pipeline.channel ?? ''}`,
    `namespace ${untrusted ?? ''}`,
    `architectures ${others.join(' ')}`,
  ]
    .map((line) => `${line.trimEnd()}\n`)
    .join('');

/** URL of this run on Jenkins. */
function buildUrl(): string | undefined {
  const url = process.env.BUILD_URL;
  return url && /^https?:\/\/[\x21-\x7e]{1,500}$/.test(url) ? url : undefined;
}

/** Default title of a run. */
function titleOf({ request, target, tag, branch }: PrepareValues): string {
  if (request) return `pull request ${request}${target ? ` into ${target}` : ''}`;
  return tag || branch || 'run';
}

/** The store's address for other machines: a folder by its absolute path. */
const absoluteStore = (uri: string, root: string): string =>
  uri.startsWith('file:') && !uri.startsWith('file:/') ? `file:${resolve(root, uri.slice('file:'.length))}` : uri;
