import { createHash } from 'node:crypto';
import { lstatSync, readFileSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { bad, compare, error, good, type Result } from '../model/diagnostics.ts';

/** Folders that the agents' image is made from, beside Debian's packages. */
const folders = ['ansible', 'packer'];
const day = 86_400_000;

/** Digest of the role's and Packer's files in a farm's folder: a change needs a new image. */
export function toolsetOf(root: string): Result<string> {
  const digest = createHash('sha256');
  try {
    for (const folder of folders) {
      const files = readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
        .map((name) => join(folder, name))
        .filter((file) => !basename(file).startsWith('.') && lstatSync(join(root, file)).isFile())
        .sort(compare);
      for (const file of files) {
        const text = readFileSync(join(root, file));
        digest.update(`${file}\0${text.length}\0`).update(text);
      }
    }
  } catch (e) {
    const why = e instanceof Error ? e.message : String(e);
    return bad(
      error('deploy-image', `the role and Packer's files can't be read: ${why}`, {
        hint: 'run it in the folder that `slipway deploy init` made',
      }),
    );
  }
  return good(digest.digest('hex').slice(0, 16));
}

/** An image as AWS describes it. */
export interface DescribedImage {
  id: string;
  created: string;
  tags: Readonly<Record<string, string>>;
}

/** Why a pool needs a new image; undefined if the current one is good. */
export function whyDue(
  named: string,
  image: DescribedImage | undefined,
  wanted: { organization: string; architecture: string; toolset: string; days: number },
  now: number,
): string | undefined {
  if (!image) return `${named} is not there any more`;
  if (image.tags.farm !== wanted.organization || image.tags['slipway-agent'] !== wanted.architecture)
    return `${named} is no image of this farm's agents`;
  // An image built from distro.yaml does not depend on the role.
  if (image.tags['slipway:image'] === undefined && image.tags['slipway-toolset'] !== wanted.toolset)
    return `the role or Packer's files have changed since ${named} was made`;
  const age = Math.floor((now - Date.parse(image.created)) / day);
  return age >= wanted.days ? `${named} is ${age} days old` : undefined;
}
