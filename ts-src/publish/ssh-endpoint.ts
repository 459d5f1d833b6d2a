import { linesOf } from '../text/cut.ts';
import { statSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeFolder } from '../io/files.ts';
import { inTemporary } from '../io/temporary-folder.ts';
import { writeFile } from '../io/write.ts';
import { sha256 } from '../model/digest.ts';
import { parseRemotePlace, remoteName } from '../model/remote-place.ts';
import type { BlobInfo } from '../store/blobs.ts';
import type { Endpoint, LocalFile, Placed, Purpose } from './endpoint.ts';
import { absent, SshConnection } from './ssh-connection.ts';

/** Content to send: bytes, or a file. */
type Sent = { sha256: string } & ({ data: Buffer } | { path: string });

interface Queued {
  name: string;
  file: LocalFile;
  done: (placed: Placed) => void;
  failed: (reason: unknown) => void;
}

/**
 * A folder on a host with ssh and rsync. Same guarantees as a local folder: files appear atomically, immutable files
 * are never overwritten, and replacements are compared under a lock of the host.
 */
export class SshEndpoint implements Endpoint {
  readonly id: string;
  readonly where: string;
  readonly uri: string;
  readonly served: boolean;
  /** Files that are placed in parallel are sent in one transfer. */
  readonly width = 256;
  private readonly connection: SshConnection;
  private queue: Queued[] = [];
  private flushing = false;

  constructor(uri: string) {
    const place = parseRemotePlace(uri);
    if (typeof place === 'string') throw Object.assign(new Error(`${uri}: ${place}`), { code: 'ESTORE' });
    const query = uri.includes('?') ? uri.slice(uri.indexOf('?')) : '';
    this.where = remoteName(place);
    this.id = `${this.where}${query}`;
    this.connection = new SshConnection(place);
    this.served = place.public !== undefined;
    this.uri = place.public ?? this.where;
  }

  during<T>(_purpose: Purpose, work: () => Promise<T>): Promise<T> {
    return this.connection.holding(work);
  }

  async read(name: string): Promise<{ data: Buffer; tag: string } | undefined> {
    const read = await this.connection.ask('read', [name]);
    if (read.code === absent) return undefined;
    const data = Buffer.from(read.stdout, 'latin1');
    return { data, tag: sha256(data) };
  }

  has(): undefined {
    return undefined;
  }

  /** Files placed during a transfer are collected for the next one. */
  placeFile(name: string, file: LocalFile): Promise<Placed> {
    return new Promise<Placed>((done, failed) => {
      this.queue.push({ name, file, done, failed });
      if (!this.flushing) void this.flush();
    });
  }

  private async flush(): Promise<void> {
    this.flushing = true;
    // Parallel callers have queued their files by the next event loop turn.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.queue.length) {
      const batch = this.queue;
      this.queue = [];
      try {
        const files = batch.map(({ name, file }) => ({ name, size: file.size, sha256: file.sha256, path: file.path }));
        const placed = await this.placeMany(files);
        batch.forEach(({ done }, i) => done(placed[i] ?? 'other'));
      } catch (e) {
        for (const { failed } of batch) failed(e);
      }
    }
    this.flushing = false;
  }

  placeAll(files: readonly { name: string; data: Buffer; sha256: string }[]): Promise<Placed[]> {
    return this.placeMany(files.map((f) => ({ ...f, size: f.data.length })));
  }

  private async placeMany(files: readonly ({ name: string; size: number } & Sent)[]): Promise<Placed[]> {
    if (!files.length) return [];
    const lines = files.map((f) => `${f.sha256} ${f.size} ${f.name}`);
    const before = await this.connection.words('compare', lines, compared);
    const wanted = files.filter((_, i) => before[i] === 'absent');
    if (wanted.length) {
      await this.send(wanted);
      const after = await this.connection.words(
        'place',
        wanted.map((f) => `${f.sha256} ${f.size} ${f.name}`),
        [...compared, 'written'],
      );
      await this.forget(wanted);
      const placed = new Map(wanted.map((f, i) => [f.name, after[i]]));
      return files.map((f, i) => placedOf(placed.get(f.name) ?? before[i]));
    }
    return before.map(placedOf);
  }

  put(name: string, data: Buffer): Promise<void> {
    return this.putAll([{ name, data }]);
  }

  async putAll(files: readonly { name: string; data: Buffer; like?: string }[]): Promise<void> {
    if (!files.length) return;
    const all = files.map((f) => ({ ...f, sha256: sha256(f.data) }));
    const alike = all.filter((f) => f.like !== undefined);
    const given = await this.named(alike);
    const others = all.filter((f) => f.like === undefined || given.get(f.name) === 'absent');
    if (!others.length) return;
    await this.send(others);
    await this.named(others.map(({ name, sha256: digest }) => ({ name, sha256: digest })));
    await this.forget(others);
  }

  private async named(files: readonly { name: string; sha256: string; like?: string }[]): Promise<Map<string, string>> {
    if (!files.length) return new Map();
    const lines = files.map((f) => `${f.sha256} ${f.like ?? '-'} ${f.name}`);
    const said = await this.connection.words('put', lines, ['written', 'absent']);
    return new Map(files.map((f, i) => [f.name, said[i] ?? 'absent']));
  }

  async replace(name: string, data: Buffer, before: string | undefined): Promise<boolean> {
    const file = { name, data, sha256: sha256(data) };
    await this.send([file]);
    const line = `${file.sha256} ${before ?? '-'} ${name}`;
    const [said] = await this.connection.words('replace', [line], ['replaced', 'moved']);
    await this.forget([file]);
    // The command may have been repeated after a lost connection: the file is replaced already then.
    return said === 'replaced' || (await this.read(name))?.tag === file.sha256;
  }

  async *list(prefix: string): AsyncIterable<BlobInfo> {
    const found = await this.connection.ask('list', [prefix]);
    let count = 0;
    for (const line of linesOf(Buffer.from(found.stdout, 'latin1').toString('utf8'))) {
      if (line === '') continue;
      if (++count > mostFiles)
        throw Object.assign(new Error(`${this.where}: the host lists more than ${mostFiles} files`), {
          code: 'ESTORE',
        });
      const [, size, modified, name] = /^(\d+) (\d+)[.\d]* (.+)$/.exec(line) ?? [];
      if (name !== undefined)
        yield await Promise.resolve({ name, size: Number(size), modified: Number(modified) * 1000 });
    }
  }

  async remove(name: string): Promise<void> {
    await this.connection.ask('remove', [name]);
  }

  /** Sends files to the host, named by digest. Files from an earlier run are not sent again. */
  private async send(files: readonly Sent[]): Promise<void> {
    return inTemporary('send', async (folder) => {
      makeFolder(folder);
      let bytes = 0;
      for (const file of new Map(files.map((f) => [f.sha256, f])).values()) {
        const target = join(folder, file.sha256);
        if ('path' in file) symlinkSync(resolve(file.path), target);
        else writeFile(target, file.data);
        bytes += 'path' in file ? statSync(target).size : file.data.length;
      }
      await this.connection.send(folder, bytes);
    });
  }

  private async forget(files: readonly Sent[]): Promise<void> {
    await this.connection.ask(
      'forget',
      files.map((f) => f.sha256),
    );
  }
}

/** Maximum number of files in a list; shorter names than any file of a repository has would fill the memory. */
const mostFiles = 4_000_000;

/** What the host says of a name. */
const compared = ['there', 'other', 'absent'];

const placedOf = (said: string | undefined): Placed => (said === 'written' || said === 'there' ? said : 'other');
