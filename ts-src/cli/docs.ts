import { append } from '../model/lists.ts';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { makeFolder } from '../io/files.ts';
import { collectPackages } from '../docs/collect.ts';
import { outputFault, writeFolder } from '../docs/folder.ts';
import { addHistory } from '../docs/history.ts';
import type { DocPackage } from '../docs/package-info.ts';
import { keepSite } from '../docs/reach.ts';
import { publishSite, readStates, siteDigest, stateFolder, type SiteState } from '../docs/publication.ts';
import { writeSite, type WrittenSite } from '../docs/site.ts';
import { schedulerOf } from '../engine/session-scheduler.ts';
import type { Session } from '../engine/session.ts';
import { recordRun } from '../engine/runs.ts';
import { untilStopped } from '../io/signals.ts';
import { run } from '../io/process.ts';
import { error, isError, warning, type Diagnostic } from '../model/diagnostics.ts';
import { isDone } from '../model/result.ts';
import { isChannelName } from '../model/channels.ts';
import { matcher } from '../plan/globs.ts';
import { below, openEndpoint } from '../publish/endpoints.ts';
import { renderOutlook, renderSummary } from '../render/summary.ts';
import { closeScratch } from '../sandbox/scratch.ts';
import { cleanUp } from './clean-up.ts';
import { defineCommand, exit, showDiagnostics, writeMessage, writeNote, writeOutput } from './command.ts';
import { docsOptions, type DocsValues } from './docs-options.ts';
import { openDocs, type OpenDocs } from './docs-session.ts';
import { resultsOf, tailsOf, writeJunit, writeReports } from './outputs.ts';
import { makeProgress, viewFor } from './progress.ts';
import { limitsOf } from './run-options.ts';

export const docs = defineCommand({
  summary: 'make the documentation of packages, as a static site',
  usage: 'docs [PACKAGE|GLOB ...]',
  details: `Packages that are not in the store are built first. The documentation of each package is made without network, in a root
where the package is installed: C and C++ with Doxygen from the installed headers, Python and prose with Sphinx, and
messages, README and changelog. It is cached like builds: pages are made again only when their inputs change.

All links are relative, so the site works from a folder and below any URL. DIR.out gets a report and the logs. If faults
fail a run on a farm, the last line on standard output is "strict".`,
  examples: ['slipway docs', 'slipway docs acme_drive --open'],
  options: docsOptions,
  async run(values, packages) {
    const limits = limitsOf('docs', values);
    if (!limits) return exit.usage;
    if (values.publish !== undefined && !isChannelName(values.publish)) {
      writeMessage(`slipway docs: --publish takes the name of a channel\n`);
      return exit.usage;
    }
    const stop = untilStopped(() => writeNote('\nstopping: what was finished is kept\n'));
    const opened = await openDocs(values, packages, limits, stop.signal);
    if (!opened) return exit.failed;
    try {
      return await makeDocs(values, opened, limits.workers, stop.signal);
    } finally {
      await closeScratch(opened.session.driver);
      stop.done();
      const { distro, distroRoot: root, state } = opened.session.input;
      if (!stop.signal.aborted) await cleanUp({ distro, root, state, driver: opened.session.driver });
    }
  },
});

async function makeDocs(values: DocsValues, opened: OpenDocs, workers: number, signal: AbortSignal): Promise<number> {
  const { session, distro, root } = opened;
  const begun = Date.now();
  const output = resolve(values.output ?? join(root, 'docs'));
  if (values.publish !== undefined && !distro.docs.to.length)
    return failedWith(
      error('docs-place', 'docs.to in distro.yaml is empty: there is no place to publish documentation to', {
        hint: "add `docs: {to: ['file:/srv/docs']}`; docs/documentation.md lists the kinds of places",
      }),
    );
  const fault = outputFault(output);
  if (fault) return failedWith(fault);
  makeFolder(resolve(output, '..'));
  if (opened.gather) await opened.gather(logFolder(output));
  else await runTasks(values, session, workers, output, signal);
  if (signal.aborted) return exit.failed;
  const packages = await collectPackages(
    session.graphs,
    session.input.distributions,
    session.store,
    session.input.plan.stamp,
  );
  const { organization } = distro;
  const digest = siteDigest(organization, packages, SLIPWAY_DIGEST);
  const state = stateOf(session.input.plan.stamp, digest, packages);
  const published = values.publish === undefined ? {} : { published: { channel: values.publish, state: state.path } };
  const site = await writeFolder(output, (write) =>
    writeSite({ organization, packages, ...published }, session.store, write),
  );
  if (!opened.gather) await recordRun(session);
  const faults = [...linkFaults(site, distro.docs.strict), ...lostFaults(site)];
  if (values.publish !== undefined && !faults.some(isError))
    append(faults, await publishAll(values.publish, opened, packages, output, state));
  // Like a task that failed, such a package does not keep the documentation of others from being published.
  append(faults, refusedFaults(site));
  return finish(values, opened, { site, faults, output, begun });
}

function failedWith(fault: Diagnostic): number {
  showDiagnostics([fault]);
  return exit.failed;
}

function stateOf(stamp: string, digest: string, packages: readonly DocPackage[]): SiteState {
  const sum = (of: (p: DocPackage) => number | undefined) => packages.reduce((n, p) => n + (of(p) ?? 0), 0);
  const [day, time] = [stamp.slice(0, 8), stamp.slice(8, 12)];
  return {
    path: stateFolder(stamp, digest),
    name: `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)} ${time.slice(0, 2)}:${time.slice(2)}`,
    digest,
    packages: packages.length,
    documented: sum((p) => p.record?.coverage.documented),
    total: sum((p) => p.record?.coverage.total),
    warnings: sum((p) => p.record?.warnings),
  };
}

/** Publishes to every place. A place that has the same documentation already is left unchanged. */
async function publishAll(
  channel: string,
  { session, distro, root }: OpenDocs,
  packages: readonly DocPackage[],
  output: string,
  state: SiteState,
): Promise<Diagnostic[]> {
  const faults: Diagnostic[] = [];
  for (const place of distro.docs.to) {
    const endpoint = await openEndpoint(below(place, channel), root);
    const { states } = await readStates(endpoint);
    if (states[0]?.digest === state.digest) {
      writeNote(`${endpoint.where} has this documentation already (${states[0].path})\n`);
      continue;
    }
    const published = await publishSite(endpoint, output, state, distro.docs.keep);
    if (published.ok)
      writeNote(`published to ${endpoint.where}: ${state.path}, ${published.value.written} files written\n`);
    else append(faults, published.diagnostics);
  }
  if (faults.length) return faults;
  await addHistory(session.store, session.input.plan.stamp, packages);
  await keepSite(session.store, channel, packages);
  return faults;
}

async function runTasks(
  values: DocsValues,
  session: Session,
  workers: number,
  output: string,
  signal: AbortSignal,
): Promise<void> {
  const progress = makeProgress({
    tasks: resultsOf(session.graphs),
    view: viewFor(values.json === true),
    verbose: values.verbose === true,
    expected: (t) => session.history.get(t.kind === 'build' ? t.name : `${t.name} ${t.kind}`) ?? 10_000,
    workers,
    now: Date.now,
  });
  const rebuild = values.rebuild ? matcher(values.rebuild) : () => false;
  const engine = schedulerOf(session, {
    output: logFolder(output),
    workers,
    retest: false,
    rebuild: () => false,
    redocument: rebuild,
    progress,
    signal,
  });
  try {
    progress.note(renderOutlook(await engine.start()));
    await engine.run();
  } finally {
    progress.close();
  }
  session.history.learn(session.graphs);
}

/** Logs and report lie beside the site, since they are not part of it. */
const logFolder = (output: string): string => `${output}.out`;

async function finish(
  values: DocsValues,
  { session, faulty, strict, gather }: OpenDocs,
  made: { site: WrittenSite; faults: readonly Diagnostic[]; output: string; begun: number },
): Promise<number> {
  const { site, faults, output, begun } = made;
  // On a farm, builds and tests have a report of their own.
  const results = resultsOf(session.graphs).filter((t) => !gather || t.kind === 'docs');
  showDiagnostics(faults);
  writeReports({
    plan: session.input.plan,
    runs: session.graphs,
    output: logFolder(output),
    begun,
    title: 'documentation',
    notes: site.dead.length ? [`${site.dead.length} links of the site lead nowhere`] : [],
  });
  showDiagnostics(await writeJunit(session.graphs, session.store, logFolder(output)));
  (results.every((t) => isDone(t.state)) ? writeNote : writeMessage)(
    renderSummary(results, tailsOf(logFolder(output), session.graphs), Date.now() - begun),
  );
  const crossing = Object.values(site.crossing).reduce((a, b) => a + b, 0);
  writeNote(
    `${site.pages} pages, ${site.links} links, ${crossing} of them between packages, ${site.dead.length} lead nowhere\n`,
  );
  if (values.json) writeOutput(`${JSON.stringify({ output, ...site, results })}\n`);
  else writeOutput(`${join(output, 'index.html')}\n`);
  const failed = results.some((t) => !isDone(t.state)) || faults.some(isError) || faulty;
  if (failed && strict && !values.json) writeOutput('strict\n');
  return show(values.open === true, join(output, 'index.html'), failed ? exit.failed : exit.ok);
}

async function show(open: boolean, index: string, code: number): Promise<number> {
  if (!open) return code;
  const url = pathToFileURL(index).href;
  const opened = await run('xdg-open', [url]);
  if (opened.code !== 0) writeMessage(`xdg-open can't show it: open ${url}\n`);
  return code;
}

const reasons = {
  missing: 'leads to a file that is not there',
  anchor: 'leads to an anchor that its page has not',
  absolute: 'is absolute: it leads elsewhere where the site lies below another address',
  outside: 'leads out of the site',
} as const;
/** Maximum number of dead links that are listed. */
const toldLinks = 50;

function linkFaults({ dead }: WrittenSite, strict: boolean): Diagnostic[] {
  const say = strict ? error : warning;
  const faults = dead
    .slice(0, toldLinks)
    .map((d) => say('docs-link', `the link '${d.link}' ${reasons[d.why]}`, { file: d.page, line: d.line }));
  const more = dead.length - faults.length;
  return more ? [...faults, say('docs-link', `${more} more links are broken`)] : faults;
}

const lostFaults = ({ lost }: WrittenSite): Diagnostic[] =>
  lost.map((id) =>
    error('docs-lost', `the store lost the pages of ${id}`, {
      hint: `slipway docs --rebuild ${id.split('/')[1]} makes them`,
    }),
  );

const refusedFaults = ({ refused }: WrittenSite): Diagnostic[] =>
  refused.map(({ id, why }) => error('docs-refused', `not all pages of ${id} are in the site: ${why}`));
