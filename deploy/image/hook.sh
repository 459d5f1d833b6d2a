#!/bin/sh
# What the Ansible role does beside packages and users, for the image of image/agent.yaml.
set -eu
install -d -o slipway -g slipway -m 700 /var/lib/slipway
install -d -o slipway -g slipway /var/lib/slipway-agent
echo SLIPWAY_STATE=/var/lib/slipway >>/etc/environment
# Namespaces of a plain user map these.
for file in /etc/subuid /etc/subgid; do
  grep -q '^slipway:' "$file" 2>/dev/null || echo slipway:1000000:65536 >>"$file"
done
# cloud-init puts the key of the launch template into the account that is named here.
cat >/etc/cloud/cloud.cfg.d/90-slipway.cfg <<'CFG'
system_info:
  default_user:
    name: slipway
    homedir: /home/slipway
    lock_passwd: true
CFG
