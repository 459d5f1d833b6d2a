import { bad, error, type Diagnostic, type Result, good } from '../model/diagnostics.ts';
import { differenceOf } from '../publish/difference.ts';
import { keyHealth, keysOf, largestKey } from '../publish/key-health.ts';
import { judgePromotion, stateOf } from '../publish/promotion.ts';
import { bring, renewFormer } from '../publish/publication.ts';
import { dropStates, expiredStates, sweepRepository } from '../publish/retention.ts';
import { keepOf, mayComeFrom, rulesOf } from '../publish/rules.ts';
import { channelNames, openChannel, readState, shortId, type OpenChannel, type State } from '../publish/state.ts';
import { renderDifference, renderVerdicts } from '../render/channels.ts';
import { renderTable } from '../render/table.ts';
import type { Store } from '../store/store.ts';
import {
  archivesOf,
  channelOptions,
  lockOf,
  openChannels,
  placeOption,
  placesOf,
  readChannel,
  report,
  withOutlet,
  type Line,
  type Opened,
} from './channels.ts';
import { defineCommand, exit, showDiagnostics, writeMessage, writeOutput, type ValuesOf } from './command.ts';

const options = {
  ...channelOptions,
  ...placeOption,
  'dry-run': { type: 'boolean', short: 'n', help: 'gc: only show what would be removed' },
  json: { type: 'boolean', help: 'print JSON' },
} as const;

export const channel = defineCommand({
  summary: 'show channels, compare states, clean up and renew repositories',
  usage: 'channel [NAME | diff A B | gc [NAME ...] | renew NAME ...]',
  details: `  (nothing)       list all channels
  NAME            show a channel's states, where it is served, and what prevents its promotion
  diff A B        compare two channels, or states written as CHANNEL@ID
  gc [NAME ...]   drop states beyond those that a channel keeps, and files that no state needs
  renew NAME ...  publish and sign again: after a change of the key, before Valid-Until ends,
                  or if a repository has lost files`,
  examples: ['slipway channel', 'slipway channel diff nightly release/2026.1', 'slipway channel gc --dry-run'],
  options,
  async run(values, [what, ...names]) {
    const opened = await openChannels(values);
    if (!opened.ok) {
      showDiagnostics(opened.diagnostics);
      return exit.failed;
    }
    const done = await answer(opened.value, what, names, values);
    if (done === undefined) {
      writeMessage('slipway channel: a channel, or diff A B, gc or renew NAME\n');
      return exit.usage;
    }
    showDiagnostics(done.diagnostics);
    if (done.ok) writeOutput(done.value);
    return done.ok ? exit.ok : exit.failed;
  },
});

/** The answer to the words of the command line; undefined if they are not a query. */
async function answer(
  opened: Opened,
  what: string | undefined,
  names: readonly string[],
  values: ValuesOf<typeof options>,
): Promise<Result<string> | undefined> {
  const json = values.json === true;
  if (what === undefined) return list(opened, json);
  if (what === 'diff') return diff(opened, names, json);
  if (what === 'gc') return report(await collect(opened, names, values['dry-run'] === true), json);
  if (what === 'renew') return report(await renew(opened, names, values.repository), json);
  return names.length ? undefined : show(opened, what, json);
}

const ago = (milliseconds: number): string => {
  const hours = milliseconds / 3_600_000;
  if (hours < 1) return `${Math.round(hours * 60)} min`;
  return hours < 48 ? `${Math.round(hours)} h` : `${Math.round(hours / 24)} days`;
};

function sizeOf(state: State | undefined): { packages: number; bytes: number } {
  const all = Object.values(state?.suites ?? {}).flatMap((s) => Object.values(s));
  const files = new Map(all.flatMap((held) => held.files.map((f) => [f.sha256, f.size])));
  return { packages: all.length, bytes: [...files.values()].reduce((n, s) => n + s, 0) };
}

const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

async function list({ store }: Opened, json: boolean): Promise<Result<string>> {
  const now = Date.now();
  const rows = await store.many(await channelNames(store), async (name) => {
    const read = await openChannel(store, name);
    return {
      name,
      state: read.headId,
      when: read.head?.when,
      states: read.file.states.length,
      ...sizeOf(read.head),
      endpoints: read.file.endpoints,
      switching: read.file.switching,
    };
  });
  if (json) return good(`${JSON.stringify(rows)}\n`);
  if (!rows.length) return good('there are no channels yet: a build or a run that publishes makes one\n');
  return good(
    renderTable(
      ['channel', 'state', 'age', 'states', 'packages', 'size', 'served at'],
      rows.map((r) => [
        r.name,
        r.state ? shortId(r.state) : '-',
        r.when === undefined ? '-' : ago(now - r.when),
        String(r.states),
        String(r.packages),
        megabytes(r.bytes),
        `${r.endpoints.join(', ')}${r.switching ? ' (unfinished: the next publication finishes it)' : ''}`,
      ]),
    ),
  );
}

async function show(opened: Opened, name: string, json: boolean): Promise<Result<string>> {
  const { store, workspace } = opened;
  const read = await readChannel(store, name);
  if (!read.ok) return read;
  const found = await stateOf(store, read.value, undefined);
  if (!found.ok) return found;
  const now = Date.now();
  const states = await store.many(read.value.file.states.slice(0, 100), async (listed) => ({
    ...listed,
    state: await readState(store, listed.id),
  }));
  const blocks: { to: string; verdicts: { criterion: string; passed: boolean; reason: string }[] }[] = [];
  for (const to of await channelNames(store)) {
    const rules = rulesOf(workspace.distro, to);
    if (to === name || !rules.from.length || !mayComeFrom(rules, name)) continue;
    const judged = await judgePromotion(store, {
      from: read.value,
      ...found.value,
      to: await openChannel(store, to),
      rules,
      now,
      approvedBy: undefined,
      archives: await archivesOf(opened, found.value.state, rules),
    });
    blocks.push({ to, verdicts: judged.verdicts });
  }
  const { keys, notes } = await servedKeys(opened, read.value, now);
  if (json) {
    const listed = states.map(({ state, ...s }) => ({
      ...s,
      ...sizeOf(state),
      who: state?.who,
      from: state?.from,
      forced: state?.forced,
    }));
    return good(`${JSON.stringify({ name, ...read.value.file, keys, promotions: blocks, states: listed })}\n`);
  }
  const table = renderTable(
    ['state', 'age', 'kind', 'packages', 'size', 'who', 'from'],
    states.map(({ id, when, kind, state }) => [
      shortId(id),
      ago(now - when),
      kind,
      String(sizeOf(state).packages),
      megabytes(sizeOf(state).bytes),
      state?.who ?? 'lost',
      `${state?.from ? `${state.from.channel}@${shortId(state.from.state)}` : ''}${state?.forced === undefined ? '' : ` forced: ${state.forced}`}`,
    ]),
  );
  const promotions = blocks.map((b) => `\npromotion to ${b.to}:\n${renderVerdicts(b.verdicts)}`).join('');
  const signed = keys.map(
    ({ fingerprint, expires }) => `signed by ${fingerprint}, ${expires ? `expires on ${expires}` : 'never expires'}\n`,
  );
  return good(
    `${name}, served at ${read.value.file.endpoints.join(', ')}\n${signed.join('')}${table}${promotions}`,
    notes,
  );
}

/** The keys that sign a channel's repositories, with keys that are invalid or expire soon. */
async function servedKeys(
  opened: Opened,
  channel: OpenChannel,
  now: number,
): Promise<{ keys: { fingerprint: string; expires: string | undefined }[]; notes: Diagnostic[] }> {
  const places = await placesOf(opened, channel, undefined);
  const texts = new Set<string>();
  for (const endpoint of places.ok ? places.value : []) {
    const key = await endpoint.read('key.asc');
    if (key) texts.add(key.data.subarray(0, largestKey + 1).toString('utf8'));
  }
  const notes: Diagnostic[] = [];
  const keys = new Map<string, string | undefined>();
  for (const text of texts) {
    const found = await keysOf(text);
    for (const { fingerprint, ends } of found.ok ? found.value : [])
      keys.set(fingerprint, ends === undefined ? undefined : new Date(ends).toISOString().slice(0, 10));
    notes.push(...(await keyHealth(text, now)).map((d): Diagnostic => ({ ...d, severity: 'warning' })));
  }
  return { keys: [...keys].map(([fingerprint, expires]) => ({ fingerprint, expires })), notes };
}

/** Resolves a channel name to its current state, or CHANNEL@ID to that state. */
async function named(store: Store, text: string): Promise<Result<State>> {
  const [name = '', id] = text.split('@');
  const read = await readChannel(store, name);
  if (!read.ok) return read;
  const found = await stateOf(store, read.value, id);
  return found.ok ? good(found.value.state) : found;
}

async function diff({ store }: Opened, names: readonly string[], json: boolean): Promise<Result<string> | undefined> {
  const [before, after, ...others] = names;
  if (before === undefined || after === undefined || others.length) return undefined;
  const [a, b] = [await named(store, before), await named(store, after)];
  if (!a.ok || !b.ok) return bad(...(a.ok ? b : a).diagnostics);
  const difference = differenceOf(a.value, b.value, [await lockOf(store, a.value), await lockOf(store, b.value)]);
  return good(json ? `${JSON.stringify(difference)}\n` : renderDifference(difference).replace(/^\n/, ''));
}

async function collect(opened: Opened, names: readonly string[], dryRun: boolean): Promise<Result<Line[]>> {
  const { store, workspace } = opened;
  const { distro } = workspace;
  const { grace_days: graceDays } = distro.publish;
  const now = Date.now();
  const lines: Line[] = [];
  const notes: Diagnostic[] = [];
  for (const name of names.length ? names : await channelNames(store)) {
    const read = await readChannel(store, name);
    if (!read.ok) return read;
    const expired = expiredStates(read.value.file.states, keepOf(distro, name), graceDays, now);
    if (expired.length && !dryRun && !(await dropStates(store, read.value, expired))) {
      notes.push(busy(name));
      continue;
    }
    const text = `${name}: ${expired.length} states ${dryRun ? 'would go' : 'went'}`;
    lines.push({ name, states: expired.length, done: !dryRun, text });
    const places = await placesOf(opened, read.value, undefined);
    for (const endpoint of places.ok ? places.value : []) {
      const swept = await sweepRepository(store, name, endpoint, { graceDays, now, dryRun });
      if (!swept) {
        notes.push(busy(endpoint.where));
        continue;
      }
      const bytes = swept.removed.reduce((n, f) => n + f.size, 0);
      const { waiting, kept } = swept;
      const text =
        `${endpoint.where}: ${dryRun ? 'would remove' : 'removed'} ${swept.removed.length} files of ` +
        `${megabytes(bytes)}; ${waiting} wait for ${graceDays} days, ${kept} stay`;
      lines.push({ where: endpoint.where, removed: swept.removed.length, bytes, waiting, kept, done: !dryRun, text });
    }
  }
  return good(lines, notes);
}

const busy = (where: string): Diagnostic => ({
  severity: 'warning',
  code: 'channel-busy',
  message: `${where} is left alone: a publication goes on there, or one of its states can't be read`,
});

async function renew(
  opened: Opened,
  names: readonly string[],
  to: readonly string[] | undefined,
): Promise<Result<Line[]> | undefined> {
  if (!names.length) return undefined;
  const lines: Line[] = [];
  for (const name of names) {
    const read = await readChannel(opened.store, name);
    if (!read.ok) return read;
    const found = await stateOf(opened.store, read.value, undefined);
    if (!found.ok) return found;
    const places = await placesOf(opened, read.value, to);
    if (!places.ok) return places;
    const unknown: OpenChannel = { ...read.value, file: { ...read.value.file, endpoints: [] } };
    const moved = await withOutlet(opened, places.value, async (outlet) => {
      const head = await bring(unknown, found.value.id, found.value.state, outlet, true);
      if (!head.ok || head.value.lost.length) return head.ok ? good({ ...head.value, former: 0, gone: 0 }) : head;
      const former = await renewFormer(read.value, outlet);
      if (!former.ok) return former;
      return good({ ...head.value, former: former.value.renewed, gone: former.value.lost.length });
    });
    if (!moved.ok) return moved;
    if (moved.value.lost.length)
      return {
        ok: false,
        diagnostics: [error('state-lost', `the store lost ${moved.value.lost.length} packages of ${name}`)],
      };
    const { former, gone } = moved.value;
    const rest = gone ? `; ${gone} former states can't be read any more` : '';
    const at = places.value.map((p) => p.where);
    const text = `${name}: signed again at ${at.join(', ')}, ${former} former states${rest}`;
    lines.push({ name, places: at, former, gone, text });
  }
  return good(lines);
}
