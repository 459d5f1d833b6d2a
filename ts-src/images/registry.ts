import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { bad, error, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import { readIf } from '../io/files.ts';
import { homeFolder } from '../io/home.ts';
import { run } from '../io/process.ts';
import { setTimeout as pause } from 'node:timers/promises';
import { asMap, own } from '../read/yaml.ts';
import { mediaTypes } from './docker.ts';
import { slowly, transferTime } from '../io/slow.ts';
import { readBody } from '../io/response.ts';

/** Content to push: bytes, or a file. */
export interface Blob {
  digest: string;
  size: number;
  data: Buffer | { file: string };
}

const attempts = 5;
/** Milliseconds for an answer, at most for a request with what it sends, and before the first retry. */
export const patience = { answer: 60_000, request: 2 * 3_600_000, pause: 1000 };
const largestAnswer = 4 << 20;

/** A login from docker's configuration or its credential helper. Never put into a command line or a log. */
async function loginFor(host: string): Promise<string | undefined> {
  const folder = process.env.DOCKER_CONFIG ?? join(homeFolder(), '.docker');
  let config: Record<string, unknown> | undefined;
  try {
    config = asMap(JSON.parse(readIf(join(folder, 'config.json')) ?? '{}'));
  } catch {
    return undefined;
  }
  const helpers = asMap(config && own(config, 'credHelpers')) ?? {};
  const helper = own(helpers, host) ?? (config && own(config, 'credsStore'));
  if (typeof helper === 'string' && /^[A-Za-z0-9_-]+$/.test(helper)) {
    const asked = await run(`docker-credential-${helper}`, ['get'], { input: host, limit: 1 << 16 });
    if (asked.code !== 0) return undefined;
    const answer = asMap(JSON.parse(asked.stdout));
    const [user, secret] = [answer && own(answer, 'Username'), answer && own(answer, 'Secret')];
    if (typeof user === 'string' && typeof secret === 'string')
      return Buffer.from(`${user}:${secret}`).toString('base64');
    return undefined;
  }
  const entry = asMap(own(asMap(config && own(config, 'auths')) ?? {}, host));
  const auth = entry && own(entry, 'auth');
  return typeof auth === 'string' ? auth : undefined;
}

class RegistryFault extends Error {}

/** One repository of a registry (OCI distribution spec 1.0). */
export class Registry {
  readonly host: string;
  private readonly path: string;
  private readonly base: string;
  private login: string | undefined;
  private token: string | undefined;
  private asked = false;

  constructor(repository: string) {
    const slash = repository.indexOf('/');
    this.host = repository.slice(0, slash);
    this.path = repository.slice(slash + 1);
    const loopback = /^(localhost|127\.\d+\.\d+\.\d+)(:\d+)?$/.test(this.host);
    this.base = `${loopback ? 'http' : 'https'}://${this.host}`;
  }

  /** The current manifest of a tag. */
  async tag(name: string): Promise<{ digest: string; data: Buffer } | undefined> {
    const answer = await this.request('GET', `/v2/${this.path}/manifests/${name}`, {
      headers: { accept: `${mediaTypes.index}, ${mediaTypes.manifest}` },
      also: [404],
    });
    if (answer.status === 404) return undefined;
    const data = await bodyOf(answer);
    return { digest: `sha256:${sha256(data)}`, data };
  }

  async pushBlob(blob: Blob): Promise<void> {
    const there = await this.request('HEAD', `/v2/${this.path}/blobs/${blob.digest}`, { also: [404] });
    if (there.status === 200) return;
    await this.again(async () => {
      const begun = await this.request('POST', `/v2/${this.path}/blobs/uploads/`, { once: true });
      const location = begun.headers.get('location');
      if (location === null) throw new RegistryFault('the registry named no place for an upload');
      const url = new URL(location, this.base);
      if (url.host !== this.host) throw new RegistryFault(`the registry sends uploads to ${url.host}`);
      url.searchParams.set('digest', blob.digest);
      await this.request('PUT', `${url.pathname}${url.search}`, {
        headers: { 'content-type': 'application/octet-stream', 'content-length': String(blob.size) },
        body: () => (Buffer.isBuffer(blob.data) ? blob.data : createReadStream(blob.data.file)),
        once: true,
      });
    });
  }

  async pushManifest(reference: string, mediaType: string, data: Buffer): Promise<void> {
    await this.request('PUT', `/v2/${this.path}/manifests/${reference}`, {
      headers: { 'content-type': mediaType },
      body: () => data,
    });
  }

  /** Retries after transient errors. */
  private async again<T>(work: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await work();
      } catch (e) {
        if (attempt >= attempts || e instanceof RegistryFault) throw e;
        await pause(patience.pause * 2 ** (attempt - 1));
      }
    }
  }

  private async request(
    method: string,
    path: string,
    options: {
      headers?: Record<string, string>;
      body?: () => Buffer | Readable;
      also?: number[];
      once?: boolean;
    },
  ): Promise<Response> {
    const bytes = Number(options.headers?.['content-length'] ?? 0);
    const time = Math.min(patience.request, patience.answer + transferTime(bytes));
    const send = async (): Promise<Response> => {
      const body = options.body?.();
      const request: RequestInit & { duplex?: 'half' } = {
        method,
        redirect: 'error',
        signal: AbortSignal.timeout(Math.ceil(time)),
        headers: { ...options.headers, ...(await this.authorization()) },
        ...(body === undefined ? {} : { body: streamOf(body), duplex: 'half' }),
      };
      const answer = await fetch(`${this.base}${path}`, request);
      if (answer.status === 401 && !this.asked && (await this.authorize(answer.headers.get('www-authenticate'))))
        return send();
      if (answer.ok || options.also?.includes(answer.status)) return answer;
      const text = (await bodyOf(answer)).toString('utf8').slice(0, 300);
      const fault = `${method} ${path.replace(/\?.*/, '')}: ${answer.status} ${text}`;
      // Server errors and rate limits are transient.
      if (answer.status >= 500 || answer.status === 429) throw new Error(fault);
      throw new RegistryFault(fault);
    };
    return slowly(`the registry ${this.host}`, options.once ? send() : this.again(send));
  }

  private async authorization(): Promise<Record<string, string>> {
    if (this.token !== undefined) return { authorization: `Bearer ${this.token}` };
    return this.login === undefined ? {} : { authorization: `Basic ${this.login}` };
  }

  /** Answers a registry's challenge: with a login, or with a token from the server that it names. */
  private async authorize(wanted: string | null): Promise<boolean> {
    this.asked = true;
    const login = await loginFor(this.host);
    const bearer = /^Bearer (.*)$/i.exec(wanted ?? '')?.[1];
    if (bearer === undefined) {
      this.login = login;
      return login !== undefined;
    }
    const fields = new Map(
      [...bearer.matchAll(/(\w+)="([^"]*)"/g)].map((m): [string, string] => [m[1] ?? '', m[2] ?? '']),
    );
    const url = new URL(fields.get('realm') ?? '', this.base);
    if (url.protocol !== 'https:' && url.origin !== new URL(this.base).origin) return false;
    url.searchParams.set('scope', `repository:${this.path}:pull,push`);
    const service = fields.get('service');
    if (service !== undefined) url.searchParams.set('service', service);
    const answer = await fetch(url, {
      redirect: 'error',
      signal: AbortSignal.timeout(patience.answer),
      headers: login === undefined ? {} : { authorization: `Basic ${login}` },
    });
    if (!answer.ok) return false;
    const said = asMap(JSON.parse((await bodyOf(answer)).toString('utf8')));
    const token = said && (own(said, 'token') ?? own(said, 'access_token'));
    this.token = typeof token === 'string' ? token : undefined;
    return this.token !== undefined;
  }
}

/** A body for fetch. Files are streamed. */
function streamOf(body: Buffer | Readable): BodyInit {
  if (Buffer.isBuffer(body)) return new Uint8Array(body);
  const parts = body[Symbol.asyncIterator]();
  return new ReadableStream<Uint8Array>({
    async pull(controller) {
      const next: IteratorResult<unknown> = await parts.next();
      if (next.done) controller.close();
      else if (Buffer.isBuffer(next.value)) controller.enqueue(new Uint8Array(next.value));
    },
    cancel: () => void body.destroy(),
  });
}

async function bodyOf(answer: Response): Promise<Buffer> {
  const body = await readBody(answer, largestAnswer);
  if (!body) throw new RegistryFault('an answer of the registry is too large');
  return body;
}

/** The diagnostic for a failed registry. */
export const registryFault = (repository: string, e: unknown): Result<never> =>
  bad(
    error('image-push', `${repository}: ${e instanceof Error ? e.message : String(e)}`, {
      hint: 'nothing was tagged; run the same command again to continue',
    }),
  );
