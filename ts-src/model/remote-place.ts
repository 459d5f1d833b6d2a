/** A folder on a host reached by ssh. */
export interface RemotePlace {
  user: string | undefined;
  host: string;
  port: number | undefined;
  /** Absolute path. */
  path: string;
  /** File with the private key. Default: ssh's configuration and agent. */
  key: string | undefined;
  /** File with accepted host keys. Default: ssh's configuration. */
  knownHosts: string | undefined;
  /** URL from which clients read it. */
  public: string | undefined;
}

const hostPattern = /^(?:[A-Za-z0-9][A-Za-z0-9.-]*|\[[0-9A-Fa-f:.]+\])$/;
const userPattern = /^[A-Za-z0-9_][A-Za-z0-9._-]*$/;
const pathPattern = /^\/[A-Za-z0-9._+@/-]+$/;

/** scp's notation `user@host:/path`, optionally with a query of options. */
const scp = /^(?:([^@/:?]+)@)([^@/:?[\]]+|\[[^\]/]+\]):(\/[^?#]*)(\?[^#]*)?$/;
const uri = /^ssh:\/\/(?:([^@/?#]+)@)?([^@/:?#[\]]+|\[[^\]/]+\])(?::(\d{1,5}))?(\/[^?#]*)(\?[^#]*)?$/;

/** Whether a text names a place on another host, valid or not. */
export const isRemotePlace = (text: string): boolean => text.startsWith('ssh://') || scp.test(text);

/** Parses a place; returns a message if it is invalid. */
export function parseRemotePlace(text: string): RemotePlace | string {
  const short = scp.exec(text);
  const long = uri.exec(text);
  const [, user, host = '', port, path = '', query] =
    long ?? (short && [short[0], short[1], short[2], undefined, short[3], short[4]]) ?? [];
  if (!long && !short) return 'it is not ssh://USER@HOST:PORT/PATH, nor USER@HOST:/PATH';
  if (!hostPattern.test(host)) return `'${host}' is no name of a host`;
  if (user !== undefined && !userPattern.test(user))
    return `'${user}' is no name of a user; a password has no place here`;
  if (port !== undefined && (Number(port) < 1 || Number(port) > 65_535)) return `${port} is no port`;
  if (!pathPattern.test(path) || path.split('/').some((part) => part === '..' || part === '.'))
    return `'${path}' is no plain absolute path: letters, digits and ._+@- only`;
  const options = new URLSearchParams(query ?? '');
  for (const name of options.keys())
    if (!['key', 'known_hosts', 'public'].includes(name))
      return `it has no option '${name}': key=FILE, known_hosts=FILE and public=URL are known`;
  const [key, knownHosts, at] = ['key', 'known_hosts', 'public'].map((name) => options.get(name) ?? undefined);
  for (const file of [key, knownHosts])
    if (file !== undefined && !/^[/~][A-Za-z0-9._+@/ -]*$/.test(file)) return `'${file}' is no absolute path of a file`;
  if (at !== undefined && !/^https?:\/\/[^\s?#]+$/.test(at)) return `'${at}' is no address that clients read from`;
  return {
    user,
    host,
    port: port === undefined ? undefined : Number(port),
    path: path.replace(/\/+/g, '/').replace(/\/$/, ''),
    key,
    knownHosts,
    public: at,
  };
}

/** The canonical spelling of a place, without options. */
export const remoteName = ({ user, host, port, path }: RemotePlace): string =>
  `ssh://${user === undefined ? '' : `${user}@`}${host}${port === undefined ? '' : `:${port}`}${path}`;
