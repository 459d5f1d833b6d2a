import { join } from 'node:path';
import { aptCache, type Base } from '../sandbox/base-system.ts';
import type { Bind } from '../sandbox/driver.ts';
import type { PackageMirror } from '../sandbox/package-mirror.ts';
import type { UnshareDriver } from '../sandbox/unshare.ts';
import type { Store } from '../store/store.ts';

/** Common inputs of all steps that make images. */
export interface Room {
  driver: UnshareDriver;
  store: Store;
  /** The state folder. */
  state: string;
  base: Base;
  /** Mirror of the platform's packages, if configured. */
  mirror: PackageMirror | undefined;
  /** Time of the newest file in the base and the platform's packages, in seconds since 1970. */
  epoch: number;
  /** The version of tar, which writes layers. */
  tar: string;
  log: string;
  proxy: () => Promise<string | undefined>;
  progress: (text: string) => void;
  signal: AbortSignal;
}

/** The folder of images in the state. */
export const imagesFolder = (state: string): string => join(state, 'images');

/** apt's lists and caches, where `image-layer.sh` expects them. */
export const listBinds = (base: Base): Bind[] => [
  { from: base.lists, to: '/var/lib/apt/lists', readOnly: true },
  { from: aptCache(base), to: '/tmp/slipway/caches', readOnly: true },
];
