import { mkdirSync, readdirSync, realpathSync, renameSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import { exists, readIf, readJson, sha256File, writeWhole } from '../io/files.ts';
import { withMutex } from '../io/mutex.ts';
import { run } from '../io/process.ts';
import { readEnd } from '../io/untrusted.ts';
import { baseSources, underlaySources, type BasePlatform } from './archive.ts';
import { makeBaseArchive, watchRoom } from './base-archive.ts';
import type { Driver } from './driver.ts';
import { newScratch } from './scratch.ts';

/** A platform's base system on this machine. */
export interface Base {
  /** SHA-256 of its tar: the base's digest. */
  digest: string;
  /** Unpacked root. */
  root: string;
  /** apt's lists as they were when it was made: the archive's state. */
  lists: string;
  /** Digest of the lists. */
  archive: string;
  folder: string;
  tar: string;
  /** Debian packages (`name=version`) that it holds. */
  packages: string[];
  /** Seconds since 1970. */
  made: number;
  sources: string;
}

/** What makes a base, and the digest of it: two machines with the same digest want the same base. */
export function wantedBase(
  distroRoot: string,
  platform: BasePlatform,
  architecture: string,
): { sources: ReturnType<typeof baseSources> & { underlays: ReturnType<typeof underlaySources> }; wanted: string } {
  const sources = { ...baseSources(platform, distroRoot), underlays: underlaySources(platform, distroRoot) };
  const wanted = sha256(
    JSON.stringify([
      platform.os,
      platform.release,
      architecture,
      platform.image ? 'image' : platform.include,
      sources.lines,
      sources.underlays,
    ]),
  );
  return { sources, wanted };
}

/**
 * The base of a platform: the one at hand while it is younger than the platform's `renew_days`, else made by
 * mmdebstrap. Two runs that want it at once make it once.
 */
export async function ensureBase(
  driver: Driver,
  state: string,
  distroRoot: string,
  name: string,
  platform: BasePlatform,
  architecture: string,
  now: number,
  log: string,
  progress: (text: string) => void,
  pinned?: string,
): Promise<Result<Base>> {
  mkdirSync(join(state, 'bases'), { recursive: true });
  const folder = join(
    realpathSync(join(state, 'bases')),
    `${name}-${architecture}${driver.name === 'docker' ? '-docker' : ''}`,
  );
  const { sources, wanted } = wantedBase(distroRoot, platform, architecture);
  const current = (): Base | undefined => {
    const base = readJson<Base & { wanted: string }>(join(folder, 'current.json'));
    if (!base || base.wanted !== wanted || !exists(join(base.root, 'var/lib/dpkg/status')) || !exists(base.lists))
      return undefined;
    if (pinned) return base.digest === pinned ? base : undefined;
    return now / 1000 - base.made < platform.renew_days * 86400 ? base : undefined;
  };
  const there = current();
  if (there && (await driver.ready(there.root))) return good(there);
  return withMutex(
    join(folder, 'lock'),
    async () => {
      const other = current();
      if (other && (await driver.ready(other.root))) return good(other);

      for (const entry of readdirSync(folder)) if (entry.startsWith('new-')) await driver.remove(join(folder, entry));
      const work = join(folder, `new-${process.pid}`);
      const lists = join(work, 'lists');
      mkdirSync(lists, { recursive: true });
      const tar = join(work, 'base.tar');
      const proxy = platform.proxy ?? (await hostProxy());
      // The other driver's base serves as well: the same tar has the same digest, and so the same keys.
      const sibling =
        driver.name === 'docker'
          ? readJson<Base & { wanted: string }>(
              join(realpathSync(join(state, 'bases')), `${name}-${architecture}`, 'current.json'),
            )
          : undefined;
      const shared =
        sibling && sibling.wanted === wanted && platform.renew_days > 0 && exists(sibling.tar) && exists(sibling.lists)
          ? sibling
          : undefined;
      if (!shared)
        progress(
          `making the base system of ${name} (${platform.os} ${platform.release} ${architecture}) with mmdebstrap: about a minute`,
        );
      const wasFull = watchRoom(work);
      const made = shared
        ? await run('cp', ['-a', shared.tar, tar])
        : await makeBaseArchive({ platform, architecture, sources, work, log, proxy });
      const full = wasFull();
      if (made.code !== 0) {
        await driver.remove(work);
        return bad(
          made.code === 127
            ? error('tool-missing', 'mmdebstrap is not installed', {
                hint: 'slipway doctor says what this machine lacks',
              })
            : error(
                'base-failed',
                full || /No space left on device/.test(readEnd(log, 20_000))
                  ? `the disk is full: the base of '${name}' could not be made`
                  : `mmdebstrap could not make the base of '${name}' (${platform.os} ${platform.release} ${architecture})${firstError(log)}`,
                { file: log, hint: 'its log is there; is the archive reachable, and its keyring installed?' },
              ),
        );
      }
      const digest = await sha256File(tar);
      const root = join(work, 'root');
      const unpacked = await driver.unpack(tar, root);
      if (unpacked.code !== 0) {
        await driver.remove(work);
        return bad(
          error('base-failed', `can't unpack the base of '${name}': ${unpacked.stderr.trim().split('\n').pop()}`),
        );
      }
      if (shared && basename(shared.lists) === 'lists') {
        await run('rm', ['-rf', lists]);
        await run('cp', ['-a', shared.lists, lists]);
      }
      const listFiles = findLists(lists);
      const archive = sha256(
        JSON.stringify(await Promise.all(listFiles.sort().map(async (f) => [basename(f), await sha256File(f)]))),
      );
      const final = join(folder, `${digest.slice(0, 16)}-${archive.slice(0, 8)}`);
      if (exists(final)) await driver.remove(final);
      renameSync(work, final);
      const base: Base & { wanted: string } = {
        digest,
        archive,
        wanted,
        folder: final,
        root: join(final, 'root'),
        lists: join(final, 'lists', 'lists'),
        tar: join(final, 'base.tar'),
        packages: [],
        made: shared?.made ?? Math.floor(now / 1000),
        sources: sources.from,
      };
      if (!exists(base.lists)) base.lists = join(final, 'lists');
      const prepared = await prepareBase(driver, state, base);
      if (!prepared.ok) return prepared;
      base.packages = prepared.value;
      writeWhole(join(folder, 'current.json'), JSON.stringify(base));
      return good(base);
    },
    () => progress(`waiting for another slipway that makes the base of ${name}`),
  );
}

/**
 * Makes apt's caches once, for every later question; gives the packages that the base holds (`name=version`, sorted).
 */
export async function prepareBase(driver: Driver, state: string, base: Base): Promise<Result<string[]>> {
  const prepared = await driver.enter({
    root: { layers: [base.root] },
    network: false,
    user: 'root',
    work: newScratch(state),
    env: aptEnvironment(undefined),
    binds: [
      { from: base.lists, to: '/var/lib/apt/lists', readOnly: true },
      { from: cacheOf(base), to: '/var/cache/apt' },
    ],
    command: [
      'sh',
      '-ec',
      "mkdir -p /var/cache/apt/archives/partial; apt-cache gencaches >&2; dpkg-query -W -f '${Package}=${Version}\\n'",
    ],
  });
  if (prepared.code !== 0)
    return bad(
      error(
        'base-failed',
        `can't enter the base ${base.digest.slice(0, 12)}: ${prepared.stderr.trim().split('\n').pop()}`,
        { hint: 'slipway doctor tells whether this machine can make roots' },
      ),
    );
  return good(prepared.stdout.trim().split('\n').sort());
}

/** The first fault that mmdebstrap or apt wrote into a log. */
const firstError = (log: string): string => {
  const line = (readIf(log) ?? '')
    .trimEnd()
    .split('\n')
    .find((l) => l.startsWith('E: '));
  return line ? `: ${line.slice(3)}` : '';
};

const cacheOf = (base: Base): string => {
  const folder = join(base.folder, 'cache');
  mkdirSync(folder, { recursive: true });
  return folder;
};
export { cacheOf as aptCache };

const findLists = (folder: string): string[] =>
  readdirSync(folder, { recursive: true })
    .map(String)
    .map((f) => join(folder, f))
    .filter((f) => /_(Packages|InRelease|Release)(\.\w+)?$/.test(f) && statSync(f).isFile());

export async function hostProxy(): Promise<string | undefined> {
  if (process.env.http_proxy) return process.env.http_proxy;
  const asked = await run('apt-config', ['shell', 'P', 'Acquire::http::Proxy']);
  return /^P='([^']+)'/.exec(asked.stdout)?.[1];
}

/** The environment of apt inside a root. */
export const aptEnvironment = (proxy: string | undefined): Record<string, string> => ({
  DEBIAN_FRONTEND: 'noninteractive',
  LC_ALL: 'C.UTF-8',
  HOME: '/root',
  ...(proxy ? { http_proxy: proxy, https_proxy: process.env.https_proxy ?? proxy } : {}),
  ...(process.env.no_proxy ? { no_proxy: process.env.no_proxy } : {}),
});
