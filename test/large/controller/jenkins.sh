#!/bin/sh
exec node /usr/share/jenkins/controller.mjs "$@"
