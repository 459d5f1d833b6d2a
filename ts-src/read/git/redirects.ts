import { isSourceUrl } from '../../model/urls.ts';

const asked = '/info/refs?service=git-upload-pack';

/** Whether git refused to follow a redirect; it is told to follow none. */
export const isRedirected = (stderr: string): boolean => /returned error: 30[12378]\b/.test(stderr);

/** Makes git print the headers of answers, without logins. */
export const tracing: NodeJS.ProcessEnv = { GIT_TRACE_CURL: '1', GIT_TRACE_CURL_NO_DATA: '1', GIT_TRACE_REDACT: '1' };

/**
 * The URL to which a server redirects a repository, from the trace of `git ls-remote`. Refuses URLs with logins.
 */
export function redirectIn(trace: string, url: string): string | undefined {
  const location = [...trace.matchAll(/<= Recv header: location: *(\S+)/gi)].at(-1)?.[1];
  const base = `${url.replace(/\/+$/, '')}${asked}`;
  if (location === undefined || !URL.canParse(location, base)) return undefined;
  const target = new URL(location, base).href;
  if (!target.endsWith(asked)) return undefined;
  const at = target.slice(0, -asked.length);
  return /^https?:\/\/[^/@]+\//.test(at) && isSourceUrl(at, true) ? at : undefined;
}

/**
 * Whether a redirect stays on its host, and is not from https to http. Only there are logins used: a server could
 * otherwise have this machine read another host's private repositories.
 */
export function staysOnHost(from: string, to: string): boolean {
  if (!URL.canParse(from) || !URL.canParse(to)) return false;
  const [before, after] = [new URL(from), new URL(to)];
  return before.host === after.host && (before.protocol === after.protocol || after.protocol === 'https:');
}
