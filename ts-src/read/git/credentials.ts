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
    for (const scheme of ['https', 'http']) {
      // An empty helper first: those of the machine are not asked for this host.
      config.push(
        [`credential.${scheme}://${host}.helper`, ''],
        [
          `credential.${scheme}://${host}.helper`,
          `!f() { test "$1" = get && printf 'username=%s\\npassword=%s\\n' "$${name}_USER" "$${name}_PASSWORD"; }; f`,
        ],
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
