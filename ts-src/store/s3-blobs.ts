import { webcrypto } from 'node:crypto';
import { renameSync, rmSync, statSync } from 'node:fs';
import { Agent as HttpAgent } from 'node:http';
import { Agent as HttpsAgent } from 'node:https';
import { dirname } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { AwsV4Signer } from 'aws4fetch';
import { environmentFault } from '../io/faults.ts';
import { temporaryBeside, makeFolder } from '../io/files.ts';
import { slowly } from '../io/slow.ts';
import { sha256 } from '../model/digest.ts';
import type { BlobInfo, Blobs } from './blobs.ts';
import { wellFormed } from '../text/cut.ts';
import { credentials, forgetCredentials } from './s3-credentials.ts';
import { codeOf, errorCode, isAnswer, isOurs, isPassing, s3Advice } from './s3-faults.ts';
import { largestListing, readListing } from './s3-list.ts';
import type { S3Place } from './s3-place.ts';
import { sendRequest, type Body, type Reply, type Taking } from './s3-request.ts';

/** Enough attempts for a server that fails half of the time. An unresponsive server is retried for some minutes. */
const attempts = 24;
const patience = 180_000;
/** Most parts of a list, of a thousand keys each, and most of them that name no key: a list must have an end. */
const [mostParts, mostEmpty] = [20_000, 100];
/** Most characters of the names in a list: its readers hold them all. */
const mostNames = 1 << 30;

function sizeOf({ data, file }: Body): number {
  if (data) return data.length;
  return file === undefined ? 0 : statSync(file).size;
}

/** A bucket of an S3 server, by its REST API (AWS Signature Version 4). */
export class S3Blobs implements Blobs {
  readonly where: string;
  private readonly agent: HttpAgent;

  constructor(private readonly place: S3Place) {
    this.where = `s3://${place.bucket}${place.prefix ? `/${place.prefix}` : ''} at ${place.endpoint}`;
    const options = { keepAlive: true, maxSockets: 32 };
    this.agent = place.endpoint.startsWith('https:') ? new HttpsAgent(options) : new HttpAgent(options);
    // Node 18 has Web Crypto, but not as the global that the signer expects.
    (globalThis as { crypto?: unknown }).crypto ??= webcrypto;
  }

  private key = (name: string): string => (this.place.prefix ? `${this.place.prefix}/${name}` : name);
  private url(name: string): string {
    // Dot segments in a URL would address another object.
    if (/(?:^|\/)\.\.?(?:\/|$)/.test(name))
      throw Object.assign(new Error(`the store ${this.where} has no object '${name}'`), { code: 'ESTORE' });
    return `${this.place.endpoint}/${this.place.bucket}/${wellFormed(this.key(name)).split('/').map(encodeURIComponent).join('/')}`;
  }

  async get(name: string, most?: number): Promise<Buffer | undefined> {
    const reply = await this.ask('GET', this.url(name), {}, {}, { most });
    return reply.status === 404 ? undefined : reply.body;
  }

  async put(name: string, data: Buffer): Promise<void> {
    await this.ask('PUT', this.url(name), { data });
  }

  async putFile(name: string, file: string): Promise<void> {
    await this.ask('PUT', this.url(name), { file });
  }

  async putAll(items: readonly { name: string; data: Buffer }[]): Promise<void> {
    const last = items[items.length - 1];
    await Promise.all(items.slice(0, -1).map(({ name, data }) => this.put(name, data)));
    if (last) await this.put(last.name, last.data);
  }

  async fetch(name: string, file: string, most: number): Promise<boolean> {
    makeFolder(dirname(file));
    const temporary = temporaryBeside(file);
    try {
      const reply = await this.ask('GET', this.url(name), {}, {}, { into: { file: temporary, most } });
      if (reply.status === 404) return false;
      renameSync(temporary, file);
      return true;
    } finally {
      rmSync(temporary, { force: true });
    }
  }

  replace(name: string, data: Buffer, before: string | undefined): Promise<boolean> {
    return this.putWith(name, data, {}, before ?? null);
  }

  /**
   * Writes an immutable object with its digest. `other`: a different object has this name. The server verifies the
   * digest, too.
   */
  async create(
    name: string,
    body: { data?: Buffer; file?: string },
    digest: string,
    headers: Record<string, string>,
  ): Promise<'written' | 'there' | 'other'> {
    for (let attempt = 0; ; attempt++) {
      const reply = await this.ask('PUT', this.url(name), body, {
        ...headers,
        'if-none-match': '*',
        'x-amz-meta-sha256': digest,
        'x-amz-checksum-sha256': Buffer.from(digest, 'hex').toString('base64'),
      });
      if (reply.status < 300) return 'written';
      const there = await this.ask('HEAD', this.url(name));
      // A concurrent writer has not finished, or removed it.
      if (there.status === 404 && attempt < 10) continue;
      if (there.headers['x-amz-meta-sha256'] === digest) return 'there';
      const data = await this.get(name, sizeOf(body));
      return data && sha256(data) === digest ? 'there' : 'other';
    }
  }

  /** Writes with additional headers. With `before` (null: no object), only if the object is unchanged. */
  async putWith(name: string, data: Buffer, headers: Record<string, string>, before?: string | null): Promise<boolean> {
    const condition: Record<string, string> = {};
    if (before === null) condition['if-none-match'] = '*';
    else if (before !== undefined) condition['if-match'] = before;
    const reply = await this.ask('PUT', this.url(name), { data }, { ...headers, ...condition });
    // An earlier attempt whose answer was lost may have succeeded.
    return reply.status < 300 || (await this.get(name, data.length))?.equals(data) === true;
  }

  /** `most`: of a larger object only the tag is returned, with no data. */
  async getTagged(name: string, most?: number): Promise<{ data: Buffer; tag: string } | undefined> {
    const reply = await this.ask('GET', this.url(name), {}, {}, { most });
    if (reply.status === 404) return undefined;
    const { etag } = reply.headers;
    // Without it, a later write could not tell whether another one came first.
    if (etag === undefined)
      throw Object.assign(new Error(`the store ${this.where} answers with no ETag: is it an S3 server?`), {
        code: 'ESTORE',
      });
    return { data: reply.body, tag: etag };
  }

  async *list(prefix: string): AsyncIterable<BlobInfo> {
    let token: string | undefined;
    const skip = this.place.prefix ? this.place.prefix.length + 1 : 0;
    const folder = `${this.key(prefix)}/`;
    let [parts, empty, names] = [0, 0, 0];
    do {
      const query = new URLSearchParams({
        'list-type': '2',
        prefix: folder,
        ...(token ? { 'continuation-token': token } : {}),
      });
      const url = `${this.place.endpoint}/${this.place.bucket}?${query.toString()}`;
      const reply = await this.ask('GET', url, {}, {}, { most: largestListing });
      const part = reply.status === 200 ? readListing(reply.body, folder) : undefined;
      if (part?.keys === 0 && part.token !== undefined) empty++;
      for (const blob of part?.blobs ?? []) names += blob.name.length;
      const endless = empty > mostEmpty || ++parts > mostParts || names > mostNames;
      if (!part || (token !== undefined && part.token === token) || endless)
        throw Object.assign(
          new Error(`the store ${this.where} answers with no list of ${folder}: is it an S3 server?`),
          {
            code: 'ESTORE',
          },
        );
      for (const blob of part.blobs) yield { ...blob, name: blob.name.slice(skip) };
      token = part.token;
    } while (token);
  }

  async remove(name: string): Promise<void> {
    await this.ask('DELETE', this.url(name));
  }

  local(): undefined {
    return undefined;
  }

  sweep(): void {
    /* the partial file does not exist */
  }

  /** Retries while the server or the connection fails, then throws. Returns only what `isAnswer` accepts. */
  private async ask(
    method: string,
    url: string,
    body: Body = {},
    headers: Record<string, string> = {},
    taking: Taking = {},
  ): Promise<Reply> {
    return slowly(`the store ${this.where}`, this.tried(method, url, body, headers, taking));
  }

  private async tried(
    method: string,
    url: string,
    body: Body,
    headers: Record<string, string>,
    taking: Taking,
  ): Promise<Reply> {
    let last = '';
    let advice: string | undefined;
    let renewed = false;
    const begun = Date.now();
    for (let attempt = 0; attempt < attempts && (attempt < 2 || Date.now() - begun < patience); attempt++) {
      if (attempt) await sleep(Math.min(2000, 20 * 1.5 ** attempt) * (0.5 + Math.random() / 2));
      try {
        const reply = await this.once(method, url, body, headers, taking);
        const code = reply.status < 300 ? '' : codeOf(reply.body);
        if (isAnswer(method, reply.status, code, headers)) return reply;
        last = `${reply.status} ${code}`.trim();
        const { date, 'x-amz-bucket-region': region } = reply.headers;
        advice = s3Advice({ method, status: reply.status, code, date, region: region?.toString() }, Date.now());
        // A role's credentials may expire early.
        if (!renewed && /^ExpiredToken|^TokenRefresh/.test(code) && forgetCredentials()) {
          renewed = true;
          continue;
        }
        if (!isPassing(reply.status, code)) break;
      } catch (e) {
        if (environmentFault(e) !== undefined && isOurs(e)) throw e;
        last = e instanceof Error && e.message ? e.message : errorCode(e);
        advice = undefined;
      }
    }
    throw Object.assign(
      new Error(
        advice === undefined
          ? `the store ${this.where} does not answer: ${method} gave ${last}`
          : `the store ${this.where} refuses ${method} (${last}): ${advice}`,
      ),
      { code: 'ESTORE' },
    );
  }

  private async once(
    method: string,
    url: string,
    body: Body,
    headers: Record<string, string>,
    taking: Taking,
  ): Promise<Reply> {
    const size = sizeOf(body);
    const keys = await credentials();
    const signed = await new AwsV4Signer({
      method,
      url,
      headers: { ...headers, 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' },
      service: 's3',
      region: this.place.region,
      ...keys,
    }).sign();
    return sendRequest(signed.url, {
      method,
      agent: this.agent,
      headers: {
        ...Object.fromEntries(signed.headers),
        ...(method === 'PUT' ? { 'content-length': String(size) } : {}),
      },
      body,
      ...taking,
    });
  }
}
