import { error, nearest, type Diagnostic } from '../model/diagnostics.ts';
import type { Distro } from '../model/distro.ts';
import { hasBios, hasFirmware } from '../model/images.ts';
import type { Locator } from './yaml.ts';

/** Checks the references of images to other parts of distro.yaml; collects all faults. */
export function imageReferences(distro: Distro, locator: Locator, file: string): Diagnostic[] {
  const faults: Diagnostic[] = [];
  for (const [name, image] of Object.entries(distro.images)) {
    const fault = (code: string, message: string, path: PropertyKey[], hint?: string) =>
      faults.push(error(code, message, { file, line: locator.line(['images', name, ...path]), hint }));
    const invalid = (message: string, path: PropertyKey[], hint?: string) =>
      fault('distro-invalid', `images.${name}${message}`, path, hint);
    const known = (what: string, value: string, names: string[], path: PropertyKey[]): boolean => {
      if (names.includes(value)) return true;
      const near = nearest(value, names);
      fault(
        'distro-reference',
        `images.${name} names the ${what} '${value}', which is not defined`,
        path,
        near ? `did you mean '${near}'?` : `known: ${[...names].sort().join(', ')}`,
      );
      return false;
    };
    const distributions = Object.keys(distro.distributions);
    if (image.distribution === undefined && distributions.length > 1)
      invalid('.distribution is missing', [], `say which of ${distributions.sort().join(', ')}`);
    else if (
      image.distribution === undefined ||
      known('distribution', image.distribution, distributions, ['distribution'])
    )
      checkPlatform(distro, name, image.distribution ?? distributions[0] ?? '', known, invalid);
    if (image.kinds.includes('ami') && !image.ami)
      invalid('.ami is missing', ['kinds'], 'an AMI needs `ami: {region: …}`');
    if (image.state !== undefined && image.channel === undefined)
      invalid('.channel is missing', ['state'], 'a state is one of a channel');
    if (image.partitions === 'ab' && image.kinds.includes('ami'))
      invalid('.partitions is ab, which an AMI can not have', ['partitions'], 'make the AMI an image of its own');
    if (image.partitions === 'ab' && hasBios(image))
      invalid(
        '.boot has bios, which can not choose between two roots',
        ['boot'],
        '`partitions: ab` needs UEFI: systemd-boot counts how often a root was tried',
      );
    if (image.partitions === 'ab' && name.length > 12)
      invalid(
        ' has a name that is too long for `partitions: ab`',
        ['partitions'],
        'at most 12 characters: it names partitions',
      );
    const twice = <T>(what: string, all: readonly T[], key: (item: T) => string) => {
      const seen = new Set<string>();
      all.forEach((item, i) => {
        if (seen.has(key(item))) invalid(`.${what} has '${key(item)}' twice`, [what, i]);
        seen.add(key(item));
      });
    };
    twice('kinds', image.kinds, String);
    twice('users', image.users, (u) => u.name);
    twice('files', image.files, (f) => f.to);
    twice('services', image.services, String);
  }
  return faults;
}

function checkPlatform(
  distro: Distro,
  name: string,
  distributionName: string,
  known: (what: string, value: string, names: string[], path: PropertyKey[]) => boolean,
  invalid: (message: string, path: PropertyKey[], hint?: string) => void,
): void {
  const image = distro.images[name];
  const distribution = distro.distributions[distributionName];
  if (!image || !distribution) return;
  const { platforms, variants } = distribution;
  if (image.platform === undefined && platforms.length > 1) {
    invalid('.platform is missing', [], `say which of ${[...platforms].sort().join(', ')}`);
    return;
  }
  if (image.platform !== undefined && !known('platform', image.platform, platforms, ['platform'])) return;
  if (image.variant !== 'default') known('variant', image.variant, variants, ['variant']);
  const platform = distro.platforms[image.platform ?? platforms[0] ?? ''];
  if (!platform) return;
  const parameter = image.ami?.parameter;
  const count = (image.architectures ?? platform.architectures).length;
  if (parameter !== undefined && count > 1 && !parameter.includes('{architecture}'))
    invalid(
      `.ami.parameter is one for ${count} architectures, each of which would overwrite it`,
      ['ami', 'parameter'],
      `write {architecture} into it: ${parameter}/{architecture}`,
    );
  image.architectures?.forEach((a, i) => known('architecture', a, platform.architectures, ['architectures', i]));
  for (const architecture of image.architectures ?? platform.architectures) {
    if (hasBios(image) && architecture !== 'amd64')
      invalid(`.boot has bios, which ${architecture} does not know`, ['boot'], 'only amd64 starts by a BIOS');
    if (image.kinds.some((k) => k === 'disk' || k === 'ami') && !hasFirmware(architecture))
      invalid(
        `.kinds has a disk, which is not made for ${architecture}`,
        ['kinds'],
        'disks are made for amd64 and arm64: name `architectures`',
      );
  }
}
