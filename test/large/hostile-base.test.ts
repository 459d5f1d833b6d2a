import { execFileSync, spawnSync } from 'node:child_process';
import { chmodSync, createReadStream, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join, normalize } from 'node:path';
import { expect, it } from 'vitest';
import { parseDistro } from '../../ts-src/read/distro.ts';
import { ensureBase } from '../../ts-src/sandbox/base-system.ts';
import { unshareDriver } from '../../ts-src/sandbox/unshare.ts';
import { discard, processesIn, workspace } from '../e2e/helpers.ts';
import { portOf } from '../port.mjs';

const size = 3 * 2 ** 30;

/** An archive with one package, whose postinst writes without end. */
function makeArchive(folder: string): void {
  mkdirSync(join(folder, 'package/DEBIAN'), { recursive: true });
  chmodSync(join(folder, 'package/DEBIAN'), 0o755);
  writeFileSync(
    join(folder, 'package/DEBIAN/control'),
    'Package: acme-filler\nVersion: 1\nArchitecture: all\nMaintainer: A <a@example.org>\nDescription: d\n',
  );
  const script = '#!/bin/sh\ni=0; while :; do head -c 16M /dev/zero > /fill$i; i=$((i + 1)); sleep 0.05; done\n';
  writeFileSync(join(folder, 'package/DEBIAN/postinst'), script, { mode: 0o755 });
  const make = `cd "$1"; dpkg-deb --root-owner-group --build package filler.deb; mkdir -p dists/x/main/binary-amd64
for a in amd64; do apt-ftparchive packages . > dists/x/main/binary-$a/Packages; done
apt-ftparchive -o APT::FTPArchive::Release::Suite=x -o APT::FTPArchive::Release::Components=main \\
  -o APT::FTPArchive::Release::Architectures=amd64 release dists/x > Release && mv Release dists/x/Release`;
  execFileSync('sh', ['-ec', make, 'sh', folder], { stdio: ['ignore', 'ignore', 'inherit'] });
}

it('a package of an archive that fills the disk while a base is made ends that base', async () => {
  expect(process.getuid?.(), 'this test mounts a file system: run it as root').toBe(0);
  const folder = workspace('base-disk');
  const [archive, state] = [join(folder, 'archive'), join(folder, 'state')];
  makeArchive(archive);
  mkdirSync(state);
  execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${size}`, 'none', state]);
  const server = createServer((request, response) => {
    const path = join(archive, normalize(decodeURIComponent(request.url ?? '/')));
    if (!existsSync(path) || !statSync(path).isFile()) return response.writeHead(404).end();
    createReadStream(path).pipe(response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const distro = parseDistro(
      `organization: acme
distributions: {d: {platforms: [bookworm], folders: [src], ros_version: 1}}
platforms:
  bookworm:
    os: debian
    release: bookworm
    include: [acme-filler]
    underlays: {u: {uri: "http://127.0.0.1:${portOf(server)}", suite: x, trusted: true, prefix: /opt/u}}
`,
      'distro.yaml',
    );
    if (!distro.ok) throw new Error(distro.diagnostics.map((d) => d.message).join('\n'));
    const { bookworm } = distro.value.platforms;
    if (bookworm === undefined) throw new Error('no platform');
    let least = size;
    const watch = setInterval(() => {
      const used = execFileSync('df', ['--output=avail', '-B1', state], { encoding: 'utf8' });
      least = Math.min(least, Number(used.split('\n')[1]));
    }, 250);
    const made = await ensureBase({
      driver: unshareDriver(),
      state,
      distroRoot: folder,
      name: 'bookworm',
      platform: bookworm,
      architecture: 'amd64',
      now: Date.now(),
      log: join(folder, 'log'),
      progress: () => undefined,
    });
    clearInterval(watch);
    const told = made.ok ? [] : made.diagnostics.map((d) => d.message);
    expect(told, readFileSync(join(folder, 'log'), 'utf8').slice(-2000)).toEqual([
      "the disk is full: the base of 'bookworm' could not be made",
    ]);
    // It ends before nothing is left for others.
    expect(least).toBeGreaterThan(0);
    expect(processesIn(state)).toEqual([]);
    expect(Number(execFileSync('du', ['-s', '-B1', state], { encoding: 'utf8' }).split('\t')[0])).toBeLessThan(1 << 20);
  } finally {
    server.close();
    // The program that held its lock is still ending.
    await expect.poll(() => spawnSync('umount', [state]).status).toBe(0);
    await discard(folder);
  }
}, 600_000);
