import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { makeFolder } from '../io/files.ts';
import { writeFile } from '../io/write.ts';
import { hostName, installPrefix } from '../model/names.ts';
import { sha256 } from '../model/digest.ts';
import { hasBios } from '../model/images.ts';
import { renderSources } from '../render/sources.ts';
import { environmentScript } from './environment.ts';
import type { Facts } from './facts.ts';
import { machineUnits } from './machine.ts';
import { scripts } from './scripts.ts';

/** Digest of an image's settings in distro.yaml and of the files that they name. */
export const specDigest = ({ image, inputs }: Pick<Facts, 'image' | 'inputs'>): string =>
  sha256(JSON.stringify([image.spec, inputs.digest]));

/** /etc/slipway/image.json: the contents of the image, for people who inspect a robot. */
const imageJson = (facts: Facts): string =>
  `${JSON.stringify(
    {
      schema: 1,
      image: facts.image.name,
      organization: facts.distro.organization,
      channel: facts.channel,
      state: facts.stateId,
      lock: facts.state.lock?.sha256,
      stamp: facts.state.stamp,
      distribution: facts.image.distribution,
      platform: facts.image.target.platform,
      architecture: facts.image.target.architecture,
      spec: specDigest(facts),
      published: new Date(facts.state.when).toISOString(),
    },
    null,
    2,
  )}\n`;

/** Prefixes whose environment an image sets up, lowest first. */
function prefixesOf({ distro, image }: Facts): string[] {
  const platform = distro.platforms[image.target.platform];
  const below = (distro.distributions[image.distribution]?.underlay ?? []).flatMap((u) => {
    const prefix = platform?.underlays[u]?.prefix;
    return prefix === undefined || prefix === '/usr' ? [] : [prefix];
  });
  return [...below.reverse(), installPrefix(distro, image.distribution)];
}

/** Writes the folder that `image-setup.sh` reads. `machine`: tar of a machine's additional files. */
export function writeConfig(facts: Facts, folder: string, machine: Buffer | undefined): void {
  const { image, inputs, repository } = facts;
  const { spec } = image;
  makeFolder(join(folder, 'keys'));
  mkdirSync(join(folder, 'files'));
  const write = (name: string, data: string | Buffer) => writeFile(join(folder, name), data, { flag: 'wx' });
  write('setup.sh', scripts.setup);
  write('image.json', imageJson(facts));
  write('entrypoint', scripts.entrypoint);
  write('environment', environmentScript(prefixesOf(facts)));
  write('key.asc', repository.key);
  const sources = renderSources({
    uri: repository.uri,
    suite: repository.suite,
    architectures: [image.target.architecture],
    keyFile: '/etc/apt/keyrings/slipway.asc',
    key: repository.key,
  });
  write('slipway.sources', `${repository.uri.startsWith('http') ? '' : 'Enabled: no\n'}${sources}`);
  write('hostname', `${spec.hostname ?? hostName(image.name)}\n`);
  write('locale', `${spec.locale}\n`);
  write('timezone', `${spec.timezone}\n`);
  write(
    'users',
    spec.users.map((u) => `${u.name}\t${u.shell}\t${u.sudo ? 'yes' : 'no'}\t${u.groups.join(' ')}\n`).join(''),
  );
  for (const [user, keys] of inputs.keys) write(`keys/${user}`, keys);
  write('files.tsv', spec.files.map((f, i) => `${f.mode}\t${i}\t${f.to}\n`).join(''));
  inputs.files.forEach((data, i) => write(`files/${i}`, data));
  write('services', [...(machine ? machineUnits(image.target) : []), ...spec.services].map((s) => `${s}\n`).join(''));
  if (inputs.overlay) write('overlay.tar', inputs.overlay);
  if (inputs.hook) write('hook', inputs.hook);
  if (machine) write('machine.tar', machine);
  if (machine && hasBios(spec)) write('bios', '');
}
