import { existsSync } from 'node:fs';
import { dirname } from 'node:path';
import { error, bad, good, type Diagnostic, type Result } from '../../model/diagnostics.ts';
import { isLocalUrl, redacted } from '../../model/urls.ts';
import { sizeText } from '../../model/sizes.ts';
import { longestFetch, numberFrom, tookTooLong } from '../../io/patience.ts';
import { run, type Outcome } from '../../io/process.ts';
import { slowly } from '../../io/slow.ts';
import { anonymous, loginOf, mayUseCredentials, patientSsh } from './credentials.ts';
import { isRedirected, redirectIn, staysOnHost, tracing } from './redirects.ts';

/** Seconds without data after which a server is given up. */
export const stallSeconds = numberFrom('SLIPWAY_STALL_SECONDS', 60, 3600);

/** Slipway's settings for git. They follow those in the environment (credentials). */
const settings: [string, string][] = [
  ['core.autocrlf', 'false'],
  ['core.hooksPath', '/dev/null'],
  ['core.fsmonitor', 'false'],
  ['gc.auto', '0'],
  ['protocol.version', '2'],
  ['advice.detachedHead', 'false'],
  ['http.lowSpeedLimit', '10'],
  ['http.lowSpeedTime', String(stallSeconds)],
  // Redirects are followed here, since git would use the logins of any host.
  ['http.followRedirects', 'false'],
];

/** Adds settings to git's settings in the environment. */
export function withSettings(env: NodeJS.ProcessEnv, added: readonly [string, string][]): NodeJS.ProcessEnv {
  const first = Number(env.GIT_CONFIG_COUNT ?? 0) || 0;
  const entries = added.flatMap(([key, value], i): [string, string][] => [
    [`GIT_CONFIG_KEY_${first + i}`, key],
    [`GIT_CONFIG_VALUE_${first + i}`, value],
  ]);
  return { ...env, ...Object.fromEntries(entries), GIT_CONFIG_COUNT: String(first + added.length) };
}

const environment = (): NodeJS.ProcessEnv => ({
  ...withSettings(process.env, settings),
  LC_ALL: 'C.UTF-8',
  GIT_ALLOW_PROTOCOL: 'file:git:http:https:ssh',
  GIT_LFS_SKIP_SMUDGE: '1',
  GIT_SSH_COMMAND: process.env.GIT_SSH_COMMAND ?? patientSsh(),
  ...(process.stdin.isTTY ? {} : { GIT_TERMINAL_PROMPT: '0' }),
});

interface GitOptions {
  gitDir?: string;
  cwd?: string;
  input?: string;
  env?: NodeJS.ProcessEnv;
  signal?: AbortSignal;
  /** A server sends: limit memory and files. */
  limited?: boolean;
  /** Preserve every byte of the output, as one character each (latin1). */
  binary?: boolean;
  /** Called with chunks of the output. An exception ends git. */
  onOutput?: (chunk: Buffer) => void;
}

/** Limits of git while a server sends to it: memory in KiB, and a file's bytes. A server could send without end. */
export const fetchLimits = { memory: 4 << 20, file: 16 * 2 ** 30 };

/** A program that runs git within the limits. Those of the machine may be lower. */
function limitedGit(): [program: string, ...args: string[]] {
  const { memory, file } = fetchLimits;
  const limits = `ulimit -d ${memory}; ulimit -f ${Math.ceil(file / 512)}`;
  // Without the signal, git tells that a file is too large.
  return ['sh', '-c', `{ ${limits}; } 2>/dev/null; trap '' XFSZ; exec git "$@"`, 'sh'];
}

export const git = (args: string[], options: GitOptions = {}): Promise<Outcome> => {
  const [program, ...first] = options.limited ? limitedGit() : ['git'];
  return run(program, [...first, ...(options.gitDir ? ['--git-dir', options.gitDir] : []), ...args], {
    ...(options.cwd ? { cwd: options.cwd } : {}),
    ...(options.input === undefined ? {} : { input: options.input }),
    ...(options.signal ? { signal: options.signal } : {}),
    ...(options.binary ? { encoding: 'latin1' as const } : {}),
    ...(options.onOutput ? { onOutput: options.onOutput } : {}),
    env: { ...environment(), ...options.env },
  });
};

/** Progress messages while sources are read. */
export interface Reporter {
  /** Called before a repository is read. */
  reading?(name: string): void;
  /** Called when a server asks to wait. */
  waiting?(text: string): void;
}

/** Whether git ended at a limit. */
export const exceeds = (stderr: string): boolean => /Out of memory|File too large/i.test(stderr);
export const refused = /\b429\b|rate limit|too many requests|abuse detection/i;
const passing =
  /timed out|connection reset|connection closed|early EOF|unexpected disconnect|hung up unexpectedly|returned error: 5\d\d|HTTP 5\d\d|temporary failure/i;
/** Seconds between attempts. */
const waits = { refused: [2, 8, 30, 60, 120], passing: [1, 4, 10] };

export const hostOf = (url: string): string => /^[a-z+]+:\/\/(?:[^/]*@)?([^/@]+)/.exec(url)?.[1] ?? redacted(url);

/** A repository's place after redirects, and whether all of them stayed on its host. */
interface Place {
  at: string;
  onHost: boolean;
}
const redirects = new Map<string, Place>();
const mostRedirects = 5;

/** The place of a URL without login, as far as its redirects are known. */
export const placeOf = (plain: string): Place => redirects.get(plain) ?? { at: plain, onHost: true };

/** URL and environment for a request: the URL has no login; the environment has it if that is allowed. */
function askFor(url: string, submodule: boolean): { url: string; env: NodeJS.ProcessEnv } {
  if (isLocalUrl(url)) return { url, env: {} };
  const { plain, login } = loginOf(url);
  const { at, onHost } = placeOf(plain);
  const env = environment();
  const own = login ? withSettings({ ...env, ...login.env }, login.settings) : env;
  const allowed = onHost && mayUseCredentials(plain, submodule) ? own : anonymous(env);
  return { url: plain, env: at === plain ? allowed : withSettings(allowed, [[`url.${at}.insteadOf`, plain]]) };
}

/** The environment of programs that ask the server of a repository, as git gets it. */
export const environmentFor = (url: string): NodeJS.ProcessEnv => ({ ...environment(), ...askFor(url, false).env });

/** Asks where the server redirects a repository. False if that is unknown, or there were too many redirects. */
async function followRedirect(ask: { url: string; env: NodeJS.ProcessEnv }, hops: number): Promise<boolean> {
  if (hops >= mostRedirects) return false;
  const { at, onHost } = placeOf(ask.url);
  const signal = AbortSignal.timeout(longestFetch);
  const { stderr } = await git(['ls-remote', '--', ask.url, 'HEAD'], {
    env: { ...ask.env, ...tracing },
    limited: true,
    signal,
  });
  const to = redirectIn(stderr, at);
  if (to !== undefined) redirects.set(ask.url, { at: to, onHost: onHost && staysOnHost(at, to) });
  return to !== undefined;
}

export interface Remote {
  url: string;
  /** The URL comes from a repository's submodules, not from the distro repository. */
  submodule?: boolean;
  reporter: Reporter;
}

/** Classifies a transient error in git's messages; undefined for others. */
function passingFault(stderr: string): 'refused' | 'passing' | undefined {
  if (exceeds(stderr) || /does not support shallow/.test(stderr)) return undefined;
  if (refused.test(stderr)) return 'refused';
  return passing.test(stderr) ? 'passing' : undefined;
}

/**
 * Runs git with a server. Retries after transient errors, and waits longer for servers that limit requests. `args` gets
 * the URL without login.
 */
export async function patiently(
  args: (url: string) => string[],
  options: GitOptions,
  { url, submodule, reporter }: Remote,
): Promise<Outcome> {
  let hops = 0;
  for (let tried = 0; ; tried++) {
    const ask = askFor(url, submodule === true);
    const signal = AbortSignal.timeout(longestFetch);
    const o = await slowly(
      hostOf(url),
      git(args(ask.url), { ...options, limited: true, env: { ...ask.env, ...options.env }, signal }),
    );
    if (signal.aborted) return { ...o, stderr: `it ${tookTooLong}` };
    if (o.code !== 0 && isRedirected(o.stderr) && (await followRedirect(ask, hops++))) continue;
    const why = o.code === 0 ? undefined : passingFault(o.stderr);
    const seconds = why && waits[why][tried];
    if (!why || seconds === undefined) return o;
    reporter.waiting?.(
      `${hostOf(url)} ${why === 'refused' ? 'allows no more requests for now' : `did not answer (${gitReason(o)})`}: ` +
        `trying again in ${seconds} s`,
    );
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
  }
}

/** Advice for a repository that can't be read, by git's message. */
function remedyOf(url: string, stderr: string): string {
  const owned = /dubious ownership in repository at '([^']+)'/.exec(stderr);
  if (owned)
    return (
      `it belongs to another user: run slipway as its owner, or allow it with \`git ` +
      `config --global --add safe.directory ${owned[1]}\``
    );
  if (isLocalUrl(url))
    return existsSync(url)
      ? 'the folder is there: make it a repository (`git init`, and ' +
          'commit), or name it under `folders` in distro.yaml instead'
      : 'correct the path; it is relative to distro.yaml';
  if (/Could not resolve host/i.test(stderr))
    return "check the spelling of the host's name, and that this machine has a network and DNS";
  if (/Connection refused|Failed to connect|timed out|Could(?:n't| not) connect/i.test(stderr))
    return /^https?:/i.test(url)
      ? 'check host and port, that the server runs, and the proxy (https_proxy)'
      : 'check host and port, and that the server runs';
  if (/certificate/i.test(stderr))
    return "install the certificate of the server's authority on this machine, or set GIT_SSL_CAINFO";
  if (/Permission denied|Host key verification|Could not read from remote/i.test(stderr))
    return `give this user an SSH key that the server accepts, and try \`git ls-remote ${url}\``;
  if (/Authentication failed|could not read Username|403|401|not found/i.test(stderr))
    return `check the URL, and that git has a login for it: try \`git ls-remote ${url}\``;
  return `check the URL: try \`git ls-remote ${url}\``;
}

/** Whether this machine's disk was full. A server's messages begin with `remote:`. */
export const diskWasFull = (o: Outcome): boolean =>
  o.code !== 0 && /^(?!remote:).*(?:No space left on device|Disk quota exceeded)/m.test(o.stderr);

/** The error of a git that failed in a repository of the state folder: STATE/git/NAME.git. */
export const storeFault = (what: string, o: Outcome, gitDir: string, code = 'source-store'): Diagnostic =>
  diskWasFull(o)
    ? error('source-store', `${what}: the disk of the state folder ${dirname(dirname(gitDir))} is full`, {
        hint:
          'make room: `slipway clean` removes what the next build makes again, `slipway store gc` what is old; ' +
          'or name a folder on a larger disk with --state. Then run the same command again: it continues',
      })
    : error(code, `${what}: ${gitReason(o)}`);

/** The error of a request that failed. `gitDir`: the repository that it was to fill, if any. */
export function unreachable({ url, submodule }: Remote, o: Outcome, gitDir?: string): Result<never> {
  if (gitDir !== undefined && diskWasFull(o)) return bad(storeFault(`can't fetch ${url}`, o, gitDir));
  if (refused.test(o.stderr))
    return bad(
      error('source-busy', `${url} allows no more requests for now: ${gitReason(o)}`, {
        hint:
          'try again later (sources that were read are kept), ' +
          'or configure a login for that host in git to raise the limit',
      }),
    );
  if (exceeds(o.stderr))
    return bad(
      error(
        'source-size',
        `${url} sends more than git may take, ${sizeText(fetchLimits.memory * 1024)} of memory and ${sizeText(fetchLimits.file)} for a file: ${gitReason(o)}`,
        { hint: 'remove files that packages do not need, or split the repository' },
      ),
    );
  const { plain } = loginOf(url);
  const { at, onHost } = placeOf(plain);
  const unnamed =
    'no login is used for a repository that the distro repository does not name: ' +
    'add its URL to `submodules` in distro.yaml where it needs one';
  const hint = isLocalUrl(url) || mayUseCredentials(plain, submodule === true) ? remedyOf(url, o.stderr) : unnamed;
  return bad(
    error('source-unreachable', `can't read ${url}: ${gitReason(o)}`, {
      hint: onHost ? hint : `it redirects to ${at}, where no login is used: name that URL if this is right`,
    }),
  );
}

export const gitReason = (o: Outcome): string => {
  const lines = o.stderr.trim().split('\n');
  const said =
    lines.find((l) => l.startsWith('ssh: ')) ??
    lines.find((l) => /^(fatal|error):/.test(l)) ??
    (lines[lines.length - 1] || `it ended with ${o.signal ?? o.code}`);
  return plainReason(said.replace(/^(fatal|error): (unable to access '[^']*': )?/, ''));
};

/** The message of curl or ssh, without repetitions. */
export const plainReason = (said: string): string =>
  said.trim().replace(/ after \d+ ms: Could(?:n't| not) connect to server$/, ': nothing answers there');

/** Prevents git from fetching missing objects one by one. */
export const local = ['-c', 'remote.origin.promisor=false'];

/** git's standard output. If git fails or is stopped, the result is an error, since the output may be incomplete. */
export async function outputOf(args: string[], options: GitOptions & { gitDir: string }): Promise<Result<string>> {
  const out = await git(args, options);
  if (out.code === 0) return good(out.stdout.trim());
  const verb = args.find((a) => !a.startsWith('-') && !a.includes('='));
  return bad(storeFault(`git ${verb} failed`, out, options.gitDir));
}
