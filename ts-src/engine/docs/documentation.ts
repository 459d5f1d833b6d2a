import { chmodSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { makeFolder } from '../../io/files.ts';
import { writeFile } from '../../io/write.ts';
import { installedOf } from '../../inspect/installed.ts';
import { packPages } from '../../inspect/pages.ts';
import { Patience, withinTime } from '../../io/bounded.ts';
import { checkLeft, LeftBehindError, readLeft } from '../../io/untrusted.ts';
import { documentationTools, proseFolder, type DocInterface, type DocRecord } from '../../model/docs.ts';
import type { DocResults } from '../../model/docs.ts';
import { isDocFacts, isDocInterface, isDocRecord } from '../../model/stored.ts';
import { documentationSettings } from '../../plan/settings.ts';
import { docRecipe } from '../../render/doc-tools.ts';
import { renderDoxyfile } from '../../render/doxyfile.ts';
import type { Packages } from '../../sandbox/package-layers.ts';
import { shortened } from '../../text/cut.ts';
import { withoutTags } from '../../text/xml.ts';
import {
  sourceFolder,
  enterEnvironment,
  prepareEnvironment,
  reasonOf,
  timeLimit,
  type BuildEnvironment,
} from '../build/environment.ts';
import { failed, made, type BuildOutcome, type BuildRequest } from '../build/outcome.ts';
import { ownPackage } from '../build/packages.ts';
import type { BuilderOptions } from '../build/builder-options.ts';
import { writeRecipe } from '../build/packaging.ts';
import { faultsOf } from './faults.ts';
import { factsOf } from './facts.ts';
import { soundInventory, soundTag } from './references.ts';
import { interfaceDigest, readDocResults } from './results.ts';
import { frameOf, pagesOf, type Job } from './taken.ts';
import { readWishes } from './wishes.ts';

/**
 * Makes a package's documentation in a root where it is installed with its build and run dependencies. Failures give a
 * record, too.
 */
export async function documentPackage(
  options: BuilderOptions,
  packages: Packages,
  request: BuildRequest,
): Promise<BuildOutcome<DocRecord>> {
  const begun = options.now();
  const { graph, number } = request;
  const tools = await graph.system.resolve(documentationTools);
  if (typeof tools === 'string') return failed(`apt can't install the documentation tools: ${tools}`);
  const common = await tools.packages();
  if (typeof common === 'string') return failed(`apt can't install the documentation tools: ${common}`);
  const roots = graph.closures.docsRoot(number);
  const prepared = await prepareEnvironment(options, packages, { ...request, common }, roots);
  if (prepared.state !== 'made') return prepared;
  const environment = prepared.value;
  const unpacked = await packages.unpack(ownPackage(graph, number));
  if (!unpacked) return { state: 'lost', packages: [number] };
  const interfaces = await interfacesOf(options, request);
  if (typeof interfaces === 'string') return failed(interfaces);
  const job = await jobOf(request, environment, unpacked.files, interfaces);
  writeInputs(options, job);
  const limit = timeLimit(options.signal, options.minutes);
  const outcome = await enterEnvironment(options, request, environment, {
    script: 'docs.sh',
    steps: ['docs'],
    folder: `/build/${sourceFolder(request.package.name)}`,
    binds: [{ from: environment.build, to: '/build' }],
    env: {},
    network: false,
    signal: limit.signal,
  });
  limit.done();
  if (outcome.code !== 0)
    return failed(reasonOf(options, outcome, limit, { log: request.log, what: 'the making of its documentation' }));
  const results = await readDocResults(environment.build);
  if (!results) return failed('the documentation tools left no results: something in its documentation removed them');
  return made(await recordOf(options, job, results, begun));
}

/** Interfaces of its dependencies' documentation, which links refer to. Returns a message if the store lost one. */
async function interfacesOf(
  { store, taskKeys }: BuilderOptions,
  { graph, number }: BuildRequest,
): Promise<Map<string, DocInterface> | string> {
  const found = new Map<string, DocInterface>();
  for (const d of taskKeys.documentationNeeds(graph)[number] ?? []) {
    const name = graph.scope.packages[d]?.name;
    const record = graph.docs[d];
    if (!record || name === undefined) continue;
    const value = await store.readParsed(record.interface);
    if (!isDocInterface(value))
      return `the store lost the documentation of '${name}': --rebuild ${name} makes it again`;
    found.set(name, value);
  }
  return found;
}

async function jobOf(
  request: BuildRequest,
  environment: BuildEnvironment,
  files: readonly string[],
  interfaces: Map<string, DocInterface>,
): Promise<Job> {
  const { graph, package: p } = request;
  const installed = installedOf(p.name, graph.scope.prefix, files);
  const wishes = await readWishes(environment.source);
  const doxygen = wishes.doxygen && (installed.headers.length > 0 || wishes.doxyfile !== undefined);
  const modules = wishes.python ? installed.modules : [];
  const sphinx = modules.length > 0 || wishes.prose !== undefined;
  const parts = {
    api: doxygen,
    prose: sphinx,
    messages: installed.messages.length > 0,
    changelog: wishes.changelog !== undefined,
  };
  return { request, environment, installed: { ...installed, modules }, wishes, parts, doxygen, sphinx, interfaces };
}

function writeInputs(options: BuilderOptions, job: Job): void {
  const { request, environment, installed, wishes, interfaces } = job;
  const { package: p, graph } = request;
  const source = `/build/${sourceFolder(p.name)}`;
  const { recipe } = environment;
  writeRecipe(options, request, environment.source, recipe);
  const tags = [...interfaces].flatMap(([name, i]) => (i.tag === undefined ? [] : [[name, i.tag] as const]));
  const inventories = [...interfaces].flatMap(([name, i]) =>
    i.inventory === undefined ? [] : [[name, Buffer.from(i.inventory, 'base64')] as const],
  );
  const description = options.taskKeys.distribution(graph).packages.get(p.name)?.manifest.description ?? '';
  const own = wishes.doxyfile;
  write(recipe, {
    ...docRecipe(frameOf(options.distro.organization, job)),
    ...Object.fromEntries(tags.map(([name, tag]) => [`tags/${name}.tag`, tag])),
    ...Object.fromEntries(inventories.map(([name, data]) => [`inventories/${name}.inv`, data])),
    Doxyfile: renderDoxyfile({
      name: p.name,
      version: p.version,
      description: withoutTags(description).replace(/\s+/g, ' ').trim().slice(0, 200),
      headers: installed.headers,
      pages: wishes.pages.map((f) => `${source}/${f}`),
      includes: installed.includes,
      statements: wishes.statements,
      tags: tags.map(([name]) => name),
      source,
      ...(own ? { own: { file: `${source}/${own.path}`, hasInput: own.hasInput } } : {}),
    }),
    'docs.json': JSON.stringify({
      name: p.name,
      version: p.version,
      prefix: graph.scope.prefix,
      source,
      readme: wishes.readme ?? null,
      changelog: wishes.changelog ?? null,
      doxygen: job.doxygen,
      sphinx: job.sphinx,
      prose: wishes.prose ?? null,
      conf: wishes.conf ?? null,
      modules: installed.modules,
      generated: installed.messages.length > 0,
      inventories: inventories.map(([name]) => name),
      extensions: [],
    }),
  });
}

/** Writes files readable for the sandbox's user, regardless of the umask. */
function write(folder: string, files: Readonly<Record<string, string | Buffer>>): void {
  for (const [name, data] of Object.entries(files)) {
    const path = join(folder, name);
    makeFolder(dirname(path));
    chmodSync(dirname(path), 0o755);
    writeFile(path, data);
    chmodSync(path, 0o644);
  }
}

async function recordOf(options: BuilderOptions, job: Job, results: DocResults, begun: number): Promise<DocRecord> {
  const { request, environment, wishes } = job;
  const { store } = options;
  const { build } = environment;
  const { name } = request.package;
  const shown = storable(await interfaceOf(job), isDocInterface);
  const pages = await pagesOf(options.distro.organization, job, results);
  const facts = storable(await factsOf(job, pages), isDocFacts);
  const warnings = briefly([...results.warnings, ...wishes.notes]);
  const packed = join(request.work, `${name}.pages`);
  writeFile(packed, packPages(pages));
  await checkLeft(build, 'docs/results.json', 64 << 20);
  const faults = withinTime('what its tools left', () =>
    faultsOf({
      results,
      installed: job.installed,
      tag: shown.tag,
      ownScope: wishes.doxyfile !== undefined && (wishes.doxyfile.hasInput || wishes.doxyfile.selects),
      doxygen: job.doxygen,
      warnings: warnings.length - results.warnings.length + results.warning_count,
      told: warnings,
      settings: documentationSettings(options.distro, name),
    }),
  );
  const record: DocRecord = {
    schema: 1,
    key: request.resolved.key,
    package: name,
    faults: briefly(faults),
    warnings: results.warning_count + wishes.notes.length,
    told: warnings.slice(0, 200),
    coverage: { documented: Math.min(results.documented, results.total), total: results.total },
    undocumented: briefly(results.undocumented),
    digest: interfaceDigest(shown),
    interface: await store.putText(`${name}.interface.json`, JSON.stringify(shown)),
    facts: await store.putText(`${name}.facts.json`, JSON.stringify(facts)),
    pages: await store.put(packed),
    log: await store.put(request.log),
    inputs: request.resolved.inputs(),
    milliseconds: Math.round(options.now() - begun),
  };
  return storable(record, isDocRecord);
}

/** Lines for people. They may hold names of any length. */
const briefly = (lines: readonly string[]): string[] => lines.map((line) => shortened(line, 4000));

/** What its readers would refuse is the package's fault. If it were stored, it would count as lost by the store. */
function storable<T>(value: T, isReadable: (v: unknown) => boolean): T {
  if (isReadable(value)) return value;
  throw new LeftBehindError('its messages, files or names are too many or too long for a documentation');
}

async function interfaceOf({ request, environment, installed, sphinx, doxygen }: Job): Promise<DocInterface> {
  const { build } = environment;
  const { name, version } = request.package;
  const tag = doxygen ? await readLeft(build, 'docs/api.tag', 64 << 20) : undefined;
  const inventory = sphinx ? await readLeft(build, `docs/pages/${proseFolder}/objects.inv`, 16 << 20) : undefined;
  const time = new Patience();
  const references = inventory && time.spend('objects.inv', () => soundInventory(inventory, name, version));
  return {
    schema: 1,
    ...(tag ? { tag: time.spend('api.tag', () => soundTag(tag.toString('utf8'))) } : {}),
    ...(references === undefined ? {} : { inventory: references }),
    messages: installed.messages.map(({ kind, name }) => ({ kind, name })),
  };
}
