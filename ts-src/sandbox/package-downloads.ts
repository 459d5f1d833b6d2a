import { mkdtempSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { inNamespace } from '../model/digest.ts';
import { bad, error, good, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { noteUse } from '../io/files.ts';
import { withMutex } from '../io/mutex.ts';
import type { Outcome } from '../io/process.ts';
import { slowly } from '../io/slow.ts';
import { aptOptions, copyCaches, listBinds } from './apt-call.ts';
import { aptEnvironment, type Base } from './base-system.ts';
import type { Driver } from './driver.ts';
import { downloadsFolder, takePackages } from './fetched-packages.ts';
import { enterToInstall, whyEnded } from './install-entry.ts';
import { ListedPackages } from './listed-packages.ts';
import { filePrefix, type PackageMirror } from './package-mirror.ts';
import { newScratch } from './scratch.ts';

/** Some of many names, for a message. */
export const shortList = (names: readonly string[]): string =>
  `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${names.length - 5} more` : ''}`;

const unlisted = (names: readonly string[]): Diagnostic =>
  error('system-fetch', `apt fetched ${shortList(names)}, whose content is not that of the archive's lists`, {
    hint: 'the archive may be in the middle of an update, or lists no SHA-256: try again, or use --renew-base',
  });

/** Inputs for making layers. */
export interface LayersRoom {
  driver: Driver;
  state: string;
  base: Base;
  proxy: () => Promise<string | undefined>;
  log: string;
  /** The namespace of an untrusted run in the store. */
  namespace?: string | undefined;
  /** Packages are stored here, and taken from here before any archive. Undefined: archives only. */
  mirror?: PackageMirror | undefined;
}

/** System packages of a base's archive on this machine: downloaded once, and verified. */
export class PackageDownloads {
  private lists: { read: ListedPackages | undefined } | undefined;

  constructor(private readonly room: LayersRoom) {}

  /** Stores a root's packages in the mirror. Fails if neither the mirror nor the archive has one. */
  async mirrored(packages: string[]): Promise<Result<true>> {
    if (!this.room.mirror || (await this.room.mirror.hasSet(packages))) return good(true);
    const fetched = await this.fetch(packages);
    if (fetched.ok) await this.room.mirror.noteSet(packages);
    return fetched;
  }

  /** What apt's lists of the base hold; undefined if they can't be read. */
  listed = (): ListedPackages | undefined => (this.lists ??= { read: ListedPackages.of(this.room.base) }).read;
  archives = (): string => downloadsFolder(this.room.state, this.room.base);

  /** Downloads packages to the snapshot's folder of .deb files; each is verified against the signed lists. */
  async fetch(packages: string[]): Promise<Result<true>> {
    const listed = this.listed();
    if (!listed)
      return bad(
        error('system-fetch', `apt's lists in ${this.room.base.lists} can't be read`, {
          hint: 'make a new base system with --renew-base; its apt must not pack lists (Acquire::GzipIndexes)',
        }),
      );
    // A base of an untrusted run may keep its lock for as long as a download may take.
    const lock = `${inNamespace('archives', this.room.namespace)}.lock`;
    return withMutex(join(this.room.state, 'locks', lock), async () => {
      const lacking = () => {
        const held = readdirSync(this.archives());
        const found = packages.map((p) => held.find((h) => h.startsWith(filePrefix(p))));
        for (const name of found) if (name !== undefined) noteUse(join(this.archives(), name));
        return packages.filter((_, i) => found[i] === undefined);
      };
      await this.room.mirror?.bring(lacking(), this.archives(), listed);
      const missing = lacking();
      const fetched = missing.length ? await this.download(missing, listed) : good(true as const);
      if (fetched.ok) await this.room.mirror?.keep(packages, this.archives());
      return fetched;
    });
  }

  private async download(missing: readonly string[], listed: ListedPackages): Promise<Result<true>> {
    let got: Outcome;
    const work = newScratch(this.room.state);
    // A folder on the same file system, so that files can be moved atomically.
    const fetched = mkdtempSync(join(this.archives(), '.new-'));
    try {
      got = await this.enterForDownload(work, fetched, missing);
      if (got.code === 0) {
        const others = await takePackages(fetched, this.archives(), listed);
        return others.length ? bad(unlisted(others)) : good(true);
      }
    } finally {
      await this.room.driver.remove(fetched);
    }
    return bad(
      error('system-fetch', `apt could not fetch ${shortList(missing)}${whyEnded(got)}`, {
        file: this.room.log,
        hint: 'if the archive no longer has these versions, make a new base system with --renew-base',
      }),
    );
  }

  private async enterForDownload(work: string, folder: string, missing: readonly string[]): Promise<Outcome> {
    // An archive that sends bit by bit would hold apt without end.
    const entered = enterToInstall(this.room.driver, this.room.state, {
      root: { layers: [this.room.base.root] },
      network: true,
      user: 'root',
      work,
      env: aptEnvironment(await this.room.proxy()),
      log: this.room.log,
      binds: [...listBinds(this.room.base), { from: folder, to: '/fetched' }],
      command: [
        'sh',
        '-ec',
        `${copyCaches}cd /fetched; apt-get "$@"; touch ./*.deb`,
        'apt-get',
        ...aptOptions,
        'download',
        '--',
        ...missing,
      ],
    });
    return slowly('the archive of system packages', entered);
  }
}
