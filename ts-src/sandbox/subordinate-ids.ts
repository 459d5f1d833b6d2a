import { readIf } from '../io/files.ts';
import { account } from '../io/home.ts';

/** A line of /etc/subuid or /etc/subgid. */
interface IdRange {
  owner: string;
  first: number;
  count: number;
}

const parse = (text: string): IdRange[] =>
  text.split('\n').flatMap((line) => {
    const m = /^([^:]+):(\d+):(\d+)$/.exec(line.trim());
    return m ? [{ owner: m[1] ?? '', first: Number(m[2]), count: Number(m[3]) }] : [];
  });

const overlap = (a: IdRange, b: IdRange): boolean => a.first < b.first + b.count && b.first < a.first + a.count;

/** Number of ids that a root needs: all ids that Debian assigns to users and the system. */
const needed = 65536;

/** The first one of a user's subordinate ids in a file; undefined if they are too few for a root. */
const firstId = (text: string, user: { name: string; id: number }): number | undefined =>
  parse(text).find((r) => (r.owner === user.name || r.owner === String(user.id)) && r.count >= needed)?.first;

/** The last one of the subordinate ids, in the namespaces that map them. */
export const lastId = needed;

/**
 * unshare(1)'s options for a namespace that maps the caller's subordinate ids: none for root; undefined if they are
 * too few. Its own `--map-auto` takes the first line of the user, however few ids that has, and leaves out the last id.
 */
export function mapsOf(): string[] | undefined {
  if (process.getuid?.() === 0) return [];
  const user = account();
  if (!user) return undefined;
  const [users, groups] = ['subuid', 'subgid'].map((file) =>
    firstId(readIf(`/etc/${file}`) ?? '', { name: user.username, id: user.uid }),
  );
  if (users === undefined || groups === undefined) return undefined;
  const map = (from: number) => `${from},1,${lastId}`;
  return ['--user', '--map-root-user', `--map-users=${map(users)}`, `--map-groups=${map(groups)}`];
}

export interface IdProblem {
  what: string;
  /** First unused id for a new range. */
  free?: number;
}

/**
 * What is wrong with a user's subordinate ids in a file: missing, too few, or shared with another user, whose files and
 * processes the user's roots could reach. `users`: text of /etc/passwd.
 */
export function idProblem(
  file: string,
  text: string,
  user: { name: string; id: number },
  users: string,
): IdProblem | undefined {
  const all = parse(text);
  const mine = (r: IdRange) => r.owner === user.name || r.owner === String(user.id);
  const own = all.filter(mine);
  const free = Math.max(100_000, ...all.map((r) => r.first + r.count));
  if (!own.some((r) => r.count >= needed))
    return { what: `${user.name} has no ${needed} subordinate ids in ${file}`, free };
  for (const range of own) {
    const other = all.find((r) => !mine(r) && overlap(r, range));
    if (other) return { what: `${user.name} and ${other.owner} have the same subordinate ids in ${file}`, free };
    const real = users.split('\n').find((line) => {
      const [name, , id] = line.split(':');
      return id && name !== user.name && Number(id) >= range.first && Number(id) < range.first + range.count;
    });
    if (real)
      return { what: `the subordinate ids of ${user.name} in ${file} hold the user ${real.split(':')[0]}`, free };
  }
  return undefined;
}

/** What this user's ids lack for roots, and how to get it. */
export function idFinding(): { what: string; fix: string } | undefined {
  const user = account();
  const id = process.getuid?.() ?? 0;
  // newuidmap(1) needs a name, too.
  if (!user) return { what: `the user ${id} has no name in /etc/passwd`, fix: `sudo useradd --uid ${id} slipway` };
  const { username: name } = user;
  const users = readIf('/etc/passwd') ?? '';
  const problems = ['/etc/subuid', '/etc/subgid'].flatMap(
    (f) => idProblem(f, readIf(f) ?? '', { name, id }, users) ?? [],
  );
  if (!problems.length) return undefined;
  const free = Math.max(...problems.map((p) => p.free ?? 0));
  const range = `${free}-${free + 65535}`;
  const taken = problems.some((p) => /same|hold/.test(p.what));
  const first = taken ? `remove the line of ${name} from /etc/subuid and /etc/subgid, then ` : '';
  return {
    what: problems.map((p) => p.what).join('; '),
    fix: `${first}sudo usermod --add-subuids ${range} --add-subgids ${range} ${name}`,
  };
}
