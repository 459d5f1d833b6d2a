import type { Distro } from '../model/distro.ts';
import type { State } from '../publish/state.ts';
import type { Inputs } from './inputs.ts';
import type { ImageTarget } from './target.ts';

/** Inputs for an image's configuration. */
export interface Facts {
  distro: Distro;
  image: ImageTarget;
  inputs: Inputs;
  channel: string;
  stateId: string;
  state: State;
  /** The channel's repository for machines: URI, suite and public key. */
  repository: { uri: string; suite: string; key: string };
}
