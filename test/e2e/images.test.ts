import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import * as z from 'zod';
import { discard, example, slipway, sources, type Ran } from './helpers.ts';

const manifests = z.array(z.object({ Config: z.string(), RepoTags: z.array(z.string()), Layers: z.array(z.string()) }));
const member = (tar: string, path: string): string => execFileSync('tar', ['-xOf', tar, path], { encoding: 'utf8' });
const manifestOf = (tar: string): z.output<typeof manifests>[number] => {
  const [first] = manifests.parse(JSON.parse(member(tar, 'manifest.json')));
  if (!first) throw new Error(`${tar} has no image`);
  return first;
};
/** Paths in a layer of an image. */
const filesIn = (tar: string, layer: string): string[] =>
  execFileSync('sh', ['-c', 'tar -xOf "$1" "$2" | tar -tf -', 'sh', tar, layer], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
    .split('\n')
    .map((p) => p.replace(/^\.\//, ''));

describe('images of the example', () => {
  let folder: string;
  let first: Ran;
  let tar: string;
  const images = () => readdirSync(join(folder, 'out/images')).map((f) => join(folder, 'out/images', f));
  const build = (...args: string[]) =>
    slipway(['image', 'build', 'robot', '--local', '--kind', 'docker', ...args], folder);
  beforeAll(async () => {
    folder = example('images');
    const built = await slipway(['build', '--distribution', 'mini'], folder);
    expect(built.code, built.stderr).toBe(0);
    first = await build();
    tar = images()[0] ?? '';
  });
  afterAll(() => discard(folder));

  it('are made from the last build, with a layer for the base, the system and the packages', () => {
    expect(first.code, first.stderr).toBe(0);
    expect(first.stdout.trim()).toBe(tar);
    expect(tar).toMatch(/\/robot_\d{14}-[0-9a-f]{8}_amd64\.docker\.tar$/);
    const { Layers, RepoTags } = manifestOf(tar);
    expect(RepoTags).toContain('acme/robot:local');
    expect(Layers.length).toBe(3);
    const own = filesIn(tar, Layers[2] ?? '');
    for (const path of [
      'etc/slipway/image.json',
      'etc/apt/keyrings/slipway.asc',
      'usr/lib/slipway/entrypoint',
      'opt/acme/mini/bin/drive',
    ])
      expect(own).toContain(path);
    const all = Layers.flatMap((layer) => filesIn(tar, layer));
    const unwanted = all.filter((p) =>
      /^(var\/lib\/apt\/lists\/.*_Packages|var\/cache\/apt\/.*(\.bin|\.deb)|etc\/ssh\/ssh_host|usr\/sbin\/policy-rc\.d|run\/slipway|tmp\/.)/.test(
        p,
      ),
    );
    expect(unwanted).toEqual([]);
  });

  it('have the same bytes when built from nothing at another time', async () => {
    const bytes = readFileSync(tar);
    rmSync(join(folder, 'out/images'), { recursive: true });
    for (const name of ['images', 'image-lists']) rmSync(join(folder, '.slipway/store', name), { recursive: true });
    rmSync(join(folder, '.slipway/images'), { recursive: true });
    mkdirSync(join(folder, '.slipway/images'));
    // The form that mmdebstrap of Debian 13 leaves.
    const base: unknown = JSON.parse(
      readFileSync(join(folder, '.slipway/bases/image.bookworm-amd64/current.json'), 'utf8'),
    );
    const { lists } = z.object({ lists: z.string() }).parse(base);
    utimesSync(lists, new Date(), new Date());
    const again = await build();
    expect(again.code, again.stderr).toBe(0);
    expect(again.stderr).not.toContain('nothing to do');
    expect(readFileSync(tar).equals(bytes)).toBe(true);
  });

  it('are not rebuilt without changes; after a change of a package only their last layer is', async () => {
    const again = await build();
    expect(again.stderr).toContain('nothing to do');
    expect(again.stdout).toBe(first.stdout);
    const before = manifestOf(tar);
    appendFileSync(join(folder, 'src/robot/acme_drive/src/drive.cpp'), '\nint unused() { return 1; }\n');
    sources(folder);
    expect((await slipway(['build', '--distribution', 'mini'], folder)).code).toBe(0);
    const changed = await build();
    expect(changed.code, changed.stderr).toBe(0);
    expect(changed.stderr).not.toContain('system layer');
    const after = manifestOf(changed.stdout.trim());
    expect(after.Layers.slice(0, 2)).toEqual(before.Layers.slice(0, 2));
    expect(after.Layers[2]).not.toBe(before.Layers[2]);
    const version = /robot_(\S+)_amd64/.exec(tar)?.[1] ?? '';
    const diff = await slipway(['image', 'diff', `robot@${version}`, 'robot'], folder);
    expect(diff.stdout).toMatch(/~ +acme-mini-acme-drive/);
    expect(diff.stdout).not.toContain('acme-mini-acme-msgs');
    const listed: unknown = JSON.parse((await slipway(['image', 'list', '--json'], folder)).stdout);
    expect(listed).toMatchObject([{ name: 'robot' }, { name: 'robot' }]);
  });

  it('refuse a secret, and report a failing hook and missing packages', async () => {
    const distro = readFileSync(join(folder, 'distro.yaml'), 'utf8');
    const write = (more: string) => writeFileSync(join(folder, 'distro.yaml'), `${distro}    ${more}\n`);
    writeFileSync(
      join(folder, 'key'),
      `-----BEGIN OPENSSH PRIVATE KEY-----\n${'b3BlbnNzaC1rZXktdjEAAAAA\n'.repeat(4)}-----END OPENSSH PRIVATE KEY-----\n`,
    );
    writeFileSync(join(folder, 'hook'), '#!/bin/sh\necho this hook fails >&2\nexit 3\n');
    write('files: [{from: key, to: /etc/robot.key}]');
    const secret = await build();
    expect(secret.code).toBe(1);
    expect(secret.stderr).toContain("the image 'robot' would hold a private key: /etc/robot.key");
    // Secrets in an overlay, and secrets that a hook leaves behind, also in a folder of the packages.
    mkdirSync(join(folder, 'planted/etc/ssh'), { recursive: true });
    mkdirSync(join(folder, 'planted/root/.docker'), { recursive: true });
    writeFileSync(join(folder, 'planted/root/.docker/config.json'), '{"auths": {"example.org": {"auth": "YWRhOng="}}}');
    writeFileSync(join(folder, 'planted/etc/robot.conf'), `id = AKIA${'A'.repeat(16)}\n`);
    writeFileSync(join(folder, 'planted/etc/mirror'), 'https://ada:secret@example.org/\n');
    writeFileSync(
      join(folder, 'plant'),
      `#!/bin/sh\nmkdir -p /home/ada/.ssh /usr/share/robot\necho x > /home/ada/.ssh/id_ed25519\necho ghp_${'a'.repeat(36)} > /usr/share/robot/token\n`,
    );
    write('overlay: planted\n    hook: plant');
    const planted = await build();
    expect(planted.code).toBe(1);
    for (const text of [
      'logins: /root/.docker/config.json',
      'an AWS access key: /etc/robot.conf',
      'a URL with a password: /etc/mirror',
      'an SSH key: /home/ada/.ssh/id_ed25519',
      'a GitHub token: /usr/share/robot/token',
    ])
      expect(planted.stderr).toContain(text);
    write('hook: hook');
    const hook = await build();
    expect(hook.code).toBe(1);
    expect(hook.stderr).toContain('the hook failed');
    expect(hook.stderr).toContain('[image-hook]');
    write('system: [no-such-package-anywhere]');
    const missing = await build();
    expect(missing.code).toBe(1);
    expect(missing.stderr).toContain('Unable to locate package no-such-package-anywhere');
    writeFileSync(join(folder, 'distro.yaml'), distro);
    // The failed builds left nothing behind, and earlier results still exist.
    expect((await build()).stderr).toContain('nothing to do');
  });

  it('survive a clean-up of the store', async () => {
    const collected = await slipway(['store', 'gc', '--days', '0'], folder);
    expect(collected.code, collected.stderr).toBe(0);
    rmSync(join(folder, 'out/images'), { recursive: true });
    const got = await slipway(['image', 'get', 'robot', '--kind', 'docker'], folder);
    expect(got.code, got.stderr).toBe(0);
    expect(manifestOf(got.stdout.trim()).Layers.length).toBe(3);
  });
});
