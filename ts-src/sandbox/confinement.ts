import { userInfo } from 'node:os';
import { readIf } from '../io/files.ts';
import { firstId } from './subordinate-ids.ts';

/** Who mmdebstrap is where root runs it. */
const nobody = 65534;
/** Subordinate ids that no system uses: programs that install packages into a base own no files of this machine. */
const subordinate = 'nobody:1879048192:65536';
/** Who mmdebstrap is where a plain user runs it: in its namespace, the last one of the subordinate ids. */
const last = 65536;
/** Path of the folder inside of a confined mmdebstrap; everybody can enter it. */
export const confinedFolder = '/dev/shm';

/**
 * mmdebstrap's own process, outside of its namespace, reads and writes files for programs in it, and a maintainer
 * script is root there: it can ask that process, and leave the chroot. So mmdebstrap runs as a user who owns nothing
 * else, in user namespaces mapped to unused ids, with its own /etc/subuid, and in a root with the programs and settings
 * of this machine only.
 * Arguments: FOLDER USER IDS SHOWN COMMAND...; USER: that user's id; IDS: its line of /etc/subuid; SHOWN: further
 * folders of this machine, separated by spaces. A plain user calls it as root of a user namespace, where /etc is not to
 * be written, and where set-uid programs of the machine have no effect, but own copies of them have.
 */
export const confine = `set -e
folder=$1 user=$2 ids=$3 shown=$4
shift 4
mkdir "$folder/etc"
mount -t tmpfs -o mode=755 tmpfs "$folder/etc"
own=$folder/etc
mkdir "$own/u" "$own/w" "$own/old" "$own/top"
if [ "$user" = ${nobody} ]; then
  mount --rbind /etc "$own/old"
  mount -t overlay overlay -o "lowerdir=/etc,upperdir=$own/u,workdir=$own/w" /etc
  # An overlay hides what is mounted below /etc, as a container's resolv.conf and hosts are.
  mounts=$(cat /proc/self/mountinfo)
  echo "$mounts" | while read -r _ _ _ _ at _; do
    case $at in
      /etc/*) if [ -e "$at" ]; then mount --bind "$own/old/\${at#/etc/}" "$at"; fi ;;
    esac
  done
  rm -f /etc/subuid /etc/subgid
  echo "$ids" > /etc/subuid
  echo "$ids" > /etc/subgid
fi
top=$own/top
mount -t tmpfs -o mode=755,size=16m tmpfs "$top"
for path in /bin /sbin /lib /lib32 /lib64 /libx32 /usr /etc /dev /proc /sys /nix /gnu; do
  if [ -L "$path" ]; then cp -P "$path" "$top$path"
  elif [ -d "$path" ]; then mkdir "$top$path"; mount --rbind "$path" "$top$path"
  fi
done
if [ "$user" != ${nobody} ]; then
  { cat /etc/passwd; echo "slipway:x:$user:$user::/:/bin/sh"; } > "$own/passwd"
  { cat /etc/group; echo "slipway:x:$user:"; } > "$own/group"
  echo "$ids" > "$own/subuid"
  echo "$ids" > "$own/subgid"
  for file in passwd group subuid subgid; do mount --bind "$own/$file" "$top/etc/$file"; done
  for program in newuidmap newgidmap; do
    path=$(realpath "$(command -v "$program")")
    cp "$path" "$own/$program"
    chmod 4755 "$own/$program"
    mount --bind "$own/$program" "$top$path"
  done
fi
# These may be links to files of /run.
for file in /etc/resolv.conf /etc/hosts; do
  if [ -L "$file" ] && [ -e "$file" ]; then
    to=$top$(cd /etc && realpath --canonicalize-missing --no-symlinks "$(readlink "$file")")
    if [ ! -e "$to" ]; then mkdir -p "\${to%/*}"; cp "$file" "$to"; fi
  fi
done
mount --bind "$folder" "$top${confinedFolder}"
mkdir -p "$top/root" "$top/run" "$top/tmp" "$top/var/lib/dpkg" "$top/var/tmp"
chmod 1777 "$top/tmp" "$top/var/tmp"
set -f
for path in $shown; do
  if [ -d "$path" ]; then
    mkdir -p "$top$path"
    mount --rbind "$path" "$top$path"
    # A plain user's namespace may not change the flags of a mount. Its ids own nothing there.
    mount -o remount,bind,ro "$top$path" || [ "$user" != ${nobody} ]
  fi
done
cd "$top"
pivot_root . .
umount -l .
cd /
unset OLDPWD
exec setpriv --reuid="$user" --regid="$user" --clear-groups -- "$@"`;

/** Folders of archives on this machine. */
export const foldersOf = (sources: { lines: string[]; underlays: string[] }): string[] => [
  ...new Set(
    [...sources.lines, ...sources.underlays].flatMap((line) => / (?:file|copy):(?:\/\/)?(\/\S+)/.exec(line)?.[1] ?? []),
  ),
];

/** unshare(1)'s options for a namespace that maps the caller's subordinate ids; undefined if it has too few. */
export function mapsOf(): string[] | undefined {
  if (process.getuid?.() === 0) return [];
  const { username, uid } = userInfo();
  const [users, groups] = ['subuid', 'subgid'].map((file) =>
    firstId(readIf(`/etc/${file}`) ?? '', { name: username, id: uid }),
  );
  if (users === undefined || groups === undefined) return undefined;
  const map = (from: number) => `${from},1,${last}`;
  return ['--user', '--map-root-user', `--map-users=${map(users)}`, `--map-groups=${map(groups)}`];
}

/** Arguments of `confine`: who mmdebstrap is, and its line of /etc/subuid. */
export const userOf = (maps: readonly string[]): string[] =>
  maps.length ? [String(last), `slipway:1:${last - 1}`] : [String(nobody), subordinate];
