import { isError, type Diagnostic } from '../model/diagnostics.ts';
import { whoPublishes } from '../publish/channel.ts';
import { differenceOf } from '../publish/difference.ts';
import { emptyChannelHint, judgePromotion, promoteState, rollBack, stateOf } from '../publish/promotion.ts';
import { mayComeFrom, rulesOf } from '../publish/rules.ts';
import { restoreChannel, shortId, type OpenChannel, type State } from '../publish/state.ts';
import { error } from '../model/diagnostics.ts';
import { renderDifference, renderVerdicts } from '../render/channels.ts';
import { archivesOf, movingOptions, openChannels, placeOption, placesOf, readChannel, withOutlet } from './channels.ts';
import { defineCommand, exit, showDiagnostics, writeMessage, writeNote, writeOutput } from './command.ts';

const failed = (diagnostics: readonly Diagnostic[]): number => {
  showDiagnostics(diagnostics);
  return exit.failed;
};

const suiteNames = (state: State): string[] => [
  ...new Set(Object.keys(state.suites).map((key) => key.slice(0, key.lastIndexOf('/')))),
];

export const promote = defineCommand({
  summary: 'promote a channel to a state of another channel, without rebuilding',
  usage: 'promote FROM TO',
  details: `Judges every criterion that distro.yaml has for the channel TO, and prints each verdict with its reason. If a criterion
is not met, nothing is promoted, unless --force is given. --dry-run only prints the verdicts.`,
  examples: [
    'slipway promote nightly candidate/2026.1 --dry-run',
    'slipway promote nightly release/2026.1 --approved-by ada',
  ],
  options: {
    ...movingOptions,
    ...placeOption,
    state: { type: 'string', value: 'ID', help: 'state of FROM to promote (default: the state that it serves)' },
    'dry-run': { type: 'boolean', short: 'n', help: 'judge the criteria, and promote nothing' },
    force: {
      type: 'string',
      value: 'REASON',
      help: 'promote even if a criterion is not met; the state records the reason',
    },
    'approval-pending': {
      type: 'boolean',
      help: 'with --dry-run: do not judge the criterion `approval`, which is asked for later',
    },
    'approved-by': { type: 'string', value: 'NAME', help: 'name of the person who approves' },
    json: { type: 'boolean', help: 'print the verdicts as JSON' },
  },
  async run(values, names) {
    const [from, into, ...others] = names;
    if (from === undefined || into === undefined || others.length || from === into) {
      writeMessage('slipway promote: two different channels are needed, FROM and TO\n');
      return exit.usage;
    }
    if (values['approval-pending'] && !values['dry-run']) {
      writeMessage('slipway promote: --approval-pending is for --dry-run: nothing is promoted without the approval\n');
      return exit.usage;
    }
    const opened = await openChannels({ ...values, state: values['state-folder'] });
    if (!opened.ok) return failed(opened.diagnostics);
    const { store, workspace } = opened.value;
    const [source, target] = [await readChannel(store, from), await readChannel(store, into)];
    if (!source.ok || !target.ok) return failed([...source.diagnostics, ...target.diagnostics]);
    const found = await stateOf(store, source.value, values.state);
    const places = await placesOf(opened.value, target.value, values.repository, source.value);
    const named = rulesOf(workspace.distro, into);
    const rules = values['approval-pending'] ? { ...named, approval: false } : named;
    const faults = [...(found.ok ? [] : found.diagnostics), ...(places.ok ? [] : places.diagnostics)];
    if (!mayComeFrom(rules, from))
      faults.push(
        error('channel-from', `distro.yaml does not allow promotion from '${from}' to '${into}'`, {
          hint: `allowed: ${rules.from.join(', ')}`,
        }),
      );
    if (!found.ok || !places.ok || faults.some(isError)) return failed(faults);
    const { id, state } = found.value;
    const to = await restoreChannel(store, target.value, places.value, suiteNames(state));
    const approvedBy = values['approved-by'];
    const archives = await archivesOf(opened.value, state, rules);
    const judged = await judgePromotion(store, {
      from: source.value,
      id,
      state,
      to,
      rules,
      now: Date.now(),
      approvedBy,
      archives,
    });
    const text = `${renderVerdicts(judged.verdicts)}${to.head ? renderDifference(differenceOf(to.head, state)) : ''}`;
    if (values.json) writeOutput(`${JSON.stringify({ state: id, ...judged })}\n`);
    else writeOutput(`state ${shortId(id)} of ${from} to ${into}:\n${text}`);
    if (!judged.passed && values.force === undefined) {
      writeMessage(`not promoted: ${judged.verdicts.filter((v) => !v.passed).length} criteria fail\n`);
      return exit.failed;
    }
    if (values['dry-run']) {
      writeMessage('nothing was promoted: this was a dry run\n');
      return exit.ok;
    }
    const moved = await withOutlet(opened.value, places.value, (outlet) =>
      promoteState(
        {
          from: { channel: from, state: id },
          state,
          to,
          verdicts: judged.verdicts,
          forced: judged.passed ? undefined : values.force,
          who: approvedBy ?? whoPublishes(process.env),
        },
        outlet,
      ),
    );
    if (!moved.ok) return failed(moved.diagnostics);
    showDiagnostics(moved.diagnostics);
    if (moved.value.lost.length) return failed([lostPackages(moved.value.lost.length)]);
    writeNote(
      moved.value.changed || moved.value.id !== to.headId
        ? `${into} serves state ${shortId(moved.value.id ?? '')} at ${places.value.map((p) => p.where).join(', ')}\n`
        : `${into} has these packages already\n`,
    );
    return exit.ok;
  },
});

const lostPackages = (n: number): Diagnostic =>
  error('state-lost', `the store lost ${n} packages of the state`, {
    hint: 'build them again, then promote the new state',
  });

export const rollback = defineCommand({
  summary: 'take a channel back to one of its former states',
  usage: 'rollback CHANNEL',
  details: `By default, packages that differ are repacked with versions above all that the channel ever had. So apt-get upgrade
takes robots back. With --pointer the channel serves the packages of the former state unchanged. Robots that have
upgraded keep what they have, because apt does not downgrade.`,
  examples: ['slipway rollback nightly', 'slipway rollback release/2026.1 --to 3fa91c77 --pointer'],
  options: {
    ...movingOptions,
    ...placeOption,
    to: { type: 'string', value: 'STATE', help: 'state to go back to (default: the state before)' },
    pointer: { type: 'boolean', help: 'serve the packages of that state unchanged, with their former versions' },
  },
  async run(values, names) {
    const [name, ...others] = names;
    if (name === undefined || others.length) {
      writeMessage('slipway rollback: one channel is needed\n');
      return exit.usage;
    }
    const opened = await openChannels({ ...values, state: values['state-folder'] });
    if (!opened.ok) return failed(opened.diagnostics);
    const { store, workspace } = opened.value;
    const read = await readChannel(store, name);
    if (!read.ok) return failed(read.diagnostics);
    const channel = read.value;
    const former = values.to ?? channel.file.states[1]?.id;
    if (former === undefined)
      return failed([
        error(
          'channel-empty',
          channel.file.states.length
            ? `the channel '${name}' has no state before the one that it serves`
            : `the channel '${name}' has no state`,
          {
            hint: channel.file.states.length ? `\`slipway channel ${name}\` lists its states` : emptyChannelHint(name),
          },
        ),
      ]);
    const found = await stateOf(store, channel, former);
    const places = await placesOf(opened.value, channel, values.repository);
    if (!found.ok || !places.ok)
      return failed([...(found.ok ? [] : found.diagnostics), ...(places.ok ? [] : places.diagnostics)]);
    const done = await withOutlet(opened.value, places.value, (outlet) =>
      rollBack(
        {
          channel,
          ...found.value,
          pointer: values.pointer === true,
          folder: workspace.state,
          who: whoPublishes(process.env),
        },
        outlet,
      ),
    );
    if (!done.ok) return failed(done.diagnostics);
    showDiagnostics(done.diagnostics);
    if (done.value.moved.lost.length) return failed([lostPackages(done.value.moved.lost.length)]);
    writeNote(wordsOf(name, found.value.id, channel, values.pointer === true, done.value));
    return exit.ok;
  },
});

function wordsOf(
  name: string,
  id: string,
  channel: OpenChannel,
  pointer: boolean,
  done: { raised: number; kept: number; gone: number; moved: { id: string | undefined } },
): string {
  const [now, before] = [shortId(done.moved.id ?? ''), shortId(channel.headId ?? '')];
  const serves = `${name} serves state ${now}, with the packages of ${shortId(id)}; before it was ${before}\n`;
  const robots = pointer
    ? `robots that have upgraded keep ${done.kept} packages as they are, for apt ` +
      'does not go down; new robots get the former ones\n'
    : `${done.raised} packages were repacked with higher versions: apt-get upgrade takes robots back\n`;
  return `${serves}${robots}${done.gone ? `${done.gone} packages are served no more; robots that have them keep them\n` : ''}`;
}
