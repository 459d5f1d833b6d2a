#!/bin/bash
# Puts the home of Jenkins back that backup.sh wrote, and starts the farm.
#   bash restore.sh FILE.tar.gz              into an empty volume
#   bash restore.sh --replace FILE.tar.gz    removes first what is there
set -euo pipefail
replace=
[[ ${1:-} != --replace ]] || { replace=yes; shift; }
[[ $# -eq 1 ]] || { echo "usage: $0 [--replace] FILE.tar.gz" >&2; exit 2; }
file=$(realpath -m -- "$1")
cd "$(dirname "$0")"
compose() {
  if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

# Read whole before anything is removed: gzip finds what is cut off or broken.
gzip --decompress --stdout "$file" | tar --list --file - >/dev/null ||
  { echo "$file can't be read: nothing was changed" >&2; exit 1; }
compose up --no-start
controller=$(compose ps -aq controller)
inside() {
  docker run --rm --interactive --volumes-from "$controller" --entrypoint "$1" slipway-jenkins "${@:2}"
}
# Its first start makes this folder.
if inside test -e /var/jenkins_home/secrets </dev/null; then
  [[ -n $replace ]] || { echo "there is a home already: nothing was changed; --replace removes it first" >&2; exit 1; }
fi
compose stop controller
inside find /var/jenkins_home -mindepth 1 -delete </dev/null
gzip --decompress --stdout "$file" |
  inside tar --directory /var/jenkins_home --extract --preserve-permissions --file -
compose up -d
echo "restored $file"
