import { join } from 'node:path';
import { collect } from '../collect/collect.ts';
import { countKinds } from '../collect/choose.ts';
import { surveyMachine } from '../collect/machine.ts';
import { SizeMemory } from '../collect/measure.ts';
import { exists } from '../io/files.ts';
import { sizeOf, sizeText } from '../model/sizes.ts';
import { unshareDriver } from '../sandbox/unshare.ts';
import { renderTable } from '../render/table.ts';
import { isOwnStore, openStore } from '../store/open-store.ts';
import type { Store } from '../store/store.ts';
import { writeMessage, distroOptions, exit, writeOutput, showDiagnostics, defineCommand } from './command.ts';
import { ofForm } from './option-checks.ts';
import { openWorkspace } from './planning.ts';
import { stateRules, type StateRules } from './clean-up.ts';
import type { Workspace } from '../read/workspace.ts';

export const store = defineCommand({
  summary: 'show, verify or clean up the store',
  usage: 'store [show|verify|gc]',
  examples: ['slipway store', 'slipway store verify', 'slipway store gc --days 14 --dry-run'],
  details: `  show    list what the store and the state folder of this machine contain, by kind (default)
  verify  check every object and every record against its digest; damaged ones are removed, and
          built again when they are needed
  gc      remove from the store and the state folder what was not used for --days, then the least
          recently used until the rest is smaller than --size

gc keeps what a channel, an image, an index or the last run needs. In a store that several machines share, it also keeps
what is younger than a day. While another slipway process uses the state folder, nothing of it is removed. Each build
does the same with the state folder at its end, and with the store if it is in the state folder.`,
  words: ['show', 'verify', 'gc'],
  options: {
    distro: distroOptions.distro,
    state: distroOptions.state,
    days: {
      type: 'string',
      value: 'N',
      help: 'gc: keep what was used in the last N days (default: `state.days` of distro.yaml, 30)',
      check: ofForm(/^\d{1,6}(\.\d{1,6})?$/, 'a number of days'),
    },
    size: {
      type: 'string',
      value: 'SIZE',
      help: 'gc: limit for all that can be made again, such as 20G (default: `state.size` of distro.yaml, 40G)',
      check: (size) => (sizeOf(size) ? undefined : 'is not a size such as 800M or 20G'),
    },
    'dry-run': { type: 'boolean', help: 'gc: only show what would be removed' },
    json: { type: 'boolean', help: 'print JSON' },
  },
  async run(values, [what = 'show', ...more]) {
    const days = values.days === undefined ? undefined : Number(values.days);
    const size = values.size === undefined ? undefined : sizeOf(values.size);
    if (more.length) {
      writeMessage('slipway store: takes one word: show, verify or gc\n');
      return exit.usage;
    }
    const workspace = await openWorkspace(values);
    if (!workspace.ok) {
      showDiagnostics(workspace.diagnostics);
      return exit.failed;
    }
    const { distro, root, state } = workspace.value;
    const opened = await openStore(distro.store, root, state, undefined);
    const json = values.json === true;
    if (what === 'show') return show(opened, state, json);
    if (what === 'verify') return verify(opened, join(state, 'verify'), json);
    const rules = stateRules(distro);
    return collectAll(
      workspace.value,
      opened,
      { size: size ?? rules.size, days: days ?? rules.days },
      { bounded: size !== undefined, dryRun: values['dry-run'] === true, json },
    );
  },
});

/** Kinds of things in this machine's state, with their sizes. */
export async function stateKinds(state: string): Promise<ReturnType<typeof countKinds>> {
  if (!exists(state)) return [];
  const survey = { state, driver: unshareDriver(), sizes: new SizeMemory(state), now: Date.now(), days: Infinity };
  return countKinds(await surveyMachine(survey));
}

const kindTable = (kinds: ReturnType<typeof countKinds>): string =>
  renderTable(
    ['what', 'how many', 'size'],
    kinds.map(({ kind, things, bytes }) => [kind, String(things), sizeText(bytes)]),
  );

async function collectAll(
  { root, state, distro }: Workspace,
  store: Store,
  { size, days }: StateRules,
  { bounded, dryRun, json }: { bounded: boolean; dryRun: boolean; json: boolean },
): Promise<number> {
  const done = await collect({
    state,
    driver: unshareDriver(),
    store: { store, own: isOwnStore(distro.store, root, state) },
    size,
    ...(bounded ? { storeSize: size } : {}),
    days,
    now: Date.now(),
    dryRun,
  });
  if (json) {
    writeOutput(`${JSON.stringify(done)}\n`);
    return exit.ok;
  }
  const sum = (counts: typeof done.removed) => counts.reduce((n, { bytes }) => n + bytes, 0);
  if (done.busy) writeMessage(`another slipway works in ${state}: nothing of it is touched\n`);
  writeOutput(done.removed.length ? kindTable(done.removed) : '');
  writeOutput(
    `${dryRun ? 'would free' : 'freed'} ${sizeText(sum(done.removed))}; what stays ` +
      `and could be made again: ${sizeText(sum(done.kept))}\n`,
  );
  return exit.ok;
}

const megabytes = (n: number): string => `${(n / 1e6).toFixed(1)} MB`;

async function show(opened: Store, state: string, json: boolean): Promise<number> {
  const kinds: Record<string, { things: number; bytes: number }> = {};
  for (const kind of [
    'objects',
    'tasks',
    'tests',
    'docs',
    'sources',
    'bases',
    'mirror',
    'runs',
    'channels',
    'channel-keys',
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
  const machine = await stateKinds(state);
  if (!Object.keys(kinds).length) writeMessage(`nothing is stored in ${opened.blobs.where} yet\n`);
  if (json) writeOutput(`${JSON.stringify({ where: opened.blobs.where, kinds, state, machine })}\n`);
  else {
    writeOutput(
      `${opened.blobs.where}\n${renderTable(
        ['what', 'how many', 'size'],
        Object.entries(kinds).map(([k, v]) => [k, String(v.things), megabytes(v.bytes)]),
      )}`,
    );
    if (machine.length) writeOutput(`\n${state}\n${kindTable(machine)}`);
  }
  return exit.ok;
}

async function verify(opened: Store, cache: string, json: boolean): Promise<number> {
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
  const text = `${good} things are as they were written, ${bad.length} were damaged`;
  writeOutput(`${json ? JSON.stringify({ sound: good, removed: bad }) : text}\n`);
  return bad.length ? exit.failed : exit.ok;
}
