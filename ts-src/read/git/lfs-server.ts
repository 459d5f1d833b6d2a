import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inTemporary } from '../../io/temporary-folder.ts';
import type { Diagnostic } from '../../model/diagnostics.ts';
import { run } from '../../io/process.ts';
import { isLocalUrl } from '../../model/urls.ts';
import { isLoopback, mayUseCredentials } from './credentials.ts';
import { curlText, download, latest, wantsLogin } from './download.ts';
import { environmentFor, git, placeOf } from './process.ts';

export interface LargeObject {
  oid: string;
  size: number;
}

/** Where an object can be had, and curl's configuration for it. */
interface Offer {
  href: string;
  config: string[];
}

/** Limit of an answer in bytes. */
const largestAnswer = 16 << 20;

/**
 * The Git LFS server of a repository. It names any URL for an object. A login of this machine goes to the host of the
 * repository only, so this is not left to git-lfs, which uses the logins of all hosts.
 */
export class LfsServer {
  private constructor(
    private readonly url: string,
    private readonly mayLogIn: boolean,
    /** Lines of curl's configuration for the server. */
    private login: string[],
  ) {}

  /** The server for a repository's URL; a text says why there is none. */
  static async of(origin: string): Promise<LfsServer | string> {
    if (!origin) return 'it is not known where they are';
    if (isLocalUrl(origin)) return 'its repository is on this machine: name it under `folders` in distro.yaml instead';
    const { at: place, onHost } = placeOf(origin);
    // Ignores the URL in the repository's .lfsconfig: logins go to the repository's host only.
    const url = `${place.replace(/(\.git)?\/*$/, '.git')}/info/lfs`;
    if (/^https?:/i.test(place)) return new LfsServer(url, onHost && mayUseCredentials(origin, false), []);
    const answer = await askOverSsh(origin);
    if (answer === undefined) return 'its host names no server for them (git-lfs-authenticate)';
    const href = textAt(answer, 'href') ?? '';
    if (!isPlainUrl(href)) return 'its host names no URL of a server for them (git-lfs-authenticate)';
    const { protocol, host } = new URL(href);
    return protocol === 'https:' || isLoopback(host)
      ? new LfsServer(href.replace(/\/+$/, ''), false, headersIn(answer))
      : `its host names a server without encryption: ${host}`;
  }

  /** Asks where objects are, until a time (`latest`). A text is an error: of an object, or of all. */
  async ask(objects: readonly LargeObject[], until = latest()): Promise<Map<string, Offer | string> | string> {
    const wanted = objects.map(({ oid, size }) => ({ oid, size }));
    const body = { operation: 'download', transfers: ['basic'], objects: wanted };
    let answer = await this.post(body, until);
    if (this.mayLogIn && 'fault' in answer && wantsLogin(answer.fault)) {
      this.login = await loginFor(this.url);
      if (this.login.length) answer = await this.post(body, until);
    }
    return 'fault' in answer ? answer.fault : this.offersIn(answer.text);
  }

  private async post(body: unknown, until: number): Promise<{ text: string } | { fault: string }> {
    return inTemporary('lfs', async (folder) => {
      const file = join(folder, 'answer');
      const config = [
        'no-location',
        ...again,
        ...(this.mayLogIn ? ['netrc-optional'] : []),
        ...this.login,
        `header = ${curlText('Accept: application/vnd.git-lfs+json')}`,
        `header = ${curlText('Content-Type: application/vnd.git-lfs+json')}`,
        `data = ${curlText(JSON.stringify(body))}`,
      ];
      const got = await download(`${this.url}/objects/batch`, file, { most: largestAnswer, config, until });
      if (!got.ok) return { fault: reasonOf(got.diagnostics, `${this.url}/objects/batch`) };
      return { text: readFileSync(file, 'utf8') };
    });
  }

  private offersIn(text: string): Map<string, Offer | string> | string {
    let objects: unknown;
    try {
      objects = at(JSON.parse(text), 'objects');
    } catch {
      return 'the server did not answer in JSON';
    }
    if (!Array.isArray(objects)) return 'the server did not list them';
    return new Map(objects.map((object: unknown) => [textAt(object, 'oid') ?? '', this.offerOf(object)]));
  }

  private offerOf(object: unknown): Offer | string {
    const action = at(at(object, 'actions'), 'download');
    const href = textAt(action, 'href');
    if (href === undefined) {
      const said = textAt(at(object, 'error'), 'message')?.slice(0, 200);
      return said === undefined ? 'the server does not have it' : `the server says: ${said}`;
    }
    if (!isPlainUrl(href) || (this.url.startsWith('https:') && !href.startsWith('https:')))
      return `the server names a URL that is not allowed: ${withoutQuery(href).slice(0, 200)}`;
    const headers = headersIn(action);
    const mayLogIn =
      this.mayLogIn &&
      new URL(href).origin === new URL(this.url).origin &&
      !headers.some((line) => /^header = "authorization:/i.test(line));
    return { href, config: [...again, ...(mayLogIn ? this.login : []), ...headers] };
  }
}

/** Makes curl try again after errors that pass. */
const again = ['retry = 3', 'retry-max-time = 120'];

/** An http or https URL without a login. */
const isPlainUrl = (href: string): boolean =>
  /^https?:\/\/[^/@]+(\/|$)/.test(href) && !/[\0-\x20\x7f]/.test(href) && URL.canParse(href);

/** The parameters of a URL may be a login. */
const withoutQuery = (href: string): string => href.replace(/\?.*$/, '?…');

/** Why a URL could not be read. */
export const reasonOf = (diagnostics: readonly Diagnostic[], href: string): string =>
  diagnostics.map((d) => d.message.replace(href, withoutQuery(href))).join('; ');

/** The headers that a server names, as lines of curl's configuration. */
function headersIn(named: unknown): string[] {
  const given = at(named, 'header');
  return Object.entries(typeof given === 'object' && given !== null ? given : {}).flatMap(
    ([name, value]: [string, unknown]) =>
      typeof value === 'string' && isHeader(name, value) ? [`header = ${curlText(`${name}: ${value}`)}`] : [],
  );
}

/** Asks the host of an ssh URL for its server. */
async function askOverSsh(origin: string): Promise<unknown> {
  const url = /^ssh:\/\/([^/:]+)(?::(\d+))?(\/.*)$/.exec(origin);
  const [, host = '', port, path = ''] = url ?? /^([^/:]+)()?:(.+)$/.exec(origin) ?? [];
  const env = environmentFor(origin);
  const command = `git-lfs-authenticate '${path.replaceAll("'", "'\\''")}' download`;
  const words = [...(port ? ['-p', port] : []), '--', host, command];
  const got = await run('sh', ['-c', `${env.GIT_SSH_COMMAND ?? 'ssh'} "$@"`, 'sh', ...words], {
    env,
    limit: 1 << 20,
    signal: AbortSignal.timeout(120_000),
  });
  try {
    return got.code === 0 ? JSON.parse(got.stdout) : undefined;
  } catch {
    return undefined;
  }
}

/** Headers that would change the request itself are left out. */
const isHeader = (name: string, value: string): boolean =>
  /^[A-Za-z0-9_-]{1,100}$/.test(name) &&
  !/^(host|connection|content-length|transfer-encoding|expect|upgrade|range)$/i.test(name) &&
  /^[\x20-\x7e]{0,8000}$/.test(value);

/** git's login for a URL, as a line of curl's configuration. */
async function loginFor(url: string): Promise<string[]> {
  const got = await git(['credential', 'fill'], { input: `url=${url}\n\n` });
  const value = (name: string) => new RegExp(`^${name}=(.*)$`, 'm').exec(got.stdout)?.[1];
  const [user, password] = [value('username'), value('password')];
  return got.code === 0 && user !== undefined && password !== undefined
    ? [`user = ${curlText(`${user}:${password}`)}`]
    : [];
}

const at = (value: unknown, key: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined;

const textAt = (value: unknown, key: string): string | undefined => {
  const found = at(value, key);
  return typeof found === 'string' ? found : undefined;
};
