import { mkdirSync } from 'node:fs';
import { isAbsolute, join, resolve } from 'node:path';
import { bad, error, good, isError, sorted, warning, type Diagnostic, type Result } from '../../model/diagnostics.ts';
import { exists, readIf, writeWhole } from '../../io/files.ts';
import { usersOf } from '../../plan/closure.ts';
import { runPolicyOf, type RunPolicy } from '../../plan/branch-policy.ts';
import { checkout, fetchCommit, git, resolveRef } from '../../read/git/git.ts';
import { settleNames, useGitCredentials } from '../../read/git/credentials.ts';
import { readEntries } from '../../read/entries.ts';
import { isRefName } from '../../read/source-entry.ts';
import type { Workspace } from '../../read/workspace.ts';
import { renderComparison } from '../../render/compare.ts';
import { missingTools } from '../../sandbox/doctor.ts';
import { isStoreUri, openStore, type Store } from '../../store/store.ts';
import { closeScratch, openScratch } from '../../sandbox/scratch.ts';
import { archiveCheck } from '../archive-check.ts';
import { isPartial } from '../planned-names.ts';
import { pinSources } from '../pin-sources.ts';
import { heldIn, openChannel } from '../../publish/channel.ts';
import { writeMessage, exit, writeOutput, showDiagnostics, defineCommand } from '../command.ts';
import {
  changedIn,
  compareWith,
  type Inputs,
  openWorkspace,
  planInputs,
  type Planned,
  readValues,
  reporter,
} from '../planning.ts';
import { openSession, ownArchitecture, shareResolved, type RunInput } from '../../engine/session.ts';
import { driverOf, limitsOf } from '../run-options.ts';
import { prepareArchitecture } from './prepare-architecture.ts';
import { documentationOf, prepareOptions, type PrepareValues } from './prepare-options.ts';
import { farmState } from './work.ts';
import {
  distributionsOf,
  lockName,
  newRunId,
  noteRun,
  namespaceName,
  saveRunManifest,
  saveShard,
  documentedIn,
  testedIn,
  type RunManifest,
} from '../../farm/run-manifest.ts';
import { filesOf, writeFiles } from '../../farm/run-files.ts';
import { requestWorkspace } from '../../farm/request.ts';
import { downstreamOf, repositoryOf } from '../../farm/changed-repository.ts';
import { publishingFaults } from '../../farm/publishing.ts';
import { keepSources, makeShard, scheduleOf } from '../../farm/shard.ts';

export const prepare = defineCommand({
  summary: 'plan a run for many machines: into the store goes all that agents need, out comes a schedule',
  usage: 'prepare [PACKAGE|GLOB ...]',
  details: `Pins every repository, finds what the store has already, puts sources and base systems into the store, and writes the schedule:
numbered tasks, the most urgent first, each with what it waits for. \`slipway work\` does tasks of it on any machine that shares the
store, \`slipway publish\` and \`slipway report\` end the run. With --run
a machine of another architecture adds its tasks. Jenkins' steps call these; so can anything else that starts processes.`,
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
  const found = await withDistro({ ...given, state: farmState(given) });
  if (!found.ok) {
    showDiagnostics(found.diagnostics);
    return exit.failed;
  }
  const values = found.value;
  const workspace = await trustedWorkspace(values);
  showDiagnostics(workspace.diagnostics);
  if (!workspace.ok) return exit.failed;
  const { distro, state, root } = workspace.value;
  const storeUri = values.store ?? distro.store;
  if (!isStoreUri(storeUri)) {
    writeMessage('slipway prepare: --store is file:PATH or s3://BUCKET/PREFIX\n');
    return exit.usage;
  }
  const text = (name: TextOption) => values[name] || undefined;
  const isChange = text('change') !== undefined;
  const pipeline: RunPolicy = isChange
    ? { kind: 'request', channel: undefined, locked: false, strict: false, keep: undefined }
    : runPolicyOf(
        distro,
        { branch: text('branch'), tag: text('tag'), request: text('request') },
        values.primary === true ? true : undefined,
      );
  if (text('channel') !== undefined && pipeline.kind !== 'request') pipeline.channel = text('channel');
  if (values.publish === true) {
    const lacking = publishingFaults({
      channel: pipeline.channel,
      places: distro.publish.to,
      output: text('publish-to'),
      signed: values.signed === true,
      signingKey: distro.signing_key,
      sites: documentationOf(values, distro) === 'none' ? undefined : distro.docs.to,
    });
    if (lacking.length) {
      showDiagnostics(lacking);
      return exit.failed;
    }
  }
  // What a change makes is not trusted, whatever it is of: it lies in a place of its own.
  const place =
    pipeline.kind === 'request'
      ? namespaceName(text('request') ?? text('title') ?? text('change') ?? 'change')
      : undefined;
  const store = await openStore(storeUri, root, state, place);
  const readable = await withLock(values, store, pipeline, root, state, isChange);
  if ('code' in readable) {
    showDiagnostics([readable]);
    return exit.failed;
  }
  const read = await planOf(readable.values, packages, workspace.value);
  if ('diagnostics' in read) {
    showDiagnostics(sorted(read.diagnostics));
    return exit.failed;
  }
  const { planned, subject, difference, users } = read;
  const { files, diagnostics: lacking } = filesOf(distro, root, workspace.value.keyRoot);
  const all = sorted([...planned.diagnostics, ...readable.notes, ...lacking]);
  showDiagnostics(all);
  const strict = pipeline.strict && all.some(isError);
  if (strict) writeMessage('this track is strict: nothing is built while the distro repository has faults\n');
  if (strict || lacking.length) return exit.failed;
  if (difference !== undefined) writeMessage(`\nwhat this changes:\n${difference}\n`);
  showDiagnostics(await pinSources(planned.workspace, planned.plan));

  const driver = driverOf(values, state);
  const tools = await missingTools(driver.name, planned.plan);
  if (tools.length) {
    showDiagnostics(tools);
    return exit.failed;
  }
  mkdirSync(state, { recursive: true });
  await openScratch(state, driver);
  try {
    const own = ownArchitecture() ?? '';
    const architectures = [...new Set(planned.plan.scopes.flatMap((s) => s.targets.map((t) => t.architecture)))].sort();
    const channel = await openChannel(store, pipeline.channel ?? 'none');
    const testable = (name: string, named: boolean) =>
      values['no-test'] !== true &&
      named &&
      (!subject || subject.own.includes(name) || subject.downstream.includes(name));
    const [id, title, begun] = [newRunId(planned.plan.stamp), text('title') ?? titleOf(text), Date.now()];
    const bundle: RunManifest = {
      schema: 2,
      id,
      plan: planned.plan,
      distro,
      files,
      distributions: distributionsOf(planned.plan, distro, planned.distributions),
      lock: planned.lock,
      untrusted: place,
      tested: planned.plan.scopes.map((s) =>
        s.packages.filter((p) => testable(p.name, 'named' in p.why)).map((p) => p.name),
      ),
      documentation: documentationOf(values, distro),
      partial: isPartial(planned) || isChange,
      faults: all.filter(isError).map((d) => d.message),
      pipeline,
      title,
      lostBefore: await noteRun(store, { id, pipeline, untrusted: place, title, begun }, buildUrl()),
      subject,
      users,
      channel: { name: channel.name, held: channel.value.versions },
      architectures,
      begun,
    };
    await saveRunManifest(store, bundle);
    if (bundle.lostBefore) writeMessage(`${bundle.lostBefore}\n`);
    const tested = testedIn(bundle);
    const input: RunInput = {
      plan: planned.plan,
      distro,
      distroRoot: writeFiles(bundle, state),
      state,
      distributions: planned.distributions,
      lock: planned.lock,
      untrusted: place,
      tested: (p) => tested.has(p),
      ...documentedIn(bundle),
      bases: {},
      checkArchive: archiveCheck(planned),
    };
    const session = await openSession(input, {
      say: (line) => writeMessage(`${line}\n`),
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
    // What machines of other architectures may have to build they find out themselves, but this one alone is given the
    // secrets of sources.
    await keepSources(
      session,
      planned.plan.scopes.flatMap((s) =>
        s.targets.some((t) => t.architecture !== own) ? s.packages.filter((p) => !p.blocked) : [],
      ),
    );
    await saveShard(store, bundle.id, part);
    await shareResolved(session);
    const schedule = scheduleOf(session, bundle.id, part, outlook, distro.tests.stop_dependents);
    writeMessage(
      `run ${bundle.id}${pipeline.channel === undefined ? '' : ` for the channel ${pipeline.channel}`}: ${outlook.cached} cached, ${outlook.todo} to do, ${outlook.open} that depend on what these turn out to be\n`,
    );
    for (const w of session.waiting) writeMessage(`${w}\n`);
    // What other architectures have to do is found out on a machine of theirs.
    const others = architectures.filter((a) => a !== own);
    const header = headerOf(bundle, absoluteStore(storeUri, root), others);
    if (text('output') === undefined) writeOutput(header + schedule);
    else writeWhole(resolve(text('output')!), header + schedule);
    return exit.ok;
  } finally {
    await closeScratch(driver);
  }
}

/** What stands above a schedule: the run, and where it is. */
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

/**
 * The lock that this run is to take: a locked track's, the one that was named, or that of a channel's last good run.
 */
async function withLock(
  values: PrepareValues,
  store: Store,
  pipeline: RunPolicy,
  root: string,
  state: string,
  isChange: boolean,
): Promise<{ values: PrepareValues; notes: Diagnostic[] } | Diagnostic> {
  if (values.lock !== undefined) return { values, notes: [] };
  if (pipeline.locked) {
    const file = join(root, 'lock.yaml');
    if (exists(file)) return { values: { ...values, lock: file }, notes: [] };
    return error(
      'lock-missing',
      'a tag is built from the lock that was committed at it, and there is no lock.yaml beside distro.yaml',
      { file, hint: 'slipway lock -o lock.yaml, commit it and tag that commit; or say `locked: false` in the track' },
    );
  }
  const like = values.like ?? (isChange ? 'nightly' : undefined);
  if (like === undefined) return { values, notes: [] };
  const text = await store.readJson<{ lock: string }>(lockName(like));
  if (!text)
    return {
      values,
      notes: [
        warning(
          'channel-empty',
          `the channel '${like}' has had no good run: sources are taken at their branches' heads`,
          { hint: 'run the distro pipeline once' },
        ),
      ],
    };
  const file = join(state, 'cache', `lock-${namespaceName(like)}.yaml`);
  writeWhole(file, text.lock);
  return { values: { ...values, lock: file }, notes: [] };
}

interface Read {
  planned: Planned;
  subject: RunManifest['subject'];
  difference: string | undefined;
  users: RunManifest['users'];
}

/** Where people see this run, on Jenkins. */
function buildUrl(): string | undefined {
  const url = process.env.BUILD_URL;
  return url && /^https?:\/\/[\x21-\x7e]{1,500}$/.test(url) ? url : undefined;
}

type TextOption = 'change' | 'branch' | 'tag' | 'request' | 'target' | 'channel' | 'title' | 'output' | 'publish-to';

/** What people call a run that was given no title. */
function titleOf(text: (name: TextOption) => string | undefined): string {
  const [request, target] = [text('request'), text('target')];
  if (request !== undefined) return `pull request ${request}${target === undefined ? '' : ` into ${target}`}`;
  return text('tag') ?? text('branch') ?? 'run';
}

/** The values with the distro repository at hand that `--distro-url` names. */
async function withDistro(values: PrepareValues): Promise<Result<PrepareValues>> {
  let url = values['distro-url'] ?? '';
  if (!url) return good(values);
  if (url.startsWith('file:')) {
    const file = url.slice('file:'.length);
    if (!isAbsolute(file) || !exists(join(file, '.git'))) {
      const line = readIf(file)?.split('\n')[0]?.trim();
      if (!line)
        return bad(
          error('distro-missing', 'it is not known which distro repository this package belongs to', {
            file,
            hint: "say packagePipeline(distro: 'URL#BRANCH'), or set SLIPWAY_DISTRO in the environment of the folder (slipway jobs does), or write the URL into .slipway-distro",
          }),
        );
      url = line;
    }
  }
  const [address, ref] = url.split('#') as [string, string | undefined];
  if (
    address.startsWith('-') ||
    /[\0-\x20\x7f]/.test(url) ||
    address.startsWith('ext::') ||
    (ref !== undefined && !isRefName(ref))
  )
    return bad(error('distro-missing', `'${url}' is no address of a git repository`, { hint: 'URL#BRANCH' }));
  const state = farmState(values);
  const commit = await resolveRef(address, ref, reporter);
  if (!commit.ok) return commit;
  const snapshot = await fetchCommit(address, commit.value, state, reporter);
  if (!snapshot.ok) return snapshot;
  const folder = join(state, 'distro', commit.value);
  if (!exists(join(folder, 'distro.yaml'))) {
    const out = await checkout({ gitDir: snapshot.value.gitDir }, commit.value, folder);
    if (!out.ok) return out;
  }
  return good({
    ...values,
    state,
    distro: join(folder, values.distro ?? 'distro.yaml'),
  });
}

/** What a store is called on other machines: a folder by its whole path. */
const absoluteStore = (uri: string, root: string): string =>
  uri.startsWith('file:') && !uri.startsWith('file:/') ? `file:${resolve(root, uri.slice('file:'.length))}` : uri;

/**
 * The plan: of everything, of what a pull request on the distro repository changes, or of one repository's packages
 * with what is downstream.
 */
async function planOf(
  values: PrepareValues,
  packages: string[],
  workspace: Workspace,
): Promise<Read | { diagnostics: Diagnostic[] }> {
  if (values.change !== undefined) return planChange(values, values.change);
  const read = await readValues(values, packages, {
    workspace,
    tests: values['no-test'] !== true,
    docs: documentationOf(values, workspace.distro) !== 'none',
  });
  if (!read.ok) return read;
  if (isRequest(values)) {
    const { inputs, selection } = read.value;
    const target = await targetCommit(workspace.root, String(values.target));
    if (typeof target !== 'string') return { diagnostics: [target] };
    const compared = await compareWith(inputs, target, selection);
    if (!compared.ok) return compared;
    const { whole, changes } = compared.value;
    const planned = planInputs(inputs, { ...selection, changed: changedIn(changes) });
    if (!planned.ok) return planned;
    const named = new Set(
      planned.value.plan.scopes.flatMap((s) => s.packages.filter((p) => 'named' in p.why).map((p) => p.name)),
    );
    return {
      planned: planned.value,
      subject: undefined,
      difference: renderComparison(changes),
      users: usersOf(whole.plan.scopes, named),
    };
  }
  const planned = planInputs(read.value.inputs, read.value.selection);
  return planned.ok ? { planned: planned.value, subject: undefined, difference: undefined, users: {} } : planned;
}

/** A pull request on the distro repository itself, not one on a package. */
const isRequest = (values: PrepareValues): boolean =>
  values.request !== undefined && values.request !== '' && values.change === undefined;

/** The workspace; of a pull request on the distro repository, what is not its author's to say is its target's. */
async function trustedWorkspace(values: PrepareValues): Promise<Result<Workspace>> {
  const workspace = await openWorkspace(values);
  if (!workspace.ok || !isRequest(values)) return workspace;
  if (values.target === undefined || values.target === '')
    return bad(
      error('request-target', 'a pull request on the distro repository needs --target', {
        hint: 'the branch that it would be merged into: platforms, keys and the store are taken from there',
      }),
    );
  const target = await targetCommit(workspace.value.root, values.target);
  if (typeof target !== 'string') return bad(target);
  const settled = await requestWorkspace(workspace.value, target);
  // Logins of this machine are for what the target branch names: a pull request may name any private repository.
  if (settled.ok) {
    const { trusted } = settled.value;
    for (const name of Object.keys(trusted.distro.distributions)) await readEntries(trusted, name);
    settleNames();
  }
  return settled;
}

/**
 * The commit of a pull request's target branch: as the checkout has it, else fetched from where the checkout came from.
 */
async function targetCommit(root: string, name: string): Promise<string | Diagnostic> {
  if (!isRefName(name)) return error('history', `'${name}' is no name of a branch`);
  for (const ref of [`refs/remotes/origin/${name}`, name]) {
    const found = await git(['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`], { cwd: root });
    if (found.code === 0) return found.stdout.trim();
  }
  const fetched = await git(['fetch', '--quiet', '--depth=1', 'origin', `refs/heads/${name}`], { cwd: root });
  const found =
    fetched.code === 0
      ? await git(['rev-parse', '--verify', '--quiet', 'FETCH_HEAD^{commit}'], { cwd: root })
      : fetched;
  return found.code === 0
    ? found.stdout.trim()
    : error('history', `the target branch '${name}' can't be had: ${fetched.stderr.trim().split('\n').pop() ?? ''}`, {
        hint: 'let the checkout fetch it too',
      });
}

async function planChange(values: PrepareValues, change: string): Promise<Read | { diagnostics: Diagnostic[] }> {
  const workspace = await openWorkspace(values);
  if (!workspace.ok) return workspace;
  const folder = resolve(change);
  const chosen = values.distribution ?? Object.keys(workspace.value.distro.distributions);
  const repository = await repositoryOf(
    workspace.value,
    folder,
    values['change-name'] || undefined,
    chosen.filter((d) => Object.hasOwn(workspace.value.distro.distributions, d)),
  );
  if (!repository.ok) return repository;
  const others = values.override ?? [];
  const read = await readValues({ ...values, override: [...others, `${repository.value}=${folder}`] }, [], {
    tests: values['no-test'] !== true,
  });
  if (!read.ok) return read;
  const { inputs, selection } = read.value;
  const whole = planInputs(inputs, selection);
  if (!whole.ok) return whole;
  const own = new Set(ownPackages(inputs, repository.value));
  if (!own.size)
    return {
      diagnostics: [
        ...inputs.diagnostics,
        error('selection', `${folder} has no packages`, { hint: 'a package has a package.xml' }),
      ],
    };
  const budget = values.budget !== undefined && /^\d+$/.test(values.budget) ? Number(values.budget) : 50;
  const downstream = downstreamOf(
    whole.value.plan,
    own,
    (values.downstream ?? 'none') as 'none' | 'direct' | 'all',
    budget,
  );
  if (downstream.left)
    writeMessage(`${downstream.left} more packages downstream are over the budget of ${budget}, and are not built\n`);
  const users = usersOf(whole.value.plan.scopes, own);
  const planned = planInputs(inputs, { ...selection, packages: [...own, ...downstream.names] });
  return planned.ok
    ? {
        planned: planned.value,
        subject: { repository: repository.value, own: [...own].sort(), downstream: downstream.names },
        difference: undefined,
        users,
      }
    : planned;
}

const ownPackages = (inputs: Inputs, repository: string): string[] =>
  inputs.distributions.flatMap((d) =>
    [...d.packages.values()].filter((p) => p.repository === repository).map((p) => p.name),
  );
