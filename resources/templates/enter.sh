# Puts a root together from overlay layers inside namespaces that unshare(1) made, and runs a command in it.
# Everything is mounted in a private mount namespace: it is gone with the last process.
# Arguments: FOLDER LOWER UPPER NETWORK USER BINDS COMMAND...
#   FOLDER  work folder with the lower layers as links, cwd of the mounts (so that no path needs quoting in mount options)
#   LOWER   names of the links, topmost first, joined by colons
#   UPPER   `tmpfs`, or a folder's name under FOLDER that keeps what is written
#   NETWORK `on`, `off`, or `loopback`: off, but for what one process says to another on this machine
#   USER    `root`, or `builder`: no privileges and none to gain
#   BINDS   number of bind mounts, each two further arguments: SOURCE and TARGET, `ro:` before TARGET where it may not be written
set -eu
folder=$1 lower=$2 upper=$3 network=$4 user=$5 binds=$6
shift 6
cd "$folder"
mkdir -p m
if [ "$upper" = tmpfs ]; then
  mkdir -p t
  mount -t tmpfs -o mode=0755 tmpfs t
  upper=t/u
  mkdir t/u t/w
  work=t/w
else
  work=$upper.work
  mkdir -p "$upper" "$work"
fi
mount -t overlay overlay -o "lowerdir=$lower,upperdir=$upper,workdir=$work${SLIPWAY_OVERLAY:-}" m
mount -t proc -o nosuid,nodev,noexec proc m/proc
mount -t tmpfs -o mode=0755,nosuid tmpfs m/dev
for device in null zero full random urandom tty; do
  : > "m/dev/$device"
  mount --bind "/dev/$device" "m/dev/$device"
done
mkdir m/dev/shm m/dev/pts
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs m/dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=0620 devpts m/dev/pts
ln -s pts/ptmx m/dev/ptmx
ln -s /proc/self/fd m/dev/fd
ln -s /proc/self/fd/0 m/dev/stdin
ln -s /proc/self/fd/1 m/dev/stdout
ln -s /proc/self/fd/2 m/dev/stderr
mount -t tmpfs -o mode=1777,nosuid,nodev tmpfs m/tmp
echo slipway > /proc/sys/kernel/hostname 2>/dev/null || :
while [ "$binds" -gt 0 ]; do
  source=$1 target=$2
  shift 2
  binds=$((binds - 1))
  option=
  case $target in ro:*) target=${target#ro:} option=ro ;; esac
  if [ -d "$source" ]; then mkdir -p "m$target"; elif [ ! -e "m$target" ]; then mkdir -p "m${target%/*}"; : > "m$target"; fi
  mount --bind "$source" "m$target"
  if [ -n "$option" ]; then mount -o remount,bind,ro "m$target" 2>/dev/null || mount -o remount,bind,ro,nosuid,nodev "m$target"; fi
done
if [ "$network" = loopback ]; then ip link set lo up; fi
if [ "$network" = on ]; then
  rm -f m/etc/resolv.conf
  for file in /etc/resolv.conf /etc/hosts /etc/ssl/certs/ca-certificates.crt; do
    if [ -s "$file" ]; then
      mkdir -p "m${file%/*}"
      cat "$file" > "m$file"
    fi
  done
fi
if [ "$user" = root ]; then exec chroot m "$@"; fi
chown -R 2000:2000 m/build
exec chroot m setpriv --reuid=2000 --regid=2000 --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
