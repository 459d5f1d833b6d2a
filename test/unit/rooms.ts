import { join } from 'node:path';
import type { Room } from '../../ts-src/images/room.ts';
import type { Base } from '../../ts-src/sandbox/base-system.ts';
import type { UnshareDriver } from '../../ts-src/sandbox/unshare.ts';
import { openStore } from '../../ts-src/store/open-store.ts';

/** A base whose files are in a folder. */
export const baseIn = (folder: string): Base => ({
  digest: 'b'.repeat(64),
  archive: 'a'.repeat(64),
  root: join(folder, 'root'),
  lists: join(folder, 'lists'),
  folder,
  tar: join(folder, 'base.tar'),
  packages: [],
  made: 0,
  sources: 'mirror',
});

/** What makes images over such a base, with a state and a store in the folder. */
export const roomIn = async (folder: string, driver: UnshareDriver): Promise<Room> => ({
  driver,
  store: await openStore('file:store', folder, join(folder, 'state'), undefined),
  state: join(folder, 'state'),
  base: baseIn(folder),
  mirror: undefined,
  epoch: 0,
  tar: '1',
  log: join(folder, 'log'),
  proxy: () => Promise.resolve(undefined),
  progress: () => undefined,
  signal: new AbortController().signal,
});
