#!/bin/sh
# Runs a command with the environment of the image's packages.
. /usr/lib/slipway/environment
exec "$@"
