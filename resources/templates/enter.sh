# Puts a root together from overlay layers inside namespaces that unshare(1) made, and hands over to enter.pl.
# Everything is mounted in a private mount namespace: it is gone with the last process.
# Arguments: INIT FOLDER LOWER UPPER NETWORK USER BINDS COMMAND...
#   INIT    text of enter.pl
#   FOLDER  work folder with the lower layers as links, cwd of the mounts (so that no path needs quoting in mount options)
#   LOWER   names of the links, topmost first, joined by colons
#   UPPER   `tmpfs`, or a folder's name under FOLDER that keeps what is written
#   NETWORK `on`, `off`, or `loopback`: only connections between processes of the root
#   USER    `root`, or `builder`: no privileges, and no way to gain any
#   BINDS   number of bind mounts, each two further arguments: SOURCE and TARGET, `ro:` before TARGET where it may not be written
# Environment: ENTER_OVERLAY  further options of the overlay
#   ENTER_SIZE       bytes that each file system in memory may hold
#   ENTER_GROUPS     control groups to join, joined by colons
#   ENTER_DATA       KiB of memory that one process may take, where no control group counts it
#   ENTER_FILE       blocks of 512 bytes that one file may have
#   ENTER_PROCESSES  most processes, where the kernel counts them by namespace
set -eu
init=$1 folder=$2 lower=$3 upper=$4 network=$5 user=$6 binds=$7
shift 7
cd "$folder"
IFS=:
for group in ${ENTER_GROUPS:-}; do echo 0 > "$group/cgroup.procs"; done
unset IFS
ulimit -c 0
if [ -n "${ENTER_DATA:-}" ]; then ulimit -d "$ENTER_DATA"; fi
if [ -n "${ENTER_FILE:-}" ]; then ulimit -f "$ENTER_FILE"; fi
mkdir -p m
if [ "$upper" = tmpfs ]; then
  mkdir -p t
  mount -t tmpfs -o "mode=0755,nosuid,nodev,size=$ENTER_SIZE" tmpfs t
  upper=t/u
  mkdir t/u t/w
  work=t/w
else
  work=$upper.work
  mkdir -p "$upper" "$work"
fi
mount -t overlay overlay -o "nosuid,nodev,lowerdir=$lower,upperdir=$upper,workdir=$work${ENTER_OVERLAY:-}" m
# Layers may contain symlinks, which lead to files of the host while this script runs.
top=$(cd m && pwd -P)
inside() {
  if [ "$(readlink -m "m$1")" != "$top$1" ]; then
    echo "slipway: $1 of the root is a link, or below one" >&2
    exit 125
  fi
}
for path in /proc /dev /tmp; do inside "$path"; done
mount -t proc -o nosuid,nodev,noexec proc m/proc
# Uses the root's own /proc: in a container, the outer one is read-only.
if [ -n "${ENTER_PROCESSES:-}" ]; then echo "$ENTER_PROCESSES" > m/proc/sys/kernel/pid_max; fi
mount -t tmpfs -o mode=0755,nosuid,size=64k tmpfs m/dev
for device in null zero full random urandom; do
  : > "m/dev/$device"
  mount --bind "/dev/$device" "m/dev/$device"
  # Devices of the host, read-only so that their owner can't change permissions. Writing to a device still works.
  if [ -O "/dev/$device" ]; then mount -o remount,bind,ro,nosuid,noexec "m/dev/$device"; fi
done
mkdir m/dev/shm m/dev/pts
mount -t tmpfs -o "mode=1777,nosuid,nodev,size=$ENTER_SIZE" tmpfs m/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts m/dev/pts
ln -s pts/ptmx m/dev/ptmx
ln -s /proc/self/fd m/dev/fd
ln -s /proc/self/fd/0 m/dev/stdin
ln -s /proc/self/fd/1 m/dev/stdout
ln -s /proc/self/fd/2 m/dev/stderr
mount -t tmpfs -o "mode=1777,nosuid,nodev,size=$ENTER_SIZE" tmpfs m/tmp
while [ "$binds" -gt 0 ]; do
  source=$1 target=$2
  shift 2
  binds=$((binds - 1))
  option=
  case $target in ro:*) target=${target#ro:} option=ro ;; esac
  inside "$target"
  if [ -d "$source" ]; then mkdir -p "m$target"; elif [ ! -e "m$target" ]; then mkdir -p "m${target%/*}"; : > "m$target"; fi
  mount --bind "$source" "m$target"
  mount -o "remount,bind,${option:+ro,}nosuid,nodev" "m$target"
done
if [ "$network" = loopback ]; then ip link set lo up; fi
if [ "$network" = on ]; then
  inside /etc
  rm -f m/etc/resolv.conf
  for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
    if [ -s "$file" ]; then
      inside "$file"
      mkdir -p "m${file%/*}"
      cat "$file" > "m$file"
    fi
  done
fi
if [ "$user" != root ]; then chown -R 2000:2000 m/build; fi
unset ENTER_OVERLAY ENTER_SIZE ENTER_GROUPS ENTER_DATA ENTER_FILE ENTER_PROCESSES
exec perl -e "$init" -- "$user" "$network" "$@"
