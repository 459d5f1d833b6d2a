#!/bin/bash
# Copies Jenkins' home into a file: the history of builds, and the passwords that were made at first start. All else comes
# from git. Jenkins stands still for the copy. The file holds secrets.
#   bash backup.sh FILE.tar.gz
set -euo pipefail
umask 077
[[ $# -eq 1 ]] || { echo "usage: $0 FILE.tar.gz" >&2; exit 2; }
file=$(realpath -m -- "$1")
cd "$(dirname "$0")"
compose() {
  if docker compose version >/dev/null 2>&1; then docker compose "$@"; else docker-compose "$@"; fi
}

[[ ! -e $file ]] || { echo "$file is there already: nothing was written" >&2; exit 1; }
controller=$(compose ps -aq controller)
[[ -n $controller ]] || { echo "there is no controller: docker compose up -d" >&2; exit 1; }
running=$(docker ps --quiet --filter "id=$controller" --filter status=running)
finish() {
  rm -f "$file.part"
  [[ -z $running ]] || compose start controller
}
trap finish EXIT

compose stop controller
# What the image brings, and what can be made again, stays out.
docker run --rm --volumes-from "$controller" --entrypoint tar slipway-jenkins --directory /var/jenkins_home \
  --exclude ./caches --exclude ./plugins --exclude ./war --exclude ./workspace --create --file - . |
  gzip --fast >"$file.part"
gzip --decompress --stdout "$file.part" | tar --list --file - >/dev/null
mv "$file.part" "$file"
echo "wrote $file"
