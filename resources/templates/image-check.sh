#!/bin/sh
# Runs in a started image, in the machine that slipway checks it in: the commands of `check` in distro.yaml, and whether
# every program of the packages finds its libraries. Its last line has the result, with the token that the machine was
# started with.
word=$(sed 's/^slipway-check-//' /sys/class/dmi/id/product_serial 2> /dev/null)
. /usr/lib/slipway/environment
failed=0
fault() { echo "slipway-check: $1"; failed=1; }
if [ -n "$(dpkg --audit)" ]; then fault 'dpkg --audit finds packages that are not whole'; fi
prefix=$(cat /usr/lib/slipway/check.prefix)
for program in $(grep -hE "^$prefix/(bin|lib)/" /var/lib/dpkg/info/*.list | sort -u); do
  if [ -f "$program" ] && [ -x "$program" ] && ldd "$program" 2> /dev/null | grep -q 'not found'; then
    fault "$program lacks libraries: $(ldd "$program" | grep 'not found' | head -n 3 | tr -s '\t\n' ' ')"
  fi
done
# Slipway starts a disk with more room than the image has, as it is on a larger device: it must be used.
if grep -q '^slipway-check-' /sys/class/dmi/id/product_serial 2> /dev/null; then
  place=/
  if mountpoint -q /data; then place=/data; fi
  number=$(findmnt -n -o MAJ:MIN "$place" | tr -d ' ')
  part=/sys/dev/block/$number
  blocks() { dumpe2fs -h "/dev/block/$number" 2> /dev/null | sed -n "s/^Block $1: *//p"; }
  size=$(cat "$part/size")
  if [ $(($(cat "$part/start") + size + 4096)) -lt "$(cat "$part/../size")" ]; then
    fault "the partition of $place did not grow to the end of the disk"
  elif [ $(($(blocks count) * $(blocks size) / 512 + 131072)) -lt "$size" ]; then
    fault "the file system at $place did not grow to the size of its partition"
  else
    echo "slipway-check: $place has $((size / 2048)) MiB"
  fi
fi
while IFS= read -r line; do
  if [ -z "$line" ]; then continue; fi
  echo "slipway-check: $line"
  if ! timeout 300 sh -c "$line" < /dev/null; then fault "failed: $line"; fi
done < /usr/lib/slipway/check.commands
if [ "$failed" = 0 ]; then echo "slipway-check: passed $word"; else echo "slipway-check: failed $word"; fi
