import { join } from 'node:path';
import { reachedBySites } from '../docs/reach.ts';
import { filesOfDocs, type DocRecord } from '../model/docs.ts';
import type { BuildRecord, StoredFile, TestRecord } from '../model/result.ts';
import { forgetImages, reachedByImages } from '../images/reach.ts';
import { openChannel, readState } from '../publish/state.ts';
import { renderTable } from '../render/table.ts';
import { openStore, type Store } from '../store/store.ts';
import { writeMessage, distroOptions, exit, writeOutput, showDiagnostics, defineCommand } from './command.ts';
import { openWorkspace } from './planning.ts';
import { isRunName } from '../engine/runs.ts';
import { isRunRecord } from '../model/stored.ts';

export const store = defineCommand({
  summary: 'show, verify or clean up the store',
  usage: 'store [show|verify|gc]',
  details: `show: what is in it, by kind. verify: every object against its digest and every record against its own; what is damaged is removed,
and built again when it is needed. gc: removes what no channel, no lock of a channel and no run of the last days reaches, and that is
older than a day, so that builds which run meanwhile lose nothing.`,
  options: {
    distro: distroOptions.distro,
    state: distroOptions.state,
    days: { type: 'string', value: 'N', help: 'gc: keep what runs of the last N days reached (default: 30)' },
    'dry-run': { type: 'boolean', help: 'gc: say what would be removed' },
    json: { type: 'boolean', help: 'as data' },
  },
  async run(values, [what = 'show', ...more]) {
    const days = values.days === undefined ? 30 : Number(values.days);
    if (more.length || !['show', 'verify', 'gc'].includes(what) || !Number.isFinite(days) || days < 0) {
      writeMessage('slipway store: show, verify or gc; --days takes a number\n');
      return exit.usage;
    }
    const workspace = await openWorkspace(values);
    if (!workspace.ok) {
      showDiagnostics(workspace.diagnostics);
      return exit.failed;
    }
    const { distro, root, state } = workspace.value;
    const opened = await openStore(distro.store, root, state, undefined);
    if (what === 'show') return show(opened, values.json === true);
    if (what === 'verify') return verify(opened, join(state, 'verify'));
    return collect(opened, days, values['dry-run'] === true);
  },
});

const megabytes = (n: number): string => `${(n / 1e6).toFixed(1)} MB`;

async function show(opened: Store, json: boolean): Promise<number> {
  const kinds: Record<string, { things: number; bytes: number }> = {};
  for (const kind of [
    'objects',
    'tasks',
    'tests',
    'docs',
    'sources',
    'bases',
    'runs',
    'channels',
    'images',
    'image-lists',
    'states',
    'locks',
    'history',
    'index',
    'resolved',
    'untrusted',
  ]) {
    for await (const { size } of opened.blobs.list(kind)) {
      const k = (kinds[kind] ??= { things: 0, bytes: 0 });
      k.things++;
      k.bytes += size;
    }
  }
  if (json) writeOutput(`${JSON.stringify({ where: opened.blobs.where, kinds })}\n`);
  else
    writeOutput(
      `${opened.blobs.where}\n${renderTable(
        ['what', 'how many', 'size'],
        Object.entries(kinds).map(([k, v]) => [k, String(v.things), megabytes(v.bytes)]),
      )}`,
    );
  return exit.ok;
}

async function verify(opened: Store, cache: string): Promise<number> {
  let good = 0;
  const bad: string[] = [];
  for await (const { name } of opened.blobs.list('objects')) {
    if (await opened.check(name, cache)) good++;
    else bad.push(name);
  }
  for (const kind of ['tasks', 'tests', 'docs'] as const) {
    for await (const { name } of opened.blobs.list(kind)) {
      if (await opened.readJson(name)) good++;
      else {
        bad.push(name);
        await opened.blobs.remove(name);
      }
    }
  }
  for (const name of bad) writeMessage(`damaged, removed: ${name}\n`);
  writeOutput(`${good} things are as they were written, ${bad.length} were damaged\n`);
  return bad.length ? exit.failed : exit.ok;
}

/** What records of builds, tests and documentation name. */
type Named = Pick<BuildRecord, 'debs' | 'files'> &
  Pick<TestRecord, 'junit'> &
  Pick<DocRecord, 'facts' | 'pages' | 'log'> & { interface: StoredFile };

/** What keeps others and can't be read keeps nothing: then nothing may be removed. */
const wrongForm = (name: string, { blobs }: Store): Error =>
  Object.assign(
    new Error(`${name} in the store ${blobs.where} is not as a run is written: remove it, or bring it back`),
    { code: 'ESTORE' },
  );

/** No writer takes longer from an object to the record that names it. */
const grace = 86_400_000;

async function collect(opened: Store, days: number, dry: boolean): Promise<number> {
  const now = Date.now();
  const keys = new Set<string>();
  const objects = new Set<string>();
  const keep = (files: readonly (StoredFile | undefined)[]) => files.forEach((f) => f && objects.add(f.sha256));
  // Roots: channels, recent runs (of untrusted places too), the indexes that the next plans look into.
  const [roots, old]: [string[], string[]] = [[], []];
  for await (const { name, modified } of opened.blobs.list('runs'))
    (now - modified > Math.max(grace, days * 86_400_000) ? old : roots).push(name);
  for (const name of roots) {
    if (name.includes('/results/') || name.endsWith('.gz')) continue;
    const run = await opened.readRoot(name);
    if (isRunRecord(run)) for (const t of Object.values(run.tasks)) keys.add(t.key);
    else if (run !== undefined && isRunName(name)) throw wrongForm(name, opened);
  }
  const listed = new Set<string>();
  for await (const { name } of opened.blobs.list('channels')) {
    const channel = await openChannel(opened, name.slice('channels/'.length).replace(/\.json$/, ''));
    const states = await opened.many(channel.file.states, ({ id }) => readState(opened, id));
    for (const { id } of channel.file.states) listed.add(id);
    for (const state of states) {
      const { indices = {}, packed = {}, contents = {}, lock } = state ?? {};
      keep([...Object.values(indices), ...Object.values(packed).flat(), ...Object.values(contents), lock]);
    }
    for (const suites of [channel.former, ...states.map((s) => s?.suites)])
      for (const suite of Object.values(suites ?? {}))
        for (const held of Object.values(suite)) {
          keys.add(held.key);
          keep(held.files);
        }
  }
  for await (const { name } of opened.blobs.list('index')) {
    const index = await opened.readIndex(name.slice('index/'.length).replace(/\.json\.gz$/, ''));
    for (const key of [...index.builds.keys(), ...index.tests.keys()]) keys.add(key);
  }
  for (const key of await reachedBySites(opened)) keys.add(key);
  const images = await reachedByImages(opened, listed, now, Math.max(grace, days * 86_400_000));
  keep(images.files);
  const remove: { name: string; size: number }[] = images.expired.map(({ name }) => ({ name, size: 0 }));
  for await (const { name, size, modified } of opened.blobs.list('states'))
    if (!listed.has(name.split('/').pop()!.replace('.json.gz', '')) && now - modified >= grace)
      remove.push({ name, size });
  const records = async (kind: 'tasks' | 'tests' | 'docs') => {
    for await (const { name, size, modified } of opened.blobs.list(kind)) {
      const key = name
        .split('/')
        .pop()!
        .replace(/\.json$/, '');
      const record = await opened.readJson<Named>(name);
      if (record && (keys.has(key) || now - modified < grace))
        keep([
          ...((record.debs as StoredFile[] | undefined) ?? []),
          record.files,
          record.log,
          record.junit,
          ...(kind === 'docs' ? filesOfDocs(record) : []),
        ]);
      else if (now - modified >= grace) remove.push({ name, size });
    }
  };
  await records('tasks');
  await records('tests');
  await records('docs');
  for (const kind of ['sources', 'bases']) {
    for await (const { name, size, modified } of opened.blobs.list(kind)) {
      const value = await opened.readJson<StoredFile | { tar: StoredFile; lists: StoredFile }>(name);
      // A source or a base is made again where it is wanted: it may go as soon as no recent run can want it.
      if (now - modified > Math.max(grace, days * 86_400_000)) remove.push({ name, size });
      else if (value) keep('tar' in value ? [value.tar, value.lists] : [value]);
    }
  }
  // What apt said of bases is asked again where it is wanted.
  for (const kind of ['resolved', 'sets', 'image-packed'])
    for await (const { name, size, modified } of opened.blobs.list(kind))
      if (now - modified > Math.max(grace, days * 86_400_000)) remove.push({ name, size });
  for (const name of [...roots, ...old]) {
    if (!name.includes('/results/')) continue;
    const log = (await opened.readJson<{ log?: StoredFile }>(name))?.log;
    if (roots.includes(name)) keep([log]);
  }
  let kept = 0;
  for await (const { name, size, modified } of opened.blobs.list('objects')) {
    if (objects.has(name.split('/').pop()!) || now - modified < grace) kept++;
    else remove.push({ name, size });
  }
  for (const name of old) remove.push({ name, size: 0 });
  for await (const { name, size, modified } of opened.blobs.list('untrusted'))
    if (now - modified > Math.max(grace, days * 86_400_000)) remove.push({ name, size });
  // Records first: whoever sees one may have its objects.
  const order = (name: string) => (name.startsWith('objects/') ? 1 : 0);
  remove.sort((a, b) => order(a.name) - order(b.name));
  if (!dry) await forgetImages(opened, images.expired);
  if (!dry) for (const { name } of remove) await opened.blobs.remove(name);
  writeOutput(
    `${dry ? 'would remove' : 'removed'} ${remove.length} things of ${megabytes(remove.reduce((n, r) => n + r.size, 0))}; ${kept} objects stay\n`,
  );
  return exit.ok;
}
