#!/bin/sh
# Grows the root's partition and file system to the end of the disk, where systemd has no systemd-repart.
set -e
number=$(findmnt -n -o MAJ:MIN / | tr -d ' ')
part=$(readlink -f "/sys/dev/block/$number")
disk=${part%/*}
# 1: it ends there already.
growpart "/dev/${disk##*/}" "$(cat "$part/partition")" || [ $? -eq 1 ]
resize2fs "/dev/${part##*/}"
