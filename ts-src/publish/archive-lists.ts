import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { exists, readJson } from '../io/files.ts';
import { run } from '../io/process.ts';
import type { Distro } from '../model/distro.ts';
import type { Lockfile } from '../model/lockfile.ts';
import { isObject, isStoredFile } from '../model/stored.ts';
import type { Store } from '../store/store.ts';
import { partsOf } from '../text/cut.ts';
import { fieldOf } from '../text/stanza.ts';

/** Size limit of an archive's lists in bytes. */
const largest = 1 << 30;
/** The same for lists that are read from files. */
const largestText = 256 << 20;

/** The lockfile's name of the platform of a suite with architecture. */
export function platformOf(distro: Pick<Distro, 'platforms'>, lock: Lockfile, suite: string): string | undefined {
  const architecture = suite.slice(suite.lastIndexOf('/') + 1);
  return Object.entries(distro.platforms)
    .filter(([, p]) => suite.startsWith(`${p.release}-`))
    .map(([name]) => `${name}-${architecture}`)
    .find((id) => Object.hasOwn(lock.platforms, id));
}

/**
 * Packages of the archive that a locked platform's base was made from, from the base on this machine or in the store.
 * Undefined if neither exists.
 */
export async function archivePackages(
  store: Store,
  folder: string,
  id: string,
  locked: { base: string; archive: string },
): Promise<string[] | undefined> {
  const digest = /^[0-9a-f]{64}$/;
  if (!digest.test(locked.base) || !digest.test(locked.archive)) return undefined;
  const text = hereText(folder, id, locked) ?? (await storedText(store, locked));
  return text === undefined ? undefined : stanzasIn(text, folder);
}

/** Maximum number of packages in lists; Debian has 70,000. */
const mostPackages = 2_000_000;

function stanzasIn(text: string, path: string): string[] {
  const stanzas: string[] = [];
  for (const part of partsOf(text, '\n\n')) {
    // After an odd number of line ends.
    const stanza = part.startsWith('\n') ? part.slice(1) : part;
    if (fieldOf(stanza, 'Package') === undefined) continue;
    if (stanzas.push(stanza) > mostPackages)
      throw Object.assign(new Error(`${path}: too many packages`), { code: 'ELARGE', path });
  }
  return stanzas;
}

function hereText(folder: string, id: string, locked: { base: string; archive: string }): string | undefined {
  const here = readJson<{ digest?: unknown; archive?: unknown; lists?: unknown }>(
    join(folder, 'bases', id, 'current.json'),
  );
  if (!here || here.digest !== locked.base || here.archive !== locked.archive) return undefined;
  const lists = here.lists;
  if (typeof lists !== 'string' || !exists(lists)) return undefined;
  const names = readdirSync(lists).filter((name) => name.endsWith('_Packages'));
  const bytes = names.reduce((sum, name) => sum + statSync(join(lists, name)).size, 0);
  if (bytes > largestText) throw Object.assign(new Error(`${lists}: too large`), { code: 'ELARGE', path: lists });
  return names.length ? names.map((name) => readFileSync(join(lists, name), 'utf8')).join('\n') : undefined;
}

async function storedText(store: Store, { base, archive }: { base: string; archive: string }) {
  const kept = await store.readJson(`bases/${base}-${archive.slice(0, 16)}.json`);
  const path = isObject(kept) && isStoredFile(kept.lists) ? await store.path(kept.lists) : undefined;
  if (!path) return undefined;
  const read = await run('tar', ['-x', '-z', '-O', '--wildcards', '-f', path, '*_Packages'], { limit: largest });
  return read.code === 0 && read.stdout ? read.stdout : undefined;
}
