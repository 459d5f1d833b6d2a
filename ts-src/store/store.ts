import { readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { exists, linkOrCopy, noteUse, sha256File } from '../io/files.ts';
import { parallel } from '../io/process.ts';
import { sha256 } from '../model/digest.ts';
import type { BriefRecord, BriefTest, BuildRecord, Hints, StoredFile, TestRecord } from '../model/result.ts';
import { isBuildRecord, isTestRecord } from '../model/stored.ts';
import type { Blobs } from './blobs.ts';
import { ObjectCopies } from './object-copies.ts';
import { packIndex, unpackIndex } from './scope-index.ts';
import { parsed, sealed, unsealed, whole } from './sealed.ts';

/** A run's access to the store. An untrusted run writes below `untrusted/NAME`, which trusted runs never read. */
export interface StoreUse {
  untrusted?: string;
  cache: string;
}

/** Number of parallel requests. */
const width = 32;
/** Size limit in bytes of an object that is read at once; runs write no larger ones for that. */
const largestRead = 256 << 20;

/**
 * The store of build results by content. `objects/ab/abcd…` has files by SHA-256, `tasks/ab/KEY.json` records of
 * builds, `tests/…` those of tests, `sources/…` source trees and files for builds, `index/SCOPE` brief records of a
 * whole scope, `runs/…` results of runs, `channels/…` what is published. Objects are written before the record that
 * names them, so that readers of a record can rely on them. Records contain their own digest, and objects are verified
 * against their name: damaged data is never used.
 */
export class Store {
  private readonly verified = new Set<string>();
  private readonly copies: ObjectCopies;
  /** Namespaces that this run reads, in order; it writes to the first. */
  private readonly places: readonly [string, ...string[]];

  constructor(
    readonly blobs: Blobs,
    private readonly use: StoreUse,
  ) {
    this.copies = new ObjectCopies(blobs, use.cache, this.verified);
    this.places = use.untrusted === undefined ? [''] : [`untrusted/${use.untrusted}/`, ''];
  }

  /** The namespace of an untrusted run. */
  get namespace(): string | undefined {
    return this.use.untrusted;
  }

  private object = (digest: string): string => `objects/${digest.slice(0, 2)}/${digest}`;
  private named = (kind: string, key: string): string => `${kind}/${key.slice(0, 2)}/${key}.json`;
  private own = (name: string): string => this.places[0] + name;

  private async first(name: string): Promise<Buffer | undefined> {
    for (const place of this.places) {
      const data = await this.blobs.get(place + name);
      if (data) return data;
    }
    return undefined;
  }

  async put(file: string): Promise<StoredFile> {
    return this.keep(file, await sha256File(file), false);
  }

  /**
   * Like `put`, for an immutable file whose digest this process has computed: the store may link it instead of copying.
   */
  putKnown(file: string, digest: string): Promise<StoredFile> {
    return this.keep(file, digest, true);
  }

  private async keep(file: string, digest: string, known: boolean): Promise<StoredFile> {
    const { size } = statSync(file);
    const stored = { name: basename(file), sha256: digest, size };
    // An untrusted run writes its own copy even if a trusted one exists. That costs space, but keeps trust separate.
    const name = this.own(this.object(digest));
    const there = this.sizeHere(name) === size;
    // A link would let others who may write there change this machine's file.
    const links = known && this.use.untrusted === undefined && !(there && this.verified.has(digest));
    const linked = links && ((await this.blobs.link?.(name, file)) ?? false);
    if (!linked && !(there && (await this.isSound(digest)))) await this.blobs.putFile(name, file);
    const local = this.blobs.local(name);
    // Garbage collection keeps recently used objects, because the record that names them is written later.
    if (local) noteUse(local);
    if (!local || this.use.untrusted !== undefined) this.copies.keep(file, digest);
    this.verified.add(digest);
    return stored;
  }

  /** Whether an object in a local store matches its name: it may be damaged despite its size. */
  private async isSound(digest: string): Promise<boolean> {
    const path = this.blobs.local(this.own(this.object(digest)));
    return this.verified.has(digest) || (path !== undefined && (await sha256File(path)) === digest);
  }

  async putText(name: string, text: string): Promise<StoredFile> {
    const data = Buffer.from(text);
    const digest = sha256(data);
    await this.blobs.put(this.own(this.object(digest)), data);
    return { name, sha256: digest, size: data.length };
  }

  /** Writes objects, and then a file (`last`) that may refer to them. */
  async putObjects(
    objects: readonly { file: StoredFile; data: Buffer }[],
    last?: { name: string; data: Buffer },
  ): Promise<void> {
    const wanted = objects.filter(
      ({ file }) => !this.verified.has(file.sha256) || this.sizeHere(this.own(this.object(file.sha256))) !== file.size,
    );
    await this.blobs.putAll([
      ...wanted.map(({ file, data }) => ({ name: this.own(this.object(file.sha256)), data })),
      ...(last ? [{ name: this.own(last.name), data: last.data }] : []),
    ]);
    if (this.blobs.local('') !== undefined) for (const { file } of wanted) this.verified.add(file.sha256);
  }

  async readText(file: StoredFile): Promise<string | undefined> {
    return (await this.readData(file))?.toString('utf8');
  }

  /** Parses a JSON object; undefined if it is missing or invalid. */
  async readParsed(file: StoredFile): Promise<unknown> {
    const data = await this.readData(file);
    return data && parsed(data);
  }

  /** An object's bytes; undefined if it is missing or above the size limit. */
  async readData(file: StoredFile): Promise<Buffer | undefined> {
    const path = await this.path(file);
    return path === undefined || statSync(path).size > largestRead ? undefined : readFileSync(path);
  }

  /** The size, if it is available without a request. */
  private sizeHere(name: string): number | undefined {
    const path = this.blobs.local(name);
    if (!path) return undefined;
    try {
      return statSync(path).size;
    } catch {
      return undefined;
    }
  }

  /**
   * The path of an object after verifying its digest. Undefined if it is missing or damaged; damaged ones are removed.
   * Objects of a bucket, and those that others may change after they are verified (`untrusted/`), are copied first.
   */
  async path(file: StoredFile): Promise<string | undefined> {
    for (const place of this.places) {
      const name = place + this.object(file.sha256);
      const local = place === '' ? this.blobs.local(name) : undefined;
      const path = local === undefined ? await this.copies.bring(name, file) : await this.soundHere(local, file);
      if (typeof path === 'string') return path;
      if (path === null && place === this.places[0]) await this.blobs.remove(name);
    }
    return undefined;
  }

  /** The path of an object of a local store. Undefined: missing; null: damaged, and removed. */
  private async soundHere(path: string, { sha256: digest, size }: StoredFile): Promise<string | undefined | null> {
    // Of another size than the record tells: it may be endless, or the record may be false. So it is not read.
    if (!exists(path)) return undefined;
    if (this.verified.has(digest)) return path;
    if (statSync(path).size !== size) return undefined;
    if ((await sha256File(path)) !== digest) {
      rmSync(path, { force: true });
      return null;
    }
    this.verified.add(digest);
    return path;
  }

  /** Places a stored file at another path, by hard link if possible. */
  async place(file: StoredFile, target: string): Promise<boolean> {
    const path = await this.path(file);
    if (!path) return false;
    rmSync(target, { force: true });
    linkOrCopy(path, target);
    return true;
  }

  /** Whether an object matches its name; a damaged one is removed. */
  async check(name: string, folder: string): Promise<boolean> {
    const digest = basename(name);
    const local = this.blobs.local(name);
    const copy = local ?? join(folder, digest);
    if (!local && !(await this.blobs.fetch(name, copy, Infinity))) return false;
    const sound = (await sha256File(copy)) === digest;
    if (!local) rmSync(copy, { force: true });
    if (!sound) await this.blobs.remove(name);
    return sound;
  }

  async putRecord(record: BuildRecord): Promise<void> {
    await this.blobs.put(this.own(this.named('tasks', record.key)), sealed(record));
  }

  /** The record of a key, if its objects exist as far as that is known without requests. */
  async get(key: string): Promise<BuildRecord | undefined> {
    const record = unsealed<unknown>(await this.first(this.named('tasks', key)));
    return isBuildRecord(record) && record.schema === 4 && record.key === key && this.holds(record.debs)
      ? record
      : undefined;
  }

  async putTest(record: TestRecord): Promise<void> {
    await this.blobs.put(this.own(this.named('tests', record.key)), sealed(record));
  }

  async getTest(key: string): Promise<TestRecord | undefined> {
    const record = unsealed<unknown>(await this.first(this.named('tests', key)));
    return isTestRecord(record) && record.schema === 4 && record.key === key ? record : undefined;
  }

  /** Whether objects exist with the right size, for a local store. For others it is found out when reading. */
  holds(files: readonly StoredFile[]): boolean {
    if (this.blobs.local('') === undefined) return true;
    return files.every((f) => this.places.some((p) => this.sizeHere(p + this.object(f.sha256)) === f.size));
  }

  /** Removes the record of a key whose result is lost or must be made again. */
  async forget(key: string): Promise<void> {
    await this.blobs.remove(this.own(this.named('tasks', key)));
  }

  /**
   * Brief records of a scope's last runs, by one request for all packages. Only hints: what is missing is looked up.
   */
  async readIndex(scope: string): Promise<Hints> {
    return unpackIndex(await this.blobs.get(this.indexName(scope)));
  }

  async writeIndex(scope: string, records: readonly BriefRecord[], tests: readonly BriefTest[]): Promise<void> {
    await this.blobs.put(this.own(this.indexName(scope)), packIndex(records, tests));
  }

  private indexName = (scope: string): string => `index/${scope.replaceAll('/', '_')}.json.gz`;

  async putBlob(name: string, data: Buffer): Promise<void> {
    await this.blobs.put(this.own(name), data);
  }

  getBlob = (name: string): Promise<Buffer | undefined> => this.first(name);

  /** Names below a folder of the run's own namespace. */
  async names(folder: string): Promise<string[]> {
    const found: string[] = [];
    for await (const { name } of this.blobs.list(this.own(folder))) found.push(name.slice(this.places[0].length));
    return found;
  }

  /** Reads a JSON file of the run's own namespaces by name. */
  async readJson<T>(name: string): Promise<T | undefined> {
    return unsealed<T>(await this.first(name));
  }

  /**
   * Reads from the trusted namespace only: for values that this machine's state caches, which trusted runs use, too.
   */
  readShared = async <T>(name: string): Promise<T | undefined> => unsealed<T>(await this.blobs.get(name));

  async writeJson(name: string, value: unknown): Promise<void> {
    await this.blobs.put(this.own(name), sealed(value));
  }

  /**
   * Reads a value for an update by `replaceJson`, which refuses if another writer was first. Reads the own namespace
   * only. A damaged value is an error, unless the caller can restore it (`restorable`); it is undefined then.
   */
  async readTagged<T>(name: string, restorable = false): Promise<{ value: T | undefined; tag: string | undefined }> {
    const found = await this.blobs.getTagged(this.own(name));
    const value = restorable ? unsealed<T>(found?.data) : whole<T>(found?.data, name, this.blobs.where);
    return { value, tag: found?.tag };
  }

  async replaceJson(name: string, value: unknown, tag: string | undefined): Promise<boolean> {
    return this.blobs.replace(this.own(name), sealed(value), tag);
  }

  /**
   * Reads a value that others depend on (a run, a channel): a damaged one is an error, and does not count as missing.
   */
  async readRoot<T>(name: string): Promise<T | undefined> {
    return whole<T>(await this.first(name), name, this.blobs.where);
  }

  /** Requests many values in parallel. */
  async many<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<R[]> {
    return parallel(items, width, ask);
  }

  sweep(): void {
    this.blobs.sweep();
  }
}
