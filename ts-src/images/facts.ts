import type { Distro } from '../model/distro.ts';
import type { State } from '../publish/state.ts';
import type { Inputs } from './inputs.ts';
import type { ImageTarget } from './target.ts';

/** What an image's configuration is made of. */
export interface Facts {
  distro: Distro;
  image: ImageTarget;
  inputs: Inputs;
  channel: string;
  stateId: string;
  state: State;
  /** Where machines reach the channel's repository, its suite and its public key. */
  repository: { uri: string; suite: string; key: string };
}
