import { isError } from '../model/diagnostics.ts';
import { sizeText } from '../model/sizes.ts';
import { channelNames, openChannel, readState } from '../publish/state.ts';
import { mirrorName, mirrorStates } from '../sandbox/package-mirror.ts';
import type { Store } from '../store/store.ts';
import { channelOptions, lockOf, openChannels } from './channels.ts';
import { defineCommand, exit, showDiagnostics, writeOutput } from './command.ts';

export const mirror = defineCommand({
  summary: 'list the system packages that the store keeps (`mirror: state`)',
  usage: 'mirror',
  examples: ['slipway mirror', 'slipway mirror --json'],
  details: `With \`mirror: state\` in distro.yaml, the store keeps the base systems and the system packages that roots and images use,
and builds take them from there. So you can build again what you built before, even if an archive no longer has these
packages. \`slipway build --renew-base\` uses the archives as they are now.`,
  options: { ...channelOptions, json: { type: 'boolean', help: 'print JSON' } },
  async run(values) {
    const opened = await openChannels(values);
    showDiagnostics(opened.diagnostics);
    if (!opened.ok || opened.diagnostics.some(isError)) return exit.failed;
    const { store, workspace } = opened.value;
    const users = await usersOf(store);
    const states = (await mirrorStates(store)).map((state) => ({ ...state, channels: users.get(state.archive) ?? [] }));
    if (values.json) {
      writeOutput(`${JSON.stringify(states)}\n`);
      return exit.ok;
    }
    if (!states.length) {
      const how =
        workspace.distro.mirror === 'state'
          ? 'the next build keeps what it takes'
          : '`mirror: state` in distro.yaml keeps it';
      writeOutput(`nothing is kept of archives: ${how}\n`);
    }
    for (const { archive, packages, size, modified, channels } of states)
      writeOutput(
        `${archive}  ${new Date(modified).toISOString().slice(0, 10)}  ${packages} ` +
          `packages  ${sizeText(size)}  ${channels.join(', ') || '-'}\n`,
      );
    return exit.ok;
  },
});

/** For each archive snapshot: channels with a state whose lockfile names it. */
async function usersOf(store: Store): Promise<Map<string, string[]>> {
  const users = new Map<string, Set<string>>();
  for (const name of await channelNames(store)) {
    const channel = await openChannel(store, name);
    for (const { id } of channel.file.states) {
      const state = await readState(store, id);
      const lock = state && (await lockOf(store, state));
      for (const { archive } of Object.values(lock?.platforms ?? {}))
        users.set(mirrorName(archive), (users.get(mirrorName(archive)) ?? new Set()).add(name));
    }
  }
  return new Map([...users].map(([archive, names]) => [archive, [...names].sort()]));
}
