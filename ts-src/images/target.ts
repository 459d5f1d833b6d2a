import { bad, error, good, nearest, type Result } from '../model/diagnostics.ts';
import type { Distro } from '../model/distro.ts';
import type { ImageSpec } from '../model/images.ts';
import type { Target } from '../model/plan.ts';

/** One image for one architecture. */
export interface ImageTarget {
  name: string;
  spec: ImageSpec;
  distribution: string;
  target: Target;
}

/** The targets of an image, one per architecture. References between settings were checked before. */
export function targetsOf(distro: Distro, name: string): Result<ImageTarget[]> {
  const spec = Object.hasOwn(distro.images, name) ? distro.images[name] : undefined;
  if (!spec)
    return bad(
      error('image-unknown', `distro.yaml has no image '${name}'`, {
        hint: otherImages(name, Object.keys(distro.images)),
      }),
    );
  const distribution = spec.distribution ?? Object.keys(distro.distributions)[0] ?? '';
  const platformName = spec.platform ?? distro.distributions[distribution]?.platforms[0] ?? '';
  const platform = distro.platforms[platformName];
  if (!platform) throw new Error(`the platform ${platformName} of the image ${name} was not checked`);
  return good(
    [...(spec.architectures ?? platform.architectures)].sort().map((architecture) => ({
      name,
      spec,
      distribution,
      target: {
        platform: platformName,
        os: platform.os,
        release: platform.release,
        architecture,
        variant: spec.variant,
      },
    })),
  );
}

/** Kinds that start as a machine with systemd, and kinds with their own kernel. */
export const isMachine = (kind: ImageSpec['kinds'][number]): boolean => kind !== 'docker' && kind !== 'rootfs';
export const hasKernel = (kind: ImageSpec['kinds'][number]): boolean => kind === 'disk' || kind === 'ami';

function otherImages(name: string, known: string[]): string {
  const near = nearest(name, known);
  if (near !== undefined) return `did you mean '${near}'?`;
  return known.length ? `it has ${known.sort().join(', ')}` : 'there are none: add it under images';
}
