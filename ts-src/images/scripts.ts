import { sha256 } from '../model/digest.ts';
import check from '../../resources/templates/image-check.sh';
import disk from '../../resources/templates/image-disk.sh';
import entrypoint from '../../resources/templates/image-entrypoint.sh';
import grow from '../../resources/templates/image-grow.sh';
import layer from '../../resources/templates/image-layer.sh';
import setup from '../../resources/templates/image-setup.sh';

/** The scripts that make images. A change rebuilds images. */
export const scripts = { check, disk, entrypoint, grow, layer, setup } as const;

/** Digests of the script for layers of system packages, and of all scripts. */
export const layerRevision = sha256(layer);
export const imageRevision = sha256(JSON.stringify(scripts));
