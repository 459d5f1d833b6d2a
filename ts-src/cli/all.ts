import type { Command } from './command.ts';
import { ownIn } from '../model/maps.ts';

/** Every command, in the order that help lists them. A command's code loads when it is asked for. */
const loaders: Readonly<Record<string, () => Promise<Command>>> = {
  init: async () => (await import('./init.ts')).init,
  validate: async () => (await import('./plan.ts')).validate,
  plan: async () => (await import('./plan.ts')).plan,
  explain: async () => (await import('./explain.ts')).explain,
  query: async () => (await import('./query.ts')).query,
  graph: async () => (await import('./graph.ts')).graph,
  compare: async () => (await import('./compare.ts')).compare,
  build: async () => (await import('./build.ts')).build,
  test: async () => (await import('./build.ts')).test,
  docs: async () => (await import('./docs.ts')).docs,
  logs: async () => (await import('./logs.ts')).logs,
  shell: async () => (await import('./shell.ts')).shell,
  serve: async () => (await import('./serve.ts')).serve,
  lock: async () => (await import('./lock.ts')).lock,
  mirror: async () => (await import('./mirror.ts')).mirror,
  prepare: async () => (await import('./farm/prepare.ts')).prepare,
  work: async () => (await import('./farm/work.ts')).work,
  publish: async () => (await import('./farm/finish.ts')).publish,
  report: async () => (await import('./farm/finish.ts')).report,
  reproduce: async () => (await import('./farm/reproduce.ts')).reproduce,
  channel: async () => (await import('./channel.ts')).channel,
  promote: async () => (await import('./promote.ts')).promote,
  rollback: async () => (await import('./promote.ts')).rollback,
  image: async () => (await import('./image.ts')).image,
  simulate: async () => (await import('./simulate.ts')).simulate,
  store: async () => (await import('./store.ts')).store,
  clean: async () => (await import('./clean.ts')).clean,
  abi: async () => (await import('./abi.ts')).abi,
  jobs: async () => (await import('./jobs.ts')).jobs,
  deploy: async () => (await import('./deploy.ts')).deploy,
  schema: async () => (await import('./schema.ts')).schema,
  doctor: async () => (await import('./doctor.ts')).doctor,
  completion: async () => (await import('./completion.ts')).completionOf(loadCommands),
  manual: async () => (await import('./manual.ts')).manualOf(loadCommands),
};

/** The commands' names, in the order of help. */
export const commandNames: readonly string[] = Object.keys(loaders);

/** Loads one command; undefined for a name that is no command's. */
export const loadCommand = async (name: string): Promise<Command | undefined> => ownIn(loaders, name)?.();

/** Loads all commands, by name. */
export async function loadCommands(): Promise<Readonly<Record<string, Command>>> {
  const all: Record<string, Command> = {};
  for (const [name, load] of Object.entries(loaders)) all[name] = await load();
  return all;
}
