import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { installedOf, type Installed } from '../../inspect/installed.ts';
import { packPages, takePages, type PageFile } from '../../inspect/pages.ts';
import { checkLeft, readLeft } from '../../io/untrusted.ts';
import { apiFolder, documentationTools, proseFolder, type DocInterface, type DocRecord } from '../../model/docs.ts';
import type { DocResults } from '../../model/docs.ts';
import { isDocInterface } from '../../model/stored.ts';
import { documentationSettings } from '../../plan/settings.ts';
import { renderApiOverview } from '../../render/api-overview.ts';
import { docPage, type DocPage, type DocParts } from '../../render/doc-shell.ts';
import { docRecipe } from '../../render/doc-tools.ts';
import { renderDoxyfile } from '../../render/doxyfile.ts';
import type { Packages } from '../../sandbox/package-layers.ts';
import {
  enterEnvironment,
  prepareEnvironment,
  reasonOf,
  timeLimit,
  type BuildEnvironment,
} from '../build/environment.ts';
import { failed, made, type BuildOutcome, type BuildRequest } from '../build/outcome.ts';
import { ownPackage } from '../build/packages.ts';
import type { BuilderOptions } from '../build/package-builder.ts';
import { writeRecipe } from '../build/packaging.ts';
import { faultsOf } from './faults.ts';
import { factsOf } from './facts.ts';
import { interfaceDigest, readDocResults } from './results.ts';
import { readWishes, type DocWishes } from './wishes.ts';

/** All that is known of a package before its documentation is made. */
interface Job {
  request: BuildRequest;
  environment: BuildEnvironment;
  installed: Installed;
  wishes: DocWishes;
  parts: DocParts;
  doxygen: boolean;
  sphinx: boolean;
  /** Of packages that it refers to. */
  interfaces: Map<string, DocInterface>;
}

/**
 * Makes a package's documentation in the root where it is installed with all that it needs to build and to run; what
 * fails in it is a record too.
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
    folder: `/build/${request.package.name}`,
    binds: [{ from: environment.build, to: '/build' }],
    env: {},
    network: false,
    signal: limit.signal,
  });
  limit.done();
  if (outcome.code !== 0)
    return failed(reasonOf(options, outcome, limit, request.log, 'the making of its documentation'));
  const results = await readDocResults(environment.build);
  if (!results) return failed('the documentation tools left no results: something in its documentation removed them');
  return made(await recordOf(options, job, results, begun));
}

/** What the documentation of its dependencies can be linked by; text where the store lost one. */
async function interfacesOf(
  { store, taskKeys }: BuilderOptions,
  { graph, number }: BuildRequest,
): Promise<Map<string, DocInterface> | string> {
  const found = new Map<string, DocInterface>();
  for (const d of taskKeys.documentationNeeds(graph)[number] ?? []) {
    const name = graph.scope.packages[d]?.name;
    const record = graph.docs[d];
    if (!record || name === undefined) continue;
    const text = await store.readText(record.interface);
    const value: unknown = text === undefined ? undefined : JSON.parse(text);
    if (!isDocInterface(value)) return `the store lost the documentation of '${name}': --rebuild ${name} makes it anew`;
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

/** The frame of its pages: it names nothing that changes without the package. */
function frameOf(options: BuilderOptions, { request, parts }: Job): Omit<DocPage, 'body' | 'root' | 'title' | 'kind'> {
  const { graph, package: p } = request;
  return {
    organization: options.distro.organization,
    crumbs: [
      { text: graph.scope.distribution, href: '../index.html' },
      { text: p.name, href: 'index.html' },
    ],
    package: { version: p.version, parts, folder: '', tab: 'none' },
  };
}

function writeInputs(options: BuilderOptions, job: Job): void {
  const { request, environment, installed, wishes, interfaces } = job;
  const { package: p, graph } = request;
  const source = `/build/${p.name}`;
  const { recipe } = environment;
  writeRecipe(options, request, environment.source, recipe);
  const tags = [...interfaces].flatMap(([name, i]) => (i.tag === undefined ? [] : [[name, i.tag] as const]));
  const inventories = [...interfaces].flatMap(([name, i]) =>
    i.inventory === undefined ? [] : [[name, Buffer.from(i.inventory, 'base64')] as const],
  );
  const description = options.taskKeys.distribution(graph).packages.get(p.name)?.manifest.description ?? '';
  const own = wishes.doxyfile;
  write(recipe, {
    ...docRecipe(frameOf(options, job)),
    ...Object.fromEntries(tags.map(([name, tag]) => [`tags/${name}.tag`, tag])),
    ...Object.fromEntries(inventories.map(([name, data]) => [`inventories/${name}.inv`, data])),
    Doxyfile: renderDoxyfile({
      name: p.name,
      version: p.version,
      description: description
        .replace(/<[^>]*>/g, ' ')
        .replace(/\s+/g, ' ')
        .trim()
        .slice(0, 200),
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

/** Writes files that the sandbox's user may read, whatever our umask. */
function write(folder: string, files: Readonly<Record<string, string | Buffer>>): void {
  for (const [name, data] of Object.entries(files)) {
    const path = join(folder, name);
    mkdirSync(dirname(path), { recursive: true });
    chmodSync(dirname(path), 0o755);
    writeFileSync(path, data);
    chmodSync(path, 0o644);
  }
}

/** Files that the tools write for their own scripts and styles, which the site has in one place. */
const ofTools =
  /^(api\/([^/]+\.(css|js|svg|png|md5|map)|(annotated|classes|hierarchy|inherits|files|pages|namespaces|topics|modules|examples)\.html|(functions|globals|namespacemembers)(_[^/]*)?\.html|graph_legend\.html)|doc\/_static\/(pygments\.css|documentation_options\.js|language_data\.js|alabaster\.css|file\.png|plus\.png|minus\.png)|doc\/(objects\.inv|\.buildinfo|\.nojekyll|searchindex\.js|search\.html|genindex\.html|py-modindex\.html))$/;

async function recordOf(options: BuilderOptions, job: Job, results: DocResults, begun: number): Promise<DocRecord> {
  const { request, environment, wishes } = job;
  const { store } = options;
  const { build } = environment;
  const { name } = request.package;
  const shown = await interfaceOf(job);
  const pages = await pagesOf(options, job, results);
  const facts = await factsOf(job, pages);
  const warnings = [...results.warnings, ...wishes.notes];
  const packed = join(request.work, `${name}.pages`);
  writeFileSync(packed, packPages(pages));
  await checkLeft(build, 'docs/results.json', 64 << 20);
  return {
    schema: 1,
    key: request.resolved.key,
    package: name,
    faults: faultsOf({
      results,
      installed: job.installed,
      tag: shown.tag,
      ownInput: wishes.doxyfile?.hasInput === true,
      doxygen: job.doxygen,
      warnings: warnings.length - results.warnings.length + results.warning_count,
      told: warnings,
      settings: documentationSettings(options.distro, name),
    }),
    warnings: results.warning_count + wishes.notes.length,
    told: warnings.slice(0, 200),
    coverage: { documented: Math.min(results.documented, results.total), total: results.total },
    undocumented: results.undocumented,
    digest: interfaceDigest(shown),
    interface: await store.putText(`${name}.interface.json`, JSON.stringify(shown)),
    facts: await store.putText(`${name}.facts.json`, JSON.stringify(facts)),
    pages: await store.put(packed),
    log: await store.put(request.log),
    inputs: request.resolved.inputs(),
    milliseconds: Math.round(options.now() - begun),
  };
}

async function interfaceOf({ environment, installed, sphinx, doxygen }: Job): Promise<DocInterface> {
  const { build } = environment;
  const tag = doxygen ? await readLeft(build, 'docs/api.tag', 64 << 20) : undefined;
  const inventory = sphinx ? await readLeft(build, `docs/pages/${proseFolder}/objects.inv`, 16 << 20) : undefined;
  return {
    schema: 1,
    ...(tag ? { tag: tag.toString('utf8') } : {}),
    ...(inventory ? { inventory: inventory.toString('base64') } : {}),
    messages: installed.messages.map(({ kind, name }) => ({ kind, name })),
  };
}

/** The pages that the tools left, and the first page of the API. */
async function pagesOf(options: BuilderOptions, job: Job, results: DocResults): Promise<PageFile[]> {
  const { request, environment } = job;
  const folder = join(environment.build, 'docs', 'pages');
  const pages = await takePages(folder, (path) => ofTools.test(path) && path !== `${apiFolder}/index.html`);
  const index = pages.findIndex((p) => p.path === `${apiFolder}/index.html`);
  const mainPage = index >= 0 && hasText(pages[index]?.data.toString('utf8') ?? '');
  if (index >= 0 && !mainPage) pages.splice(index, 1);
  if (!job.doxygen) return pages;
  for (const page of pages)
    if (page.path.startsWith(`${apiFolder}/`) && page.path.endsWith('.html')) page.data = withHeading(page.data);
  const frame = frameOf(options, job);
  const at = (crumb: DocPage['crumbs'][number]) =>
    crumb.href === undefined ? crumb : { ...crumb, href: `../${crumb.href}` };
  const there = new Set(pages.map((p) => p.path));
  const overview = docPage({
    ...frame,
    crumbs: [...frame.crumbs.map(at), { text: 'C++ API' }],
    ...(frame.package ? { package: { ...frame.package, folder: '../', tab: 'api' as const } } : {}),
    title: `${request.package.name}: C++ API`,
    root: '../../../',
    kind: 'api',
    body: renderApiOverview(
      request.package.name,
      results.compounds.filter((c) => there.has(`${apiFolder}/${c.page}`)),
      { mainPage, documented: results.documented, total: results.total },
    ),
  });
  return [...pages, { path: `${apiFolder}/overview.html`, data: Buffer.from(overview) }].sort((a, b) =>
    a.path < b.path ? -1 : 1,
  );
}

/** Doxygen's titles are no headings. */
const withHeading = (data: Buffer): Buffer =>
  Buffer.from(data.toString('utf8').replace(/<div class="title">([^]*?)<\/div>/, '<h1 class="title">$1</h1>'));

/** Whether Doxygen's first page says more than a title. */
const hasText = (html: string): boolean => /<div class="textblock">/.test(html);
