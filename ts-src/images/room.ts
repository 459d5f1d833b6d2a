import { join } from 'node:path';
import { aptCache, type Base } from '../sandbox/base-system.ts';
import type { Bind } from '../sandbox/driver.ts';
import type { PackageMirror } from '../sandbox/package-mirror.ts';
import type { UnshareDriver } from '../sandbox/unshare.ts';
import type { Store } from '../store/store.ts';

/** Where images are made: what all steps need. */
export interface Room {
  driver: UnshareDriver;
  store: Store;
  /** This machine's folder. */
  state: string;
  base: Base;
  /** Where packages of the platform are kept, where they are. */
  mirror: PackageMirror | undefined;
  /** Seconds since 1970: no file of the base or of the platform's packages is newer. */
  epoch: number;
  log: string;
  proxy: () => Promise<string | undefined>;
  progress: (text: string) => void;
  signal: AbortSignal;
}

/** What images keep on this machine. */
export const imagesFolder = (state: string): string => join(state, 'images');

/** apt's lists and its caches of them, as `image-layer.sh` looks for them. */
export const listBinds = (base: Base): Bind[] => [
  { from: base.lists, to: '/var/lib/apt/lists', readOnly: true },
  { from: aptCache(base), to: '/tmp/slipway/caches', readOnly: true },
];
