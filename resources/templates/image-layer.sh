# Makes a layer of an image, as root in the root, without a network.
# Arguments: install EPOCH PACKAGE...   packages of the platform's archive, as name=version
#            own EPOCH                  packages of the distribution in /tmp/slipway/debs, then what /tmp/slipway/config says
# EPOCH: latest time of the layer's files, in seconds since 1970.
set -eu
what=$1 epoch=$2
shift 2
config=/tmp/slipway/config
umask 022

# No service starts in a root.
printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
chmod 755 /usr/sbin/policy-rc.d

if [ "$what" = install ]; then
  if [ -e "$config/fstab" ]; then cp "$config/fstab" /etc/fstab; fi
  cp /tmp/slipway/caches/*.bin /tmp/
  apt-get -q -y -o APT::Sandbox::User=root -o APT::Install-Recommends=false -o Dpkg::Options::=--force-unsafe-io \
    -o Dpkg::Use-Pty=0 -o Dir::Cache::pkgcache=/tmp/pkgcache.bin -o Dir::Cache::srcpkgcache=/tmp/srcpkgcache.bin \
    -o Dir::Cache::archives=/tmp/slipway/archives -o Debug::NoLocking=1 --no-download --allow-downgrades \
    install -- "$@" >&2
else
  set -- /tmp/slipway/debs/*.deb
  if [ -e "$1" ]; then dpkg --force-unsafe-io --install "$@" >&2; fi
  sh -eu "$config/setup.sh"
  if [ -e "$config/hook" ]; then
    echo 'slipway: the hook' >&2
    cp "$config/hook" /tmp/hook
    chmod 755 /tmp/hook
    (cd / && /tmp/hook >&2)
    echo 'slipway: the hook ended well' >&2
  fi
  problems=$(dpkg --audit)
  if [ -n "$problems" ]; then
    echo "$problems" >&2
    exit 1
  fi
fi

rm -f /usr/sbin/policy-rc.d /etc/ssh/ssh_host_*_key /etc/ssh/ssh_host_*_key.pub /var/lib/dbus/machine-id
rm -f /etc/passwd- /etc/group- /etc/shadow- /etc/gshadow- /etc/subuid- /etc/subgid- /etc/.pwd.lock
rm -f /var/log/dpkg.log /var/log/alternatives.log /var/log/bootstrap.log /var/log/fontconfig.log
rm -f /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old
rm -f /var/cache/apt/*.bin /var/lib/systemd/random-seed
rm -rf /var/log/apt /var/log/journal /root/.cache /root/.ansible
# An empty machine-id: each machine makes its own at its first start.
if [ -e /etc/machine-id ]; then : > /etc/machine-id; fi
# /proc and apt's lists are read-only mounts, which find lists in spite of -xdev.
find / -xdev \( -path /proc -o -path /var/lib/apt/lists \) -prune -o \
  -newermt "@$epoch" -exec touch --no-dereference --date="@$epoch" {} +
