#!/bin/bash
# Starts Jenkins. Before that: settings from the image where none were given, and passwords at first start.
set -euo pipefail

# `docker run` without --env-file: the answers that were there when the image was built.
while IFS='=' read -r name value; do
  [[ $name =~ ^[A-Z_]+$ ]] || continue
  [[ -v $name ]] || export "$name=$value"
done </usr/share/slipway/farm.env

secrets=${SECRETS:-/run/secrets}

# Without a token repositories are read anonymously: a credential with an empty one would be refused.
if [[ -n ${GIT_TOKEN:-} || -s $secrets/GIT_TOKEN ]]; then export SLIPWAY_GIT_CREDENTIALS=git; fi

# A password from secrets/ wins. Otherwise it is made once, and stays in the volume.
password() {
  local name=$1 made="$JENKINS_HOME/secrets/slipway/$1"
  if [[ -r $secrets/$name ]]; then
    echo "$secrets/$name"
    return
  fi
  if [[ ! -s $made ]]; then
    mkdir -p -m 700 "${made%/*}"
    (umask 077 && head -c 18 /dev/urandom | base64 | tr '+/' '-_' >"$made")
    [[ $name != ADMIN_PASSWORD ]] || printf '\nThe password of "admin", shown this once: %s\n\n' "$(cat "$made")" >&2
  fi
  echo "$made"
}
ADMIN_PASSWORD_FILE=$(password ADMIN_PASSWORD)
PROMETHEUS_PASSWORD_FILE=$(password PROMETHEUS_PASSWORD)
# Nobody logs in as the seed: its password is made and never shown.
SEED_PASSWORD_FILE=$(password SEED_PASSWORD)
export ADMIN_PASSWORD_FILE PROMETHEUS_PASSWORD_FILE SEED_PASSWORD_FILE

exec /usr/local/bin/jenkins.sh "$@"
