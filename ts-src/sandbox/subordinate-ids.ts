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
export const firstId = (text: string, user: { name: string; id: number }): number | undefined =>
  parse(text).find((r) => (r.owner === user.name || r.owner === String(user.id)) && r.count >= needed)?.first;

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
