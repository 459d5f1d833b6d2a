import { linesOf, shortened } from '../text/cut.ts';
import { linkSync, copyFileSync } from 'node:fs';
import { join } from 'node:path';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import { isPinnedPackage } from '../model/names.ts';
import { readJson, writeWhole, makeFolder } from '../io/files.ts';
import { aptEnvironment } from '../sandbox/base-system.ts';
import { enterToInstall } from '../sandbox/install-entry.ts';
import { newScratch } from '../sandbox/scratch.ts';
import type { OwnPackage } from './closure.ts';
import { imagesFolder, listBinds, type Room } from './room.ts';
import { reasonOf } from '../io/process.ts';

const aptSimulate = `cp /tmp/slipway/caches/*.bin /tmp/
apt-get -q -o APT::Sandbox::User=root -o APT::Install-Recommends=false -o Debug::NoLocking=1 \\
  -o Dir::Cache::pkgcache=/tmp/pkgcache.bin -o Dir::Cache::srcpkgcache=/tmp/srcpkgcache.bin \\
  --simulate install -- "$@" 2>&1`;

/** Most lines of an answer of apt, which has three for each package. */
const mostLines = 500_000;

/** What apt says of packages that it can't install: its first lines. */
function reasonsIn(text: string): string[] {
  const reasons: string[] = [];
  for (const line of linesOf(text))
    if (/^(E:| \S+ : )/.test(line) && reasons.push(shortened(line.trim(), 500)) === 8) break;
  return reasons;
}

/** Places packages of the distribution from the store in a folder. */
export async function placeOwn(room: Room, own: readonly OwnPackage[], folder: string): Promise<Result<string[]>> {
  makeFolder(folder);
  const lost: string[] = [];
  const placed = await room.store.many(own, async (p) => {
    const name = `${p.name}.deb`;
    const path = await room.store.path({ name, sha256: p.sha256, size: p.size });
    if (path === undefined) {
      lost.push(p.name);
      return name;
    }
    try {
      linkSync(path, join(folder, name));
    } catch {
      copyFileSync(path, join(folder, name));
    }
    return name;
  });
  return lost.length
    ? bad(
        error(
          'state-lost',
          `the store lost ${lost.length} packages of the state: ${lost.sort().slice(0, 5).join(', ')}`,
          {
            hint: 'build them again, then build the image from the new state',
          },
        ),
      )
    : good(placed);
}

/**
 * System packages that apt adds to the base for an image, as `name=version`, sorted, without the distribution's own.
 * Answers are cached.
 */
export async function systemPackages(
  room: Room,
  image: string,
  own: readonly OwnPackage[],
  names: readonly string[],
): Promise<Result<string[]>> {
  const { base } = room;
  const question = sha256(JSON.stringify([base.digest, base.archive, own.map((p) => p.sha256), names]));
  const memory = join(imagesFolder(room.state), 'resolved', `${question}.json`);
  const known = readJson<unknown>(memory);
  const isSet = (v: unknown): v is string[] =>
    Array.isArray(v) && v.every((p) => typeof p === 'string' && isPinnedPackage(p));
  if (isSet(known)) return good(known);
  const work = newScratch(room.state);
  const placed = await placeOwn(room, own, join(work, 'debs'));
  if (!placed.ok) return placed;
  const asked = await enterToInstall(room.driver, room.state, {
    root: { layers: [base.root] },
    network: false,
    user: 'root',
    work,
    env: aptEnvironment(undefined),
    binds: [...listBinds(base), { from: join(work, 'debs'), to: '/tmp/slipway/debs', readOnly: true }],
    command: ['sh', '-ec', aptSimulate, 'apt', ...names, ...placed.value.map((n) => `/tmp/slipway/debs/${n}`)],
    signal: room.signal,
  });
  if (asked.code !== 0) {
    const reasons = reasonsIn(asked.stdout);
    return bad(
      error('image-packages', `apt can't install the packages of the image '${image}': ${reasons.join('; ')}`, {
        hint: reasons.length ? undefined : reasonOf(asked),
      }),
    );
  }
  const ours = new Set(own.map((p) => p.name));
  const found: string[] = [];
  let lines = 0;
  for (const line of linesOf(asked.stdout)) {
    const m = /^Inst (\S+) (?:\[[^\]]*\] )?\((\S+)/.exec(line);
    const name = m?.[1]?.replace(/:.*/, '') ?? '';
    if (m && !ours.has(name)) found.push(`${name}=${m[2] ?? ''}`);
    if (line.startsWith('Remv '))
      return bad(
        error(
          'image-packages',
          `apt would remove ${shortened(line.slice(5), 300)} to install the packages of '${image}'`,
        ),
      );
    if (++lines > mostLines) break;
  }
  if (lines > mostLines || !isSet(found))
    return bad(error('image-packages', `apt named invalid packages for the image '${image}'`));
  writeWhole(memory, JSON.stringify(found.sort()), { sync: false });
  return good(found);
}
