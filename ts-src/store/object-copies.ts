import { renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { exists, linkOrCopy, makeFolder, noteUse, sha256File, temporaryBeside } from '../io/files.ts';
import type { StoredFile } from '../model/result.ts';
import type { Blobs } from './blobs.ts';

/**
 * This machine's copies of a store's objects, by digest: of those in a bucket, and of those that others may change
 * after they are verified.
 */
export class ObjectCopies {
  constructor(
    private readonly blobs: Blobs,
    private readonly folder: string,
    /** Digests that this process has verified. */
    private readonly verified: Set<string>,
  ) {}

  private pathOf = (digest: string): string => join(this.folder, digest.slice(0, 2), digest);

  /** Keeps a file with a digest that this process has computed. */
  keep(file: string, digest: string): void {
    const target = this.pathOf(digest);
    if (!exists(target)) linkOrCopy(file, target);
  }

  /** The path of an object's copy, made if necessary. Undefined: the store does not have it; null: it is damaged. */
  async bring(name: string, { sha256: digest, size }: StoredFile): Promise<string | undefined | null> {
    const copy = this.pathOf(digest);
    if (exists(copy)) {
      if (this.verified.has(digest)) return copy;
      if ((await sha256File(copy)) === digest) return this.used(copy, digest);
      rmSync(copy, { force: true });
    }
    makeFolder(dirname(copy));
    for (const again of [false, true]) {
      // Other processes read the copy, so it gets its name when it is verified.
      const temporary = temporaryBeside(copy);
      try {
        if (!(await this.blobs.fetch(name, temporary, size))) return again ? null : undefined;
        if ((await sha256File(temporary)) !== digest) continue;
        renameSync(temporary, copy);
      } finally {
        rmSync(temporary, { force: true });
      }
      return this.used(copy, digest);
    }
    return null;
  }

  private used(copy: string, digest: string): string {
    this.verified.add(digest);
    noteUse(copy);
    return copy;
  }
}
