#!/bin/sh
# Builds the example on a fresh Debian or Ubuntu machine with nodejs and git:
#   examples/robot/build.sh [OPTIONS OF slipway build]
# The packages lie in src/. A real distribution has each repository elsewhere, so they are made into git repositories
# first.
set -eu
cd "$(dirname "$0")"
slipway="node $PWD/../../resources/slipway.cjs"
./repositories.sh
$slipway doctor --install
$slipway build "$@"
