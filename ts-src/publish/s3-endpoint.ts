import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isObject } from '../model/stored.ts';
import { parallel } from '../io/process.ts';
import type { BlobInfo } from '../store/blobs.ts';
import { S3Blobs } from '../store/s3-blobs.ts';
import { parseS3 } from '../store/s3-place.ts';
import { parsed } from '../store/sealed.ts';
import { largestServed, type Endpoint, type LocalFile, type Placed, type Purpose } from './endpoint.ts';

/**
 * Cache headers: for immutable files, and for files that change with publications, which caches revalidate after a
 * minute.
 */
const forever = { 'cache-control': 'public, max-age=31536000, immutable' };
const short = { 'cache-control': 'public, max-age=60, must-revalidate' };

const leaseFile = '.slipway/leases.json';
/** Duration of a lease in milliseconds. */
export const lasting: Record<Purpose, number> = { publication: 6 * 3_600_000, 'clean-up': 600_000 };

interface Lease {
  id: string;
  purpose: Purpose;
  until: number;
}

/** A clock that goes before this one by less than an hour makes valid leases. */
const skew = 3_600_000;

/** Whoever can write to the place can write leases: none lasts longer than one that is taken now. */
const isLease = (l: unknown): l is Lease =>
  isObject(l) &&
  typeof l.id === 'string' &&
  (l.purpose === 'publication' || l.purpose === 'clean-up') &&
  typeof l.until === 'number' &&
  l.until <= Date.now() + lasting[l.purpose] + skew;

function leasesIn(data: Buffer | undefined): Lease[] {
  const read = data && parsed(data);
  return Array.isArray(read) ? read.filter(isLease) : [];
}

/** A bucket of an S3-compatible server. Only clean-ups list it. */
export class S3Endpoint implements Endpoint {
  readonly where: string;
  readonly uri: string;
  readonly served: boolean;
  readonly width = 16;
  private readonly blobs: S3Blobs;

  constructor(
    readonly id: string,
    env: NodeJS.ProcessEnv,
  ) {
    const place = parseS3(id, env);
    this.blobs = new S3Blobs(place);
    this.where = this.blobs.where;
    // `public=URL`: where clients read the bucket, such as a CDN.
    const at = new URL(id).searchParams.get('public');
    this.served = at !== null;
    const path = place.prefix.split('/').filter(Boolean).map(encodeURIComponent);
    this.uri = [at?.replace(/\/+$/, '') ?? `${place.endpoint}/${encodeURIComponent(place.bucket)}`, ...path].join('/');
  }

  /**
   * Publications and clean-ups exclude each other through a file of leases, changed by compare-and-swap. Leases expire:
   * a killed process delays clean-ups by hours, and publications by minutes.
   */
  async during<T>(purpose: Purpose, work: () => Promise<T>): Promise<T | undefined> {
    const me = randomBytes(8).toString('hex');
    if (!(await this.take(purpose, me))) return undefined;
    try {
      return await work();
    } finally {
      await this.change((leases) => leases.filter((l) => l.id !== me));
    }
  }

  private async take(purpose: Purpose, id: string): Promise<boolean> {
    const until = Date.now() + lasting['clean-up'] + skew;
    for (;;) {
      let wait = false;
      await this.change((leases) => {
        const others = leases.filter((l) => l.until > Date.now());
        wait = others.some((l) => l.purpose !== purpose || purpose === 'clean-up');
        return wait ? undefined : [...others, { id, purpose, until: Date.now() + lasting[purpose] }];
      });
      if (!wait) return true;
      if (purpose === 'clean-up') return false;
      if (Date.now() > until)
        throw Object.assign(new Error(`clean-ups of ${this.where} follow one another without end: ${leaseFile}`), {
          code: 'ESTORE',
        });
      await sleep(2000);
    }
  }

  private async change(how: (leases: Lease[]) => Lease[] | undefined): Promise<void> {
    for (let attempt = 0; attempt < 100; attempt++) {
      const now = await this.read(leaseFile);
      const leases = how(leasesIn(now?.data));
      if (!leases || (await this.blobs.replace(leaseFile, Buffer.from(JSON.stringify(leases)), now?.tag))) return;
      await sleep(50 + Math.random() * 200);
    }
    throw Object.assign(new Error(`the leases of ${this.where} can't be changed`), { code: 'ESTORE' });
  }

  read(name: string, most = largestServed(name)): Promise<{ data: Buffer; tag: string } | undefined> {
    return this.blobs.getTagged(name, most);
  }

  has(): undefined {
    return undefined;
  }

  placeFile(name: string, file: LocalFile): Promise<Placed> {
    return this.blobs.create(name, { file: file.path }, file.sha256, { ...forever, ...typeOf(name) });
  }

  placeAll(files: readonly { name: string; data: Buffer; sha256: string }[]): Promise<Placed[]> {
    return parallel(files, this.width, ({ name, data, sha256: digest }) =>
      this.blobs.create(name, { data }, digest, { ...forever, ...typeOf(name) }),
    );
  }

  async putAll(files: readonly { name: string; data: Buffer }[]): Promise<void> {
    await parallel(files, this.width, ({ name, data }) => this.put(name, data));
  }

  async put(name: string, data: Buffer): Promise<void> {
    await this.blobs.putWith(name, data, { ...short, ...typeOf(name) });
  }

  replace(name: string, data: Buffer, before: string | undefined): Promise<boolean> {
    return this.blobs.putWith(name, data, { ...short, ...typeOf(name) }, before ?? null);
  }

  list(prefix: string): AsyncIterable<BlobInfo> {
    return this.blobs.list(prefix);
  }

  remove(name: string): Promise<void> {
    return this.blobs.remove(name);
  }
}

const mediaTypes: Readonly<Record<string, string>> = {
  deb: 'application/vnd.debian.binary-package',
  gz: 'application/octet-stream',
  xz: 'application/octet-stream',
  html: 'text/html; charset=utf-8',
  css: 'text/css; charset=utf-8',
  js: 'text/javascript; charset=utf-8',
  json: 'application/json',
  svg: 'image/svg+xml',
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  gif: 'image/gif',
  webp: 'image/webp',
  ico: 'image/x-icon',
  woff: 'font/woff',
  woff2: 'font/woff2',
  pdf: 'application/pdf',
  inv: 'application/octet-stream',
};

function typeOf(name: string): Record<string, string> {
  const end = /\.([a-z0-9]+)$/.exec(name)?.[1] ?? '';
  const known = Object.hasOwn(mediaTypes, end) ? mediaTypes[end] : undefined;
  return { 'content-type': known ?? 'text/plain; charset=utf-8' };
}
