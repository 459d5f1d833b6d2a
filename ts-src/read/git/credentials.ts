import { error, type Diagnostic } from '../../model/diagnostics.ts';
import { isLocalUrl } from '../../model/urls.ts';

/** Repositories that the distro repository names, and where submodules may use a login; see `nameRepositories`. */
const named = new Set<string>();
let prefixes: string[] = [];
let settled = false;

/** The same address in one form. */
const plainUrl = (url: string): string =>
  url
    .replace(/^([a-z+]+:\/\/)[^/]*@/i, '$1')
    .replace(/^([a-z+]+:\/\/[^/]*)/i, (host) => host.toLowerCase())
    .replace(/(\.git)?\/*$/, '');

/** What the distro repository names: the URLs of its repositories, and its `submodules`. */
export function nameRepositories(urls: Iterable<string>, submodules: readonly string[] = []): void {
  if (settled) return;
  for (const url of urls) named.add(plainUrl(url));
  prefixes = [...prefixes, ...submodules];
}

/** From now on a login is used for what was named until now alone: what follows comes from a pull request. */
export function settleNames(): void {
  settled = true;
}

/**
 * Whether git may use logins of this machine for a URL: for what the distro repository names, never for a submodule
 * elsewhere, and never over a line that others can read.
 */
export function mayUseCredentials(url: string, submodule: boolean): boolean {
  if (isLocalUrl(url)) return false;
  if (!submodule && !settled) return true;
  return (
    named.has(plainUrl(url)) ||
    prefixes.some((p) => (p.endsWith('/') ? url.startsWith(p) && !url.includes('/../') : plainUrl(p) === plainUrl(url)))
  );
}

/**
 * Why a repository or an archive is not read: it lies on this machine, and a pull request names it that its target
 * branch does not name. What lies here is not for all who may open one.
 */
export const localFault = (url: string): Diagnostic | undefined =>
  settled && isLocalUrl(url) && !named.has(plainUrl(url))
    ? error('request-source', `${url} is a path on this machine, and the target branch does not list it`, {
        hint: 'a pull request may only add https and ssh URLs; add a local path on the target branch first',
      })
    : undefined;

const isLoopback = (host: string): boolean => /^(127\.\d+\.\d+\.\d+|localhost|\[::1\])(:\d+)?$/.test(host);

/** A URL without the login that it may hold, and that login as git takes it: by variables, never in a command line. */
export function loginOf(url: string): {
  plain: string;
  login?: { env: NodeJS.ProcessEnv; settings: [string, string][] };
} {
  // A password may hold an '@': the host begins after the last one.
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

/** The environment of a git that knows no login of this machine: no helper, no header, no key, no agent. */
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
    // Nor ~/.netrc, nor a URL that ~/.gitconfig replaces by one with a login.
    HOME: '/nonexistent',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_SSH_VARIANT: 'ssh',
    GIT_SSH_COMMAND:
      'ssh -F none -o BatchMode=yes -o IdentityAgent=none -o IdentitiesOnly=yes -o IdentityFile=/dev/null -o ConnectTimeout=20',
    ...Object.fromEntries(
      none.flatMap(([key, value], i) => [
        [`GIT_CONFIG_KEY_${i}`, key],
        [`GIT_CONFIG_VALUE_${i}`, value],
      ]),
    ),
    GIT_CONFIG_COUNT: String(none.length),
  };
}

/** A credential helper that gives what two variables hold. */
const helper = (user: string, password: string): string =>
  `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$${user}" "$${password}"; }; f`;

/**
 * Credentials for git from the environment, in git's own ways: SLIPWAY_GIT_0_HOST with _USER and _PASSWORD (a token's
 * user may be left out) or with _KEY, the file of an ssh key, and so on with 1, 2, … . Each is given to its host alone,
 * over https or ssh; no secret is in a command line or in git's configuration, which only names the variables. Further
 * starts of git see them through GIT_CONFIG_* and GIT_SSH_COMMAND, which this sets in `env`.
 */
export function useGitCredentials(env: NodeJS.ProcessEnv): void {
  const config: [string, string][] = [];
  const hosts: { host: string; key: string; user: string | undefined }[] = [];
  for (let i = 0; ; i++) {
    const name = `SLIPWAY_GIT_${i}`;
    const host = env[`${name}_HOST`];
    if (host === undefined) break;
    // It becomes part of a configuration key and of a command of ours.
    if (!/^[A-Za-z0-9][A-Za-z0-9.-]*(:\d+)?$/.test(host)) continue;
    if (env[`${name}_KEY`] !== undefined) hosts.push({ host, key: `${name}_KEY`, user: env[`${name}_USER`] });
    if (env[`${name}_PASSWORD`] === undefined) continue;
    env[`${name}_USER`] ??= 'token';
    for (const scheme of isLoopback(host) ? ['https', 'http'] : ['https']) {
      // An empty helper first: those of the machine are not asked for this host.
      config.push(
        [`credential.${scheme}://${host}.helper`, ''],
        [`credential.${scheme}://${host}.helper`, helper(`${name}_USER`, `${name}_PASSWORD`)],
      );
    }
  }
  if (hosts.length) {
    const cases = hosts
      .map(
        ({ host, key }) =>
          `${host.replace(/:\d+$/, '')}) exec ssh -o IdentitiesOnly=yes -o BatchMode=yes -o StrictHostKeyChecking=accept-new -i "$${key}" "$@" ;;`,
      )
      .join(' ');
    // git calls it with options, then [user@]host, then the command: the host is the first word that is no option or an
    // option's value.
    env.GIT_SSH_VARIANT = 'ssh';
    env.GIT_SSH_COMMAND = `sh -c 'host=; skip=; for a; do if [ -n "$skip" ]; then skip=; continue; fi; case $a in -p|-o|-i|-l) skip=1 ;; -*) ;; *) host=\${a#*@}; break ;; esac; done; case $host in ${cases} *) exec ssh "$@" ;; esac' sh`;
  }
  if (!config.length) return;
  const first = Number(env.GIT_CONFIG_COUNT ?? 0);
  config.forEach(([key, value], i) => {
    env[`GIT_CONFIG_KEY_${first + i}`] = key;
    env[`GIT_CONFIG_VALUE_${first + i}`] = value;
  });
  env.GIT_CONFIG_COUNT = String(first + config.length);
}
