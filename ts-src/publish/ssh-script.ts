/**
 * The script that runs on a repository's host: POSIX sh with coreutils, findutils and flock(1). Arguments are the
 * repository's folder and a command. Names and digests come as lines of input, so that no shell interprets them. rsync
 * puts files into `.slipway/incoming`, named by digest; the script moves them to their names.
 */
export const hostScript = `
set -eu
umask 022
root=$1 command=$2
incoming=.slipway/incoming
digest() { sha256sum < "$1" | cut -c 1-64; }
size() { stat -L -c %s "$1"; }
folder() { case $1 in */*) mkdir -p "\${1%/*}" ;; esac; }
# Says of a name: there, other or absent. A shorter file is what a crash of the host left, and is removed.
compare() {
  if [ ! -e "$3" ]; then echo absent
  elif [ "$(size "$3")" = "$2" ] && [ "$(digest "$3")" = "$1" ]; then echo there
  elif [ "$(size "$3")" -ge "$2" ]; then echo other
  else rm -f "$3"; echo absent
  fi
}
temporary() { printf '%s.%s.tmp' "$1" $$; }
case $command in
  check)
    for program in rsync flock sha256sum stat find; do
      command -v $program > /dev/null || { echo "lacks $program"; exit 45; }
    done
    mkdir -p "$root/$incoming"
    find "$root/$incoming" -type f -mtime +1 -exec rm -f {} +
    echo ready
    exit 0 ;;
esac
cd "$root"
case $command in
  hold)
    mkdir -p .slipway
    exec flock .slipway.lock sh -c 'echo held; cat > /dev/null' ;;
  read)
    IFS= read -r name
    [ -f "$name" ] || exit 44
    exec cat "$name" ;;
  compare)
    while read -r sha bytes name; do compare "$sha" "$bytes" "$name"; done ;;
  place)
    while read -r sha bytes name; do
      now=$(compare "$sha" "$bytes" "$name")
      if [ "$now" != absent ]; then echo "$now"; continue; fi
      [ "$(digest "$incoming/$sha")" = "$sha" ] || { rm -f "$incoming/$sha"; exit 46; }
      folder "$name"
      if ln "$incoming/$sha" "$name" 2> /dev/null; then echo written; continue; fi
      if [ ! -e "$name" ]; then
        cp "$incoming/$sha" "$(temporary "$name")"
        mv -n "$(temporary "$name")" "$name"
        rm -f "$(temporary "$name")"
      fi
      now=$(compare "$sha" "$bytes" "$name")
      [ "$now" != there ] || now=written
      echo "$now"
    done
    sync -f . 2> /dev/null || sync ;;
  put)
    # From a file of the repository where it is there, else from what came.
    while read -r sha like name; do
      from=$incoming/$sha
      if [ "$like" != - ] && [ -f "$like" ]; then from=$like; fi
      if [ ! -f "$from" ]; then echo absent; continue; fi
      folder "$name"
      new=$(temporary "$name")
      rm -f "$new"
      # A file that came may be overwritten by no one: its name goes, the file stays.
      ln "$from" "$new" 2> /dev/null || cp "$from" "$new"
      # A run that was killed may have given the name to this very file, which mv(1) refuses.
      [ "$new" -ef "$name" ] || mv -f "$new" "$name"
      rm -f "$new"
      echo written
    done
    sync -f . 2> /dev/null || sync ;;
  replace)
    read -r sha before name
    exec 9> .slipway/swap
    flock 9
    now=-
    if [ -f "$name" ]; then now=$(digest "$name"); fi
    [ "$now" = "$before" ] || { echo moved; exit 0; }
    [ "$(digest "$incoming/$sha")" = "$sha" ] || exit 46
    folder "$name"
    cp "$incoming/$sha" "$(temporary "$name")"
    sync "$(temporary "$name")" 2> /dev/null || sync
    mv -f "$(temporary "$name")" "$name"
    sync -f . 2> /dev/null || sync
    echo replaced ;;
  forget)
    while read -r sha; do rm -f "$incoming/$sha"; done ;;
  list)
    IFS= read -r name
    [ -d "$name" ] || exit 0
    find "$name" -type f -printf '%s %T@ %p\\n' ;;
  remove)
    IFS= read -r name
    rm -f "$name"
    # Folders that are empty now go, too.
    while :; do
      case $name in */*/*) name=\${name%/*} ;; *) exit 0 ;; esac
      rmdir "$name" 2> /dev/null || exit 0
    done ;;
esac
`;
