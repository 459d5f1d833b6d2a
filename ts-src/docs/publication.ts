import { renameSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { sha256File, temporaryBeside } from '../io/files.ts';
import { removeBelow } from '../io/held-folders.ts';
import { parallel } from '../io/process.ts';
import { walkLeft } from '../io/untrusted.ts';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import type { Endpoint } from '../publish/endpoint.ts';
import { parsed } from '../store/sealed.ts';
import type { DocPackage } from './package-info.ts';

/** A state of a channel's site, as listed in `states.json` of its place, newest first. */
export interface SiteState {
  /** Folder of the state. */
  path: string;
  /** Title for people. */
  name: string;
  digest: string;
  packages: number;
  documented: number;
  total: number;
  warnings: number;
}

/** Digest of everything that determines a site's bytes except its own name. */
export const siteDigest = (organization: string, packages: readonly DocPackage[], program: string): string =>
  sha256(
    JSON.stringify([
      organization,
      program,
      packages.map((p) => ({
        ...p,
        // Trends contain dates. Equal documentation must have an equal digest at any time.
        trend: undefined,
        record: p.record && [p.record.pages.sha256, p.record.coverage, p.record.warnings],
        facts: p.record?.facts.sha256,
        interface: p.record?.interface.sha256,
      })),
    ]),
  );

/** Folder of a state: the time of the plan, and a digest of the content. */
export const stateFolder = (stamp: string, digest: string): string => `${stamp}-${digest.slice(0, 8)}`;

const list = 'states.json';
/** Most states that a list holds. Those beyond the kept ones are removed, with requests for each. */
const mostStates = 1000;

/** The states of a place, and the tag for a conditional update of the list. */
export async function readStates(endpoint: Endpoint): Promise<{ states: SiteState[]; tag: string | undefined }> {
  const found = await endpoint.read(list);
  const value = found && parsed(found.data);
  return {
    states: Array.isArray(value) ? (value as unknown[]).filter(isState).slice(0, mostStates) : [],
    tag: found?.tag,
  };
}

function isState(value: unknown): value is SiteState {
  if (typeof value !== 'object' || value === null) return false;
  const fields: Record<string, unknown> = { ...value };
  return (
    typeof fields.path === 'string' &&
    /^\d{14}-[0-9a-f]{8}$/.test(fields.path) &&
    typeof fields.name === 'string' &&
    typeof fields.digest === 'string' &&
    ['packages', 'documented', 'total', 'warnings'].every((name) => typeof fields[name] === 'number')
  );
}

/**
 * Publishes a site from a folder to a place. Writes all files below the state's name first, each once; then the list of
 * states and `latest`, each atomically. Readers see the previous state until then. States beyond `keep` are removed
 * afterwards.
 */
export async function publishSite(
  endpoint: Endpoint,
  folder: string,
  state: SiteState,
  keep: number,
): Promise<Result<{ written: number; removed: number }>> {
  const done = await endpoint.during('publication', async (): Promise<Result<{ written: number; removed: number }>> => {
    const files = await walkLeft(folder, '');
    let written = 0;
    const other: string[] = [];
    await parallel(files, endpoint.width, async ({ path }) => {
      const local = join(folder, path);
      const file = { path: local, sha256: await sha256File(local), size: statSync(local).size };
      const placed = await endpoint.placeFile(`${state.path}/${path}`, file);
      if (placed === 'written') written++;
      if (placed === 'other') other.push(path);
    });
    if (other.length)
      return bad(
        error('docs-taken', `${endpoint.where} has a different ${state.path}/${other[0]}`, {
          hint: 'something else writes to this place: remove that folder, or publish elsewhere',
        }),
      );
    await placeLeads(
      endpoint,
      files.map((f) => f.path),
    );
    const before = await readStates(endpoint);
    const states = [state, ...before.states.filter((s) => s.path !== state.path)];
    const kept = states.slice(0, keep);
    if (!(await endpoint.replace(list, Buffer.from(`${JSON.stringify(kept, undefined, 1)}\n`), before.tag)))
      return bad(error('docs-moved', `another run published to ${endpoint.where} meanwhile: run the command again`));
    await switchLatest(endpoint, kept, state);
    let removed = 0;
    for (const { path } of states.slice(keep)) removed += await removeState(endpoint, path);
    return good({ written, removed });
  });
  return done ?? bad(error('docs-moved', `a clean-up is running in ${endpoint.where}: run the command again`));
}

/**
 * For places without symlinks: every page below `latest/` is a small page that redirects to the same page of the newest
 * state, as `states.js` names it. The pages are written once; updating `states.js` switches all of them at once. The
 * redirect of a removed page stays and leads to the index.
 */
async function placeLeads(endpoint: Endpoint, pages: readonly string[]): Promise<void> {
  if (endpoint.folder !== undefined) return;
  const there = new Set<string>();
  for await (const { name } of endpoint.list('latest')) there.add(name.slice('latest/'.length));
  const wanted = pages.filter((path) => path.endsWith('.html') && path !== 'index.html' && !there.has(path));
  await parallel(wanted, endpoint.width, (path) => endpoint.put(`latest/${path}`, Buffer.from(leadTo(path))));
}

async function switchLatest(endpoint: Endpoint, states: readonly SiteState[], state: SiteState): Promise<void> {
  const choices = [
    { name: `latest (${state.name})`, path: 'latest' },
    ...states.map(({ name, path }) => ({ name, path })),
  ];
  await endpoint.put('states.js', Buffer.from(`slipwayData("states",${JSON.stringify(choices)});\n`));
  if (endpoint.folder !== undefined) {
    const link = temporaryBeside(join(endpoint.folder, 'latest'));
    symlinkSync(state.path, link);
    renameSync(link, join(endpoint.folder, 'latest'));
  } else await endpoint.put('latest/index.html', Buffer.from(redirect(`../${state.path}/index.html`)));
  await endpoint.put(
    'index.html',
    Buffer.from(redirect(`${endpoint.folder === undefined ? state.path : 'latest'}/index.html`)),
  );
}

const redirect = (to: string): string =>
  `<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>Documentation</title><meta http-equiv="refresh" content="0; url=${to}"></head><body><p><a href="${to}">Documentation</a></p></body></html>\n`;

function leadTo(path: string): string {
  const root = '../'.repeat(path.split('/').length);
  // Names of pages can't contain characters that end a string or a script.
  const script = `function slipwayData(_,states){
var newest=states.filter(function(s){return s.path!=="latest"})[0].path,to="${root}"+newest+"/${path}",go=function(u){location.replace(u+location.search+location.hash)};
fetch(to,{method:"HEAD"}).then(function(r){r.ok?go(to):location.replace("${root}"+newest+"/index.html")},function(){go(to)})}`;
  const index = `${root}latest/index.html`;
  return `<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><meta name="robots" content="noindex"><title>Documentation</title><script>${script}</script><script src="${root}states.js"></script></head><body><p><a href="${index}">Documentation</a></p></body></html>\n`;
}

async function removeState(endpoint: Endpoint, path: string): Promise<number> {
  if (endpoint.folder !== undefined) {
    removeBelow(endpoint.folder, path);
    return 1;
  }
  const names: string[] = [];
  for await (const { name } of endpoint.list(path)) names.push(name);
  await parallel(names, endpoint.width, (name) => endpoint.remove(name));
  return names.length;
}
