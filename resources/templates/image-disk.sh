# Makes the file systems of a disk from the root at m, which is mounted read-only in the working folder; run by slipway
# with tools of this machine. Runs nothing from the root, and follows no symlink out of it.
# Arguments: FOLDER EPOCH EFI BOOT_NAME ROOT_MIB ROOT_UUID ESP_SECTORS ESP_ID
#   FOLDER       gets root.raw, esp.raw, vmlinuz, initrd, and GRUB where there is a menu for it (grub.cfg); holds what
#                goes into the ESP
#   EFI          name of systemd-boot's program, BOOT_NAME the name that firmware looks for
#   ROOT_MIB     size of the root in MiB; 0: as much as it needs
set -eu
folder=$1 epoch=$2 efi=$3 boot=$4 size=$5 uuid=$6 sectors=$7 id=$8
export LC_ALL=C TZ=UTC SOURCE_DATE_EPOCH="$epoch" E2FSPROGS_FAKE_TIME="$epoch" MTOOLS_SKIP_CHECK=1
PATH=$PATH:/usr/sbin:/sbin
top=$(realpath m)
inside() {
  path=$(realpath -e "$1") || { echo "slipway: the image has no ${1#m}" >&2; exit 1; }
  case $path in "$top"/*) ;; *) echo "slipway: ${1#m} is a link out of the image" >&2; exit 1 ;; esac
  if [ ! -f "$path" ]; then echo "slipway: ${1#m} is no file" >&2; exit 1; fi
  # A sparse file has a size that no disk has.
  if [ "$(stat --format=%s "$path")" -gt 1073741824 ]; then echo "slipway: ${1#m} is larger than 1 GiB" >&2; exit 1; fi
  cat "$path" > "$2"
  touch --date="@$epoch" "$2"
}
newest() {
  found=$(find "$(realpath m/boot)" -maxdepth 1 -name "$1" -printf '%f\n' | sort -V | tail -n 1)
  if [ -z "$found" ]; then echo "slipway: the image has no kernel in /boot ($1)" >&2; exit 1; fi
  echo "$found"
}
kernel=$(newest 'vmlinuz-*')
inside "m/boot/$kernel" "$folder/vmlinuz"
inside "m/boot/initrd.img-${kernel#vmlinuz-}" "$folder/initrd"
inside "m/usr/lib/systemd/boot/efi/$efi" "$folder/efi"

truncate --size=$((sectors * 512)) "$folder/esp.raw"
mkfs.vfat --invariant -F 32 -n ESP -i "$id" "$folder/esp.raw" > /dev/null
name=$(cat "$folder/name")
mmd -i "$folder/esp.raw" ::/EFI ::/EFI/BOOT ::/EFI/systemd ::/loader ::/loader/entries ::/slipway
mcopy -m -i "$folder/esp.raw" "$folder/efi" "::/EFI/BOOT/$boot"
mcopy -m -i "$folder/esp.raw" "$folder/efi" "::/EFI/systemd/$efi"
mcopy -m -i "$folder/esp.raw" "$folder/vmlinuz" "::/slipway/$name.vmlinuz"
mcopy -m -i "$folder/esp.raw" "$folder/initrd" "::/slipway/$name.initrd"
touch --date="@$epoch" "$folder/loader.conf" "$folder/entry.conf"
mcopy -m -i "$folder/esp.raw" "$folder/loader.conf" ::/loader/loader.conf
mcopy -m -i "$folder/esp.raw" "$folder/entry.conf" "::/loader/entries/$(cat "$folder/entry-name")"
if [ -e "$folder/grub.cfg" ]; then
  inside m/usr/lib/slipway/bios/boot.img "$folder/bios-boot.img"
  inside m/usr/lib/slipway/bios/core.img "$folder/bios-core.img"
  touch --date="@$epoch" "$folder/grub.cfg"
  mmd -i "$folder/esp.raw" ::/grub
  mcopy -m -i "$folder/esp.raw" "$folder/grub.cfg" ::/grub/grub.cfg
fi

if [ "$size" = 0 ]; then
  used=$(du --summarize --one-file-system --block-size=1M m | cut -f1)
  inodes=$(find m -xdev | wc -l)
  size=$((used + used / 4 + inodes / 2048 + 96))
fi
truncate --size="${size}M" "$folder/root.raw"
mke2fs -q -F -t ext4 -d m -L root -U "$uuid" -m 1 -E "hash_seed=$uuid,root_owner=0:0,nodiscard" "$folder/root.raw"
