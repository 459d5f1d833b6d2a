import type { Distro } from '../model/distro.ts';
import { warning, type Diagnostic } from '../model/diagnostics.ts';
import { maintainerOf } from '../model/names.ts';

/** Warns about publishing without a maintainer's address. */
export const maintainerUnset = (distro: Distro, at: { file: string; line?: number | undefined }): Diagnostic[] =>
  distro.maintainer !== undefined
    ? []
    : [
        warning('maintainer-unset', `packages that Slipway generates get the maintainer ${maintainerOf(distro)}`, {
          ...at,
          hint: 'set `maintainer: Your Team <team@example.org>` in distro.yaml',
        }),
      ];
