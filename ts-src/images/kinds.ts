import { join } from 'node:path';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import type { ImageKind } from '../model/images.ts';
import { dockerName, dockerTag, imageFile, imageVersion } from '../model/names.ts';
import { newScratch } from '../sandbox/scratch.ts';
import type { Facts } from './facts.ts';
import { renderDisk } from './disk.ts';
import { writeDockerTar } from './docker.ts';
import { renderLxd } from './lxd.ts';
import { toolFailed, type Rendered, type RenderOptions } from './rendered.ts';
import type { MadeRoot } from './root.ts';
import type { Room } from './room.ts';

/** Renders a root as one kind of image. */
export async function render(
  kind: ImageKind,
  room: Room,
  facts: Facts,
  root: MadeRoot,
  options: RenderOptions,
): Promise<Result<Rendered>> {
  switch (kind) {
    case 'docker':
      return docker(facts, root, options);
    case 'rootfs':
      return rootfs(room, facts, root, options);
    case 'lxd':
      return renderLxd(room, facts, root, options);
    case 'disk':
    case 'ami':
      return renderDisk(room, facts, root, options);
  }
}

const fileOf = (facts: Facts, key: string, ending: string): string =>
  imageFile(facts.image.name, imageVersion(facts.state.stamp, key), facts.image.target.architecture, ending);

/** Tags of a docker image: by version and by channel. */
export function dockerTags(facts: Pick<Facts, 'distro' | 'image' | 'state' | 'channel'>, key: string): string[] {
  const name = facts.image.spec.repository ?? dockerName(facts.distro.organization, facts.image.name);
  return [`${name}:${imageVersion(facts.state.stamp, key)}`, `${name}:${dockerTag(facts.channel)}`];
}

/** Settings of a docker image besides its layers. */
export const dockerSettings = (facts: Facts, key: string, epoch: number) => ({
  command: facts.image.spec.command ?? [],
  labels: {
    'org.opencontainers.image.title': facts.image.name,
    'org.opencontainers.image.vendor': facts.distro.organization,
    'org.opencontainers.image.version': imageVersion(facts.state.stamp, key),
    'org.slipway.channel': facts.channel,
    'org.slipway.state': facts.stateId,
  },
  time: epoch,
});

async function docker(facts: Facts, root: MadeRoot, { folder, key, epoch }: RenderOptions): Promise<Result<Rendered>> {
  const file = join(folder, fileOf(facts, key, 'docker.tar'));
  const written = await writeDockerTar(
    {
      architecture: facts.image.target.architecture,
      layers: root.parts.map(({ layer, what }) => ({ diffId: layer.diffId, tar: layer.tar, size: layer.size, what })),
      ...dockerSettings(facts, key, epoch),
    },
    dockerTags(facts, key),
    file,
  );
  if (written.damaged) {
    const { what, tar } = written.damaged;
    return bad(
      error('image-render', `the ${what} layer of '${facts.image.name}' is damaged on this machine's disk: ${tar}`, {
        hint: 'remove the cached layers with `slipway clean`; the next build makes them again',
      }),
    );
  }
  return good({ files: [file], digests: new Map([[file, written.sha256]]), id: written.id });
}

const rootfsScript = `tar --create --format=pax --pax-option=exthdr.name=%d/PaxHeaders/%f,delete=atime,delete=ctime --sort=name \\
  --numeric-owner --xattrs --xattrs-include=security.capability --mtime="@$1" --clamp-mtime --one-file-system \\
  --directory m . | zstd -3 -T0 --quiet -o "$2"`;

async function rootfs(room: Room, facts: Facts, root: MadeRoot, options: RenderOptions): Promise<Result<Rendered>> {
  const file = join(options.folder, fileOf(facts, options.key, 'rootfs.tar.zst'));
  const packed = await room.driver.read({
    layers: root.layers.map((l) => l.root),
    work: newScratch(room.state),
    command: ['bash', '-o', 'pipefail', '-c', rootfsScript, 'rootfs', String(options.epoch), file],
    signal: room.signal,
  });
  return packed.code === 0 ? good({ files: [file] }) : bad(toolFailed('tar and zstd', packed));
}
