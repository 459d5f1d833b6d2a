import { lastId } from './subordinate-ids.ts';

/** Who mmdebstrap is where root runs it. */
const nobody = 65534;
/** Subordinate ids that no system uses: programs that install packages into a base own no files of this machine. */
const subordinate = 'nobody:1879048192:65536';
/** Path of the folder inside of a confined mmdebstrap; everybody can enter it. */
export const confinedFolder = '/dev/shm';

/**
 * mmdebstrap's own process, outside of its namespace, reads and writes files for programs in it, and a maintainer
 * script is root there: it can ask that process, and leave the chroot. So mmdebstrap runs as a user who owns nothing
 * else, in user namespaces mapped to unused ids, with its own /etc/subuid, in a root with the programs, settings and
 * usual devices of this machine only, and sees no other processes: those of its user would lead to their roots.
 * Arguments: FOLDER USER IDS PROCESSES SHOWN COMMAND...; USER: that user's id; IDS: its line of /etc/subuid;
 * PROCESSES: how many there may be, or empty if the kernel counts them only together with those of the machine;
 * SHOWN: further folders of this machine, separated by spaces. A plain user calls it as root of a user namespace, where
 * /etc is not to be written, and where set-uid programs of the machine have no effect, but own copies of them have.
 */
export const confine = `set -e
folder=$1 user=$2 ids=$3 processes=$4 shown=$5
shift 5
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
for path in /bin /sbin /lib /lib32 /lib64 /libx32 /usr /etc /sys /nix /gnu; do
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
mkdir "$top/dev" "$top/dev/pts" "$top/dev/shm" "$top/proc"
for device in null zero full random urandom tty console ptmx; do
  if [ -c "/dev/$device" ]; then
    : > "$top/dev/$device"
    mount --bind "/dev/$device" "$top/dev/$device"
  fi
done
ln -s /proc/self/fd "$top/dev/fd"
ln -s fd/0 "$top/dev/stdin"
ln -s fd/1 "$top/dev/stdout"
ln -s fd/2 "$top/dev/stderr"
mount -t proc -o nosuid,nodev,noexec proc "$top/proc"
if [ "$processes" ]; then echo "$processes" > "$top/proc/sys/kernel/pid_max"; fi
# Interpreters of programs for other processors.
formats=/proc/sys/fs/binfmt_misc
if mountpoint -q "$formats"; then mount --bind "$formats" "$top$formats"; fi
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

/**
 * unshare(1)'s options for `confine`. In /proc of a namespace of processes there is no other one of its user, whose
 * root and memory it could reach; all of its own end with its first one, which is mmdebstrap.
 */
export const confinedSpaces = '--mount --propagation private --pid --ipc --fork --kill-child=KILL'.split(' ');

/** Folders of archives on this machine. */
export const foldersOf = (sources: { lines: string[]; underlays: string[] }): string[] => [
  ...new Set(
    [...sources.lines, ...sources.underlays].flatMap((line) => / (?:file|copy):(?:\/\/)?(\/\S+)/.exec(line)?.[1] ?? []),
  ),
];

/**
 * Arguments of `confine`: who mmdebstrap is, and its line of /etc/subuid. Where a plain user runs it, it is the last
 * one of the subordinate ids in its namespace.
 */
export const userOf = (maps: readonly string[]): string[] =>
  maps.length ? [String(lastId), `slipway:1:${lastId - 1}`] : [String(nobody), subordinate];
