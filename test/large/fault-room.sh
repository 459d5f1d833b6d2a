#!/bin/sh
# usage: fault-room.sh TEMPLATE PLACE FAULT PATH COMMAND...
# Copies a distro repository to PLACE, on a file system in memory of a private mount namespace, puts a fault of the file
# system at PATH (below the copy), and runs the command there. Ends with 77 where that fault can't be had at that path.
set -eu
template=$1 place=$2 fault=$3 path=$4
shift 4
mount -t tmpfs -o size=512M tmpfs "$place"
cp -a "$template/." "$place/"
cd "$place"
name=$(basename "$path")
caps=
case $fault in
erofs)
  [ -e "$path" ] || exit 77
  mount --bind "$path" "$path"
  mount -o remount,bind,ro "$path"
  ;;
eacces)
  [ -e "$path" ] || exit 77
  chmod 000 "$path"
  caps=-dac_override,-dac_read_search,-fowner
  ;;
enospc)
  [ -d "$path" ] && [ ! -L "$path" ] || exit 77
  kept=$place/.fault-kept
  mkdir "$kept"
  cp -a "$path/." "$kept/"
  size=$(du -sk --apparent-size "$path" | cut -f1)
  mount -t tmpfs -o "size=$((size * 2 + 256))k" tmpfs "$path"
  cp -a "$kept/." "$path/"
  dd if=/dev/zero of="$path/.fill" bs=1k 2>/dev/null || :
  ;;
eisdir)
  [ ! -d "$path" ] || exit 77
  rm -f "$path"
  mkdir "$path"
  ;;
enotdir)
  [ -d "$path" ] || exit 77
  rm -rf "$path"
  : >"$path"
  ;;
eloop)
  rm -rf "$path"
  ln -s "$name" "$path"
  ;;
fifo)
  [ ! -d "$path" ] || exit 77
  rm -f "$path"
  mkfifo "$path"
  ;;
*) exit 78 ;;
esac
[ -z "$caps" ] || set -- setpriv "--bounding-set=$caps" "--inh-caps=$caps" "$@"
exec timeout --kill-after=5 60 "$@"
