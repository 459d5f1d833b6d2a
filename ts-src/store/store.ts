import { readFileSync, rmSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import { exists, linkOrCopy, noteUse, sha256File } from '../io/files.ts';
import { parallel } from '../io/process.ts';
import { sha256 } from '../model/digest.ts';
import type { BriefRecord, BriefTest, BuildRecord, Hints, StoredFile, TestRecord } from '../model/result.ts';
import { isBuildRecord, isTestRecord } from '../model/stored.ts';
import type { Blobs } from './blobs.ts';
import { packIndex, unpackIndex } from './scope-index.ts';
import { parsed, sealed, unsealed, whole } from './sealed.ts';

/**
 * How a run may use the store: what an untrusted one writes lies below `untrusted/NAME`, from which no trusted one
 * reads.
 */
export interface StoreUse {
  untrusted?: string;
  cache: string;
}

/** Requests at once. */
const width = 32;
/** Most bytes of an object that is read at once; no run writes larger ones to be read so. */
const largestRead = 256 << 20;

/**
 * What was built, by content. `objects/ab/abcd…` holds files by their SHA-256, `tasks/ab/KEY.json` what a build made,
 * `tests/…` what tests gave, `sources/…` source trees, `index/SCOPE` brief records of a whole scope, `runs/…` what runs
 * reached, `channels/…` what is published. Objects come before the record that names them: whoever sees a record can
 * have its objects. Records carry their own digest, objects are checked against their name: what is damaged is never
 * served.
 */
export class Store {
  private readonly verified = new Set<string>();
  /** Where this run writes, and where it reads: its own place first. */
  private readonly places: readonly [string, ...string[]];

  constructor(
    readonly blobs: Blobs,
    private readonly use: StoreUse,
  ) {
    this.places = use.untrusted === undefined ? [''] : [`untrusted/${use.untrusted}/`, ''];
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
   * As `put`, for a file whose bytes this process has hashed while it wrote or read them, and that nobody writes again:
   * the store may take it without a copy.
   */
  putKnown(file: string, digest: string): Promise<StoredFile> {
    return this.keep(file, digest, true);
  }

  private async keep(file: string, digest: string, known: boolean): Promise<StoredFile> {
    const { size } = statSync(file);
    const stored = { name: basename(file), sha256: digest, size };
    // An untrusted run's own copy beside the trusted one costs room, and no trust.
    const name = this.own(this.object(digest));
    const there = this.sizeHere(name) === size;
    const linked = known && !(there && this.verified.has(digest)) && ((await this.blobs.link?.(name, file)) ?? false);
    if (!linked && !(there && (await this.isSound(digest)))) await this.blobs.putFile(name, file);
    const local = this.blobs.local(name);
    // A clean-up leaves alone what was written lately: a record that names it comes only after it.
    if (local) noteUse(local);
    else this.cacheFile(file, digest);
    this.verified.add(digest);
    return stored;
  }

  /**
   * Whether the object of this machine's own store is what its name says: of the right size it may still be damaged.
   */
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

  /** Files of which something of our own (`last`) may say where they are: written together, that one after them. */
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

  /** The value of a file of JSON; undefined where it is gone, or is none. */
  async readParsed(file: StoredFile): Promise<unknown> {
    const data = await this.readData(file);
    return data && parsed(data);
  }

  /** An object's bytes; undefined where it is gone, or larger than any that a run writes to be read at once. */
  async readData(file: StoredFile): Promise<Buffer | undefined> {
    const path = await this.path(file);
    return path === undefined || statSync(path).size > largestRead ? undefined : readFileSync(path);
  }

  /** Size where it can be had for nothing. */
  private sizeHere(name: string): number | undefined {
    const path = this.blobs.local(name);
    if (!path) return undefined;
    try {
      return statSync(path).size;
    } catch {
      return undefined;
    }
  }

  private cached = (digest: string): string => join(this.use.cache, digest.slice(0, 2), digest);

  private cacheFile(file: string, digest: string): void {
    const target = this.cached(digest);
    if (!exists(target)) linkOrCopy(file, target);
  }

  /**
   * The path of an object after its digest was checked; undefined where it is gone or damaged, which is then removed.
   */
  async path(file: StoredFile): Promise<string | undefined> {
    for (const place of this.places) {
      const name = place + this.object(file.sha256);
      const local = this.blobs.local(name) ?? this.cached(file.sha256);
      const shared = this.blobs.local(name) === undefined;
      const bring = () => shared && this.blobs.fetch(name, local, file.size);
      if (this.verified.has(file.sha256) && exists(local)) return local;
      if (!exists(local) && !(await bring())) continue;
      // It may have no end, and the record that tells another size may be false: it is neither read nor removed.
      if (!shared && statSync(local).size !== file.size) continue;
      for (const again of [false, true]) {
        if (again && !(await bring())) break;
        if ((await sha256File(local)) === file.sha256) {
          this.verified.add(file.sha256);
          if (shared) noteUse(local);
          return local;
        }
        rmSync(local, { force: true });
      }
      if (place === this.places[0]) await this.blobs.remove(name);
    }
    return undefined;
  }

  /** Gives a stored file a name elsewhere, without copying where that can be. */
  async place(file: StoredFile, target: string): Promise<boolean> {
    const path = await this.path(file);
    if (!path) return false;
    rmSync(target, { force: true });
    linkOrCopy(path, target);
    return true;
  }

  /** Whether an object is what its name says; a damaged one is removed. */
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

  /** The record of a key, where what it names is there as far as that can be seen without asking a server. */
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

  /**
   * Where objects are files of this machine, whether they are all there with the right size; elsewhere it is found out
   * by reading.
   */
  holds(files: readonly StoredFile[]): boolean {
    if (this.blobs.local('') === undefined) return true;
    return files.every((f) => this.places.some((p) => this.sizeHere(p + this.object(f.sha256)) === f.size));
  }

  /** What made this key is lost or asked for anew. */
  async forget(key: string): Promise<void> {
    await this.blobs.remove(this.own(this.named('tasks', key)));
  }

  /**
   * Brief records of a scope's last runs: one request for all its packages. Only a hint: what it lacks is looked up.
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

  /** Names below a folder of the own place. */
  async names(folder: string): Promise<string[]> {
    const found: string[] = [];
    for await (const { name } of this.blobs.list(this.own(folder))) found.push(name.slice(this.places[0].length));
    return found;
  }

  /** Any thing of our own by name, in JSON. */
  async readJson<T>(name: string): Promise<T | undefined> {
    return unsealed<T>(await this.first(name));
  }

  /** Of the trusted place alone: what the state of a machine remembers, which is that of trusted runs too. */
  readShared = async <T>(name: string): Promise<T | undefined> => unsealed<T>(await this.blobs.get(name));

  async writeJson(name: string, value: unknown): Promise<void> {
    await this.blobs.put(this.own(name), sealed(value));
  }

  /**
   * Reads one for a change: `replaceJson` refuses where another was quicker. Never from another place than the own. A
   * damaged one is a fault, unless the caller can restore it from elsewhere (`restorable`): then it has no value.
   */
  async readTagged<T>(name: string, restorable = false): Promise<{ value: T | undefined; tag: string | undefined }> {
    const found = await this.blobs.getTagged(this.own(name));
    const value = restorable ? unsealed<T>(found?.data) : whole<T>(found?.data, name, this.blobs.where);
    return { value, tag: found?.tag };
  }

  async replaceJson(name: string, value: unknown, tag: string | undefined): Promise<boolean> {
    return this.blobs.replace(this.own(name), sealed(value), tag);
  }

  /** One that others depend on (a run, a channel): one that is damaged is a fault, and not as if it were not there. */
  async readRoot<T>(name: string): Promise<T | undefined> {
    return whole<T>(await this.first(name), name, this.blobs.where);
  }

  /** Asks for many things, some at once. */
  async many<T, R>(items: readonly T[], ask: (item: T) => Promise<R>): Promise<R[]> {
    return parallel(items, width, ask);
  }

  sweep(): void {
    this.blobs.sweep();
  }
}
