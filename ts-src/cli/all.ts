import type { Command } from './command.ts';
import { abi } from './abi.ts';
import { jobs } from './jobs.ts';
import { build, test } from './build.ts';
import { channel } from './channel.ts';
import { clean } from './clean.ts';
import { compare } from './compare.ts';
import { deploy } from './deploy.ts';
import { docs } from './docs.ts';
import { doctor } from './doctor.ts';
import { explain } from './explain.ts';
import { graph } from './graph.ts';
import { image } from './image.ts';
import { init } from './init.ts';
import { lock } from './lock.ts';
import { mirror } from './mirror.ts';
import { plan, validate } from './plan.ts';
import { promote, rollback } from './promote.ts';
import { prepare } from './farm/prepare.ts';
import { publish, report } from './farm/finish.ts';
import { reproduce } from './farm/reproduce.ts';
import { work } from './farm/work.ts';
import { query } from './query.ts';
import { simulate } from './simulate.ts';
import { store } from './store.ts';
import { schema } from './schema.ts';
import { completionOf } from './completion.ts';
import { logs } from './logs.ts';
import { manualOf } from './manual.ts';
import { serve } from './serve.ts';
import { shell } from './shell.ts';

/** Every command, in the order that help lists them. */
export const commands: Record<string, Command> = {
  init,
  validate,
  plan,
  explain,
  query,
  graph,
  compare,
  build,
  test,
  docs,
  logs,
  shell,
  serve,
  lock,
  mirror,
  prepare,
  work,
  publish,
  report,
  reproduce,
  channel,
  promote,
  rollback,
  image,
  simulate,
  store,
  clean,
  abi,
  jobs,
  deploy,
  schema,
  doctor,
  completion: completionOf(() => commands),
  manual: manualOf(() => commands),
};
