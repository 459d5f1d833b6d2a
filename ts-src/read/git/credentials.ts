import { error, type Diagnostic } from '../../model/diagnostics.ts';
import { decoded, isLocalUrl } from '../../model/urls.ts';

/**
 * Repositories that the distro repository names, and hosts where submodules may use a login; see `nameRepositories`.
 */
const named = new Set<string>();
let prefixes: string[] = [];
let closed = false;

/** A canonical form of a URL, for comparison. */
const plainUrl = (url: string): string =>
  url
    .replace(/^([a-z+]+:\/\/)[^/]*@/i, '$1')
    .replace(/^([a-z+]+:\/\/[^/]*)/i, (host) => host.toLowerCase())
    .replace(/(\.git)?\/*$/, '');

/** Registers what the distro repository names: URLs of repositories, and its `submodules`. */
export function nameRepositories(urls: Iterable<string>, submodules: readonly string[] = []): void {
  if (closed) return;
  for (const url of urls) named.add(plainUrl(url));
  prefixes = [...prefixes, ...submodules];
}

/** Ends registration: later names come from a pull request and may not use logins. */
export function closeNames(): void {
  closed = true;
}

/**
 * Whether git may use this machine's logins for a URL: only for repositories that the distro repository names, not for
 * submodules elsewhere, and not over an unencrypted connection.
 */
export function mayUseCredentials(url: string, submodule: boolean): boolean {
  if (isLocalUrl(url)) return false;
  if (!submodule && !closed) return true;
  return (
    named.has(plainUrl(url)) ||
    prefixes.some((p) => (p.endsWith('/') ? url.startsWith(p) && !leavesFolder(url) : plainUrl(p) === plainUrl(url)))
  );
}

/** Whether a URL may name something above its folder. Servers decode escapes before they look at `..`. */
const leavesFolder = (url: string): boolean =>
  decoded(decoded(url))
    .split(/[/\\:]/)
    .includes('..');

/**
 * The error for a local repository or archive that only the pull request names, not its target branch. Local files are
 * not for everyone who may open a pull request.
 */
export const localFault = (url: string): Diagnostic | undefined =>
  closed && isLocalUrl(url) && !named.has(plainUrl(url))
    ? error('request-source', `${url} is a path on this machine, and the target branch does not list it`, {
        hint: 'a pull request may only add https and ssh URLs; add a local path on the target branch first',
      })
    : undefined;

export const isLoopback = (host: string): boolean => /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?$/.test(host);

/**
 * Splits a URL into the URL without login, and the login as environment variables for git, since command lines are
 * public.
 */
export function loginOf(url: string): {
  plain: string;
  login?: { env: NodeJS.ProcessEnv; settings: [string, string][] };
} {
  // A password may contain '@': the host begins after the last one.
  const m = /^(https?):\/\/([^/]+)@([^/@]+)(.*)$/i.exec(url);
  if (!m) return { plain: url };
  const [, scheme = '', user = '', host = '', path = ''] = m;
  const plain = `${scheme}://${host}${path}`;
  if (scheme.toLowerCase() === 'http' && !isLoopback(host)) return { plain };
  const colon = user.indexOf(':');
  const decoded = (text: string): string => {
    try {
      return decodeURIComponent(text);
    } catch {
      return text;
    }
  };
  return {
    plain,
    login: {
      env: {
        SLIPWAY_URL_USER: decoded(colon < 0 ? user : user.slice(0, colon)),
        SLIPWAY_URL_PASSWORD: colon < 0 ? '' : decoded(user.slice(colon + 1)),
      },
      settings: [
        [`credential.${scheme}://${host}.helper`, ''],
        [`credential.${scheme}://${host}.helper`, helper('SLIPWAY_URL_USER', 'SLIPWAY_URL_PASSWORD')],
      ],
    },
  };
}

/** ssh that gives up a host that says nothing, and asks nobody if there is no terminal. */
export const patientSsh = (): string =>
  `ssh -o ConnectTimeout=20 -o ServerAliveInterval=15 -o ServerAliveCountMax=4${process.stdin.isTTY ? '' : ' -o BatchMode=yes'}`;

/** An environment in which git finds no logins of this machine: no helper, header, key or agent. */
export function anonymous(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const left = Object.fromEntries(
    Object.entries(env).filter(
      ([name]) => !/^(SLIPWAY_GIT_|GIT_CONFIG|GIT_ASKPASS$|SSH_ASKPASS|SSH_AUTH_SOCK$|SLIPWAY_URL_)/.test(name),
    ),
  );
  const hidden = Object.fromEntries(
    Object.keys(env).flatMap((name) => (Object.hasOwn(left, name) ? [] : [[name, undefined]])),
  );
  const kept = Array.from({ length: Number(env.GIT_CONFIG_COUNT ?? 0) || 0 }, (_, i): [string, string] => [
    env[`GIT_CONFIG_KEY_${i}`] ?? '',
    env[`GIT_CONFIG_VALUE_${i}`] ?? '',
  ]).filter(([key]) => key !== '' && !/^(credential|url)\.|extraheader$|cookiefile$/i.test(key));
  const none: [string, string][] = [
    ['credential.helper', ''],
    ['core.askPass', ''],
    ['http.extraHeader', ''],
    ['http.cookieFile', ''],
    ...kept,
  ];
  return {
    ...hidden,
    ...left,
    // Also hides ~/.netrc, and URL rewrites with logins in ~/.gitconfig.
    HOME: '/nonexistent',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_SSH_VARIANT: 'ssh',
    GIT_SSH_COMMAND: `${patientSsh()} -F none -o BatchMode=yes -o IdentityAgent=none -o IdentitiesOnly=yes -o IdentityFile=/dev/null`,
    ...Object.fromEntries(
      none.flatMap(([key, value], i) => [
        [`GIT_CONFIG_KEY_${i}`, key],
        [`GIT_CONFIG_VALUE_${i}`, value],
      ]),
    ),
    GIT_CONFIG_COUNT: String(none.length),
  };
}

/** A credential helper that prints two variables. */
const helper = (user: string, password: string): string =>
  `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$${user}" "$${password}"; }; f`;

/**
 * Configures git credentials from the environment: SLIPWAY_GIT_0_HOST with _USER and _PASSWORD (a token needs no user)
 * or with _KEY (file of an ssh key), then the same with 1, 2, …. Each is used for its host only, over https or ssh.
 * Secrets appear neither in command lines nor in git's configuration, which refers to the variables. Sets GIT_CONFIG_*
 * and GIT_SSH_COMMAND in `env` for git processes.
 */
export function useGitCredentials(env: NodeJS.ProcessEnv): void {
  const config: [string, string][] = [];
  const hosts: { host: string; key: string; user: string | undefined }[] = [];
  for (let i = 0; ; i++) {
    const name = `SLIPWAY_GIT_${i}`;
    const host = env[`${name}_HOST`];
    if (host === undefined) break;
    // The host becomes part of a configuration key and a command.
    if (!/^[A-Za-z0-9][A-Za-z0-9.-]*(:\d+)?$/.test(host)) continue;
    if (env[`${name}_KEY`] !== undefined) hosts.push({ host, key: `${name}_KEY`, user: env[`${name}_USER`] });
    if (env[`${name}_PASSWORD`] === undefined) continue;
    env[`${name}_USER`] ??= 'token';
    for (const scheme of isLoopback(host) ? ['https', 'http'] : ['https']) {
      // An empty helper first disables the machine's helpers for this host.
      config.push(
        [`credential.${scheme}://${host}.helper`, ''],
        [`credential.${scheme}://${host}.helper`, helper(`${name}_USER`, `${name}_PASSWORD`)],
      );
    }
  }
  if (hosts.length) {
    const ssh = patientSsh();
    const cases = hosts
      .map(
        ({ host, key }) =>
          `${host.replace(/:\d+$/, '')}) exec ${ssh} -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new -i "$${key}" "$@" ;;`,
      )
      .join(' ');
    // git's arguments are options, [user@]host and the command. The host is the first word that is neither an option
    // nor its value.
    env.GIT_SSH_VARIANT = 'ssh';
    env.GIT_SSH_COMMAND = `sh -c 'host=; skip=; for a; do if [ -n "$skip" ]; then skip=; continue; fi; case $a in -p|-o|-i|-l) skip=1 ;; -*) ;; *) host=\${a#*@}; break ;; esac; done; case $host in ${cases} *) exec ${ssh} "$@" ;; esac' sh`;
  }
  if (!config.length) return;
  const first = Number(env.GIT_CONFIG_COUNT ?? 0);
  config.forEach(([key, value], i) => {
    env[`GIT_CONFIG_KEY_${first + i}`] = key;
    env[`GIT_CONFIG_VALUE_${first + i}`] = value;
  });
  env.GIT_CONFIG_COUNT = String(first + config.length);
}
