# Configures an image's root by /tmp/slipway/config; run by image-layer.sh.
config=/tmp/slipway/config
mkdir -p /etc/slipway /usr/lib/slipway
install -m 644 "$config/image.json" /etc/slipway/image.json
install -m 755 "$config/entrypoint" /usr/lib/slipway/entrypoint
install -m 644 "$config/environment" /usr/lib/slipway/environment
install -D -m 644 "$config/key.asc" /etc/apt/keyrings/slipway.asc
install -D -m 644 "$config/slipway.sources" /etc/apt/sources.list.d/slipway.sources
# systemd-resolved writes what DHCP says. The user's files come later.
if [ -e "$config/machine.tar" ]; then ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf; fi
cat "$config/hostname" > /etc/hostname
printf '127.0.0.1\tlocalhost\n127.0.1.1\t%s\n::1\tlocalhost ip6-localhost ip6-loopback\n' "$(cat "$config/hostname")" > /etc/hosts

locale=$(cat "$config/locale")
if command -v locale-gen > /dev/null && [ "${locale#C}" = "$locale" ]; then
  echo "$locale UTF-8" > /etc/locale.gen
  locale-gen >&2
fi
mkdir -p /etc/default
echo "LANG=$locale" > /etc/default/locale
zone=$(cat "$config/timezone")
if [ -e "/usr/share/zoneinfo/$zone" ]; then
  ln -sf "/usr/share/zoneinfo/$zone" /etc/localtime
  echo "$zone" > /etc/timezone
elif [ "$zone" != Etc/UTC ]; then
  echo "slipway: there is no time zone $zone" >&2
  exit 1
fi

# NAME SHELL SUDO GROUPS, separated by tabs.
while IFS='	' read -r user shell sudo groups; do
  if ! getent passwd "$user" > /dev/null; then useradd --create-home --shell "$shell" --user-group "$user"; fi
  for group in $groups; do
    if ! getent group "$group" > /dev/null; then groupadd --system "$group"; fi
    usermod --append --groups "$group" "$user"
  done
  if [ "$sudo" = yes ]; then
    mkdir -p /etc/sudoers.d
    echo "$user ALL=(ALL:ALL) NOPASSWD: ALL" > "/etc/sudoers.d/slipway-$user"
    chmod 440 "/etc/sudoers.d/slipway-$user"
  fi
  if [ -s "$config/keys/$user" ]; then
    home=$(getent passwd "$user" | cut -d: -f6)
    install -d -m 700 -o "$user" -g "$user" "$home/.ssh"
    install -m 600 -o "$user" -g "$user" "$config/keys/$user" "$home/.ssh/authorized_keys"
  fi
done < "$config/users"

if [ -e "$config/overlay.tar" ]; then
  tar --extract --file "$config/overlay.tar" --directory / --no-same-owner --no-overwrite-dir --keep-directory-symlink
fi
# MODE FROM TO, separated by tabs.
while IFS='	' read -r mode from to; do
  mkdir -p "$(dirname "$to")"
  install -m "$mode" "$config/files/$from" "$to"
done < "$config/files.tsv"

if [ -e "$config/machine.tar" ]; then
  tar --extract --file "$config/machine.tar" --directory / --no-same-owner --no-overwrite-dir --keep-directory-symlink
  mkdir -p /boot/efi
fi
# GRUB for BIOS boot, with its menu in the disk's ESP. The step that makes the disk writes sector numbers into it.
if [ -e "$config/bios" ] && [ -e /usr/lib/grub/i386-pc/boot.img ]; then
  mkdir -p /usr/lib/slipway/bios
  cp /usr/lib/grub/i386-pc/boot.img /usr/lib/slipway/bios/boot.img
  grub-mkimage -O i386-pc -p '(,gpt1)/grub' -o /usr/lib/slipway/bios/core.img biosdisk part_gpt fat normal linux minicmd
fi
if command -v systemctl > /dev/null; then
  while read -r unit; do systemctl enable "$unit" >&2; done < "$config/services"
elif [ -s "$config/services" ]; then
  echo 'slipway: the image has no systemd, which `services` needs' >&2
  exit 1
fi
