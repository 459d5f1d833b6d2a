import { copyFileSync, statSync } from 'node:fs';
import { bad, error, good, type Result } from '../../model/diagnostics.ts';
import { codeOf, environmentFault, messageOf } from '../../io/faults.ts';
import { appendFile, writeFile } from '../../io/write.ts';
import { longestFetch, tookTooLong } from '../../io/patience.ts';
import { run } from '../../io/process.ts';
import { readBody } from '../../io/response.ts';
import { slowly } from '../../io/slow.ts';
import { sizeText } from '../../model/sizes.ts';
import { decoded } from '../../model/urls.ts';
import { loginOf } from './credentials.ts';
import { hostOf, plainReason, stallSeconds } from './process.ts';

/** Limit for downloads in bytes: archives and indices are smaller, and a server may send without end. */
const largestDownload = 4 * 2 ** 30;

const downloadOptions = [
  '--silent --show-error --fail --location --max-redirs 10 --globoff --remote-time',
  '--proto =http,https --proto-redir =http,https',
  `--connect-timeout 30 --speed-limit 1 --speed-time ${stallSeconds}`,
].flatMap((options) => options.split(' '));

/** The message for a server's answer 404. */
export const answeredMissing = 'the server has no such file (404)';
const answered = (status: number): string => {
  if (status === 404) return answeredMissing;
  return status === 401 || status === 403 ? `the server allows no access (${status})` : `the server answered ${status}`;
};

/** Whether a message says that the server wants a login. */
export const wantsLogin = (message: string): boolean => message.endsWith('allows no access (401)');

/** curl's message without its prefixes and numbers. */
function curlReason(said: string): string {
  const status = /returned error: (\d{3})/.exec(said)?.[1];
  return status === undefined ? plainReason(said.trim().replace(/^curl: \(\d+\) /, '')) : answered(Number(status));
}

/** The local path of a URL or path; undefined if it is remote. */
function localPath(url: string): string | undefined {
  if (url.startsWith('file://')) return decoded(new URL(url).pathname);
  return /^[a-z+]+:\/\//.test(url) ? undefined : url;
}

/** Copies a regular local file. Refuses FIFOs and devices, which may have no end. */
function copyRegular(from: string, to: string, most: number): string | undefined {
  const found = statSync(from);
  if (!found.isFile()) return 'it is no regular file';
  if (found.size > most) return tooMuch(most);
  copyFileSync(from, to);
  return undefined;
}

/** curl's exit code for a file that it can't write. Its message does not tell why. */
const curlCantWrite = 23;

/** Throws the error of the file system that does not take more of a file. */
const writeMore = (file: string): void => appendFile(file, Buffer.alloc(1 << 16));

/** Errors of the place that a file is written to. */
const ofDisk = ['ENOSPC', 'EDQUOT', 'EROFS', 'EFBIG', 'EIO'];

/** The error for a file that could not be fetched because of what was thrown here. */
function localError(url: string, e: unknown): Result<never> {
  const words = ofDisk.includes(codeOf(e) ?? '') ? environmentFault(e) : undefined;
  return bad(
    words === undefined
      ? error('source-unreachable', `can't fetch ${url}: ${messageOf(e)}`)
      : error('source-store', `can't fetch ${url}: ${words}`),
  );
}

const tooMuch = (most: number): string => `it is larger than ${sizeText(most)}`;

/** A text in curl's configuration. */
export const curlText = (text: string): string => JSON.stringify(text);

/** The time, by `performance.now()`, until which files may be fetched that belong together. */
export const latest = (): number => performance.now() + longestFetch;

/**
 * Gets a file by http, https, file URL or path, of limited size. With `since`, writes nothing if the server has no
 * newer version. `config`: more lines of curl's configuration, which may be secret. `until`: see `latest`.
 */
export async function download(
  url: string,
  file: string,
  {
    since,
    most = largestDownload,
    config = [],
    until = latest(),
  }: { since?: string | undefined; most?: number; config?: readonly string[]; until?: number } = {},
): Promise<Result<string>> {
  const left = Math.ceil(Math.min(until - performance.now(), longestFetch));
  if (left <= 0) return bad(error('source-unreachable', `can't fetch ${url}: what comes before it ${tookTooLong}`));
  // Not by an option of curl, whose time begins anew with each attempt.
  const signal = AbortSignal.timeout(left);
  try {
    const local = localPath(url);
    if (local !== undefined) {
      const fault = copyRegular(local, file, most);
      return fault === undefined ? good(file) : bad(error('source-unreachable', `can't fetch ${url}: ${fault}`));
    }
    const { plain, login } = loginOf(url);
    const user = login ? [`user = ${curlText(`${login.env.SLIPWAY_URL_USER}:${login.env.SLIPWAY_URL_PASSWORD}`)}`] : [];
    const lines = [...user, ...config].map((line) => `${line}\n`);
    const got = await slowly(
      hostOf(url),
      run(
        'sh',
        // curl can't limit a response without a length, so the kernel does, in blocks of 512 bytes.
        [
          '-c',
          `ulimit -f ${Math.ceil(most / 512) + 1}; exec curl "$@"`,
          'sh',
          ...downloadOptions,
          '--max-filesize',
          String(most),
          ...(since === undefined ? [] : ['--time-cond', since]),
          '--output',
          file,
          ...(lines.length ? ['--config', '-'] : []),
          '--',
          plain,
        ],
        { signal, ...(lines.length ? { input: lines.join('') } : {}) },
      ),
    );
    if (signal.aborted && got.code !== 0)
      return bad(error('source-unreachable', `can't fetch ${url}: it ${tookTooLong}`));
    if (got.code === 127 && !config.length) {
      const response = await slowly(hostOf(url), fetch(url, { signal }));
      if (!response.ok) return bad(error('source-unreachable', `can't fetch ${url}: ${answered(response.status)}`));
      const body = await readBody(response, Math.min(most, 1 << 30));
      if (!body) return bad(error('source-unreachable', `can't fetch ${url}: ${tooMuch(most)}`));
      writeFile(file, body);
    } else if (got.code !== 0) {
      if (got.code === curlCantWrite) writeMore(file);
      const why = got.signal === 'SIGXFSZ' || got.code === 63 ? tooMuch(most) : curlReason(got.stderr);
      return bad(error('source-unreachable', `can't fetch ${url}: ${why}`));
    }
    return good(file);
  } catch (e) {
    return localError(url, e);
  }
}
