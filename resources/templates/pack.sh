# Packs what a build left in /build/tree: sh -e /slipway/pack.sh, in /build, in a root where no code of the package ran.
# The tree is data: nothing of it is executed or sourced. Leaves in /build/out:
#   package.deb, debug.deb   data as it is published; the control part is replaced afterwards
#   shlibdeps                `shlibs:Depends=...`, what the system's libraries need
#   linked                   Debian packages of the prefix whose libraries are linked, one a line
#   shlibs, md5sums          members of the control part
#   build-ids                of the debug symbols
set -e
export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/build/home TZ=UTC
. /slipway/pack.env
export SOURCE_DATE_EPOCH=$source_date_epoch DEB_RULES_REQUIRES_ROOT=no
jobs=${SLIPWAY_JOBS:-1}
tree=/build/tree
out=/build/out
debug=/build/debug
mkdir -p "$out" "$debug" "$HOME"
ln -sfn /slipway debian

# Byte code of sources is no part of a package: Python makes it where they are installed. Byte code alone is a module.
find "$tree" -path '*/__pycache__/*.pyc' -delete
find "$tree" -path '*/*-packages/*.egg-info/SOURCES.txt' -delete
find "$tree" -name '*.pyc' -exec sh -c 'for f; do if [ -e "${f%c}" ]; then rm "$f"; fi; done' sh {} +
find "$tree" -depth -name __pycache__ -type d -empty -delete

# System files in the plan: from the recipe, or from the installed files.
while read -r from what target; do
  case $from in
    recipe) install -D -m 644 "/slipway/$what" "$tree$target" ;;
    installed)
      if [ -L "$tree$prefix/$what" ] || [ ! -f "$tree$prefix/$what" ]; then
        echo "slipway: error: the build installed no file $what, which is to be $target" >&2
        exit 1
      fi
      install -D -m 644 "$tree$prefix/$what" "$tree$target"
      ;;
    link)
      mkdir -p "$tree${target%/*}"
      ln -s "$what" "$tree$target"
      ;;
  esac
done < /slipway/system-files

documents=$tree/usr/share/doc/$package
mkdir -p "$documents"
install -m 644 /slipway/copyright "$documents/copyright"
gzip -9nc /slipway/changelog > "$documents/changelog.Debian.gz"
if [ -f /slipway/upstream-changelog ]; then gzip -9nc /slipway/upstream-changelog > "$documents/changelog.gz"; fi
chmod -R u+rwX,go+rX,go-w "$tree"
# Programs are executable in the folders for programs; data is not (like dh_fixperms).
for folder in "$tree$prefix/bin" "$tree$prefix/lib/$name"; do
  if [ -d "$folder" ]; then
    find "$folder" -maxdepth 1 -type f ! -perm -111 -exec sh -c '
      for f; do if [ "$(head -c 2 "$f" | tr -d "\000")" = "#!" ]; then chmod 755 "$f"; fi; done' sh {} +
  fi
done
find "$tree" -type f -perm /111 \( -name '*.h' -o -name '*.hpp' -o -name '*.hxx' -o -name '*.cmake' -o -name '*.pc' \
  -o -name '*.xml' -o -name '*.msg' -o -name '*.srv' -o -name '*.action' -o -name '*.idl' -o -name '*.y*ml' \
  -o -name '*.txt' -o -name '*.md' -o -name '*.rst' -o -name '*.png' -o -name '*.svg' -o -name '*.jpg' \
  -o -name '*.dae' -o -name '*.stl' -o -name '*.STL' -o -name '*.obj' \) -exec chmod a-x {} +

# Programs, libraries and archives of object files.
find "$tree" -type f \( -perm /111 -o -name '*.so*' -o -name '*.a' -o -name '*.o' \) -exec sh -c '
  for f; do
    case $(head -c 7 "$f" | tr -d "\000\001\002") in *ELF*|"!<arch>"*) printf "%s\n" "$f" ;; esac
  done' sh {} + | LC_ALL=C sort > "$out/elf"
: > "$out/linked"
: > "$out/shlibs"
: > "$out/shlibdeps"
: > "$out/build-ids"

# By what file(1) says of a file: its class, byte order and processor. Files of another processor, such as the libraries
# that a vendor ships for each one and firmware, are data: neither stripped nor asked for what they need.
cat > /build/processor.sh <<'PROCESSOR'
processor() {
  class=${1#ELF } processor=${1#*, }
  class=${class%"${class#* * }"} processor=$class${processor%%,*}
}
PROCESSOR
. /build/processor.sh
processor "$(file --brief --dereference /bin/sh)"
export NATIVE="$processor"

# sh -e strip.sh KIND FILE: debug symbols go into a file by build-id; programs and libraries that the loader of this
# system reads go into /build/found.
cat > /build/strip.sh <<'STRIP'
kind=$1 file=$2
unreadable() {
  echo "slipway: warning: ${file#/build/tree} is no program or library that objdump can read: packed unchanged" >&2
  exit 0
}
case $file in
  */lib*.a)
    strip --strip-debug --remove-section=.comment --remove-section=.note --enable-deterministic-archives \
      -R '.gnu.lto_*' -R '.gnu.debuglto_*' -N __gnu_lto_slim -N __gnu_lto_v1 "$file" || unreadable
    exit
    ;;
  *.a|*.o) exit ;;
esac
case $kind in *ELF*executable*|*ELF*"shared object"*) ;; *) exit ;; esac
. /build/processor.sh
processor "$kind"
if [ "$processor" != "$NATIVE" ]; then exit; fi
# Some programs have data appended to their file, as AppImages do. objcopy would drop it.
followed() {
  set -- $(readelf --file-header "$1" 2> /dev/null |
    sed -nE 's/^ *(Start|Size|Number) of section headers: *([0-9]+).*/\2/p') \
    "$(stat --format=%s "$1")"
  [ "$#" -ne 4 ] || [ "$4" -gt $(($1 + $2 * $3)) ]
}
unchanged=
case $kind in
  *executable*"not stripped"*) if followed "$file"; then unchanged=yes; fi ;;
  *"not stripped"*) ;;
  *) unchanged=yes ;;
esac
how=--strip-unneeded
if [ -x "$file" ]; then how=--strip-all; fi
id=
case $kind in
  *"BuildID[sha1]="*)
    id=${kind#*"BuildID[sha1]="}
    id=${id%%[!0-9a-f]*}
    ;;
esac
if [ -n "$unchanged" ]; then
  objdump --private-headers "$file" > /dev/null 2>&1 || unreadable
elif [ "${#id}" -lt 8 ]; then
  objcopy "$how" -R .comment -R .note "$file" || unreadable
else
  rest=${id#??}
  kept=/build/debug/usr/lib/debug/.build-id/${id%"$rest"}/$rest.debug
  if [ ! -e "$kept" ]; then
    mkdir -p "${kept%/*}"
    objcopy --only-keep-debug --compress-debug-sections "$file" "$kept.$$" || unreadable
    chmod 644 "$kept.$$"
    mv "$kept.$$" "$kept"
  fi
  objcopy "$how" -R .comment -R .note --add-gnu-debuglink="$kept" "$file" || unreadable
  echo "$id" >> /build/out/build-ids
fi
printf '%s\n' "$file" >> /build/found
STRIP

if [ -s "$out/elf" ]; then
  : > /build/found
  file --brief -e apptype -e ascii -e encoding -e cdf -e compress -e tar --files-from "$out/elf" > /build/kinds
  paste -d '\n' /build/kinds "$out/elf" | tr '\n' '\0' | xargs -0 -n 2 -P "$jobs" sh -e /build/strip.sh
  LC_ALL=C sort /build/found > /build/loaded
  grep -E '\.so\.[^/]*$' /build/loaded | tr '\n' '\0' | xargs -0r -n 1 readelf -d 2>/dev/null |
    sed -nE "s/.*\(SONAME\).*\[([A-Za-z0-9_.+-]+)\.so\.([A-Za-z0-9_.+-]+)\]/\1 \2 $package (>= $upstream_version)/p" | sort -u > "$out/shlibs"

fi

# Whether package_settings says that a library comes from outside of any package.
external() {
  set -f
  for pattern in $external_libraries; do
    case $1 in $pattern) set +f; return 0 ;; esac
  done
  set +f
  return 1
}

# Finds the packages that the package's programs and libraries need; writes shlibdeps and linked.
resolve() {
  libraries=
  case $(dpkg --print-architecture) in
    amd64) triplet=x86_64-linux-gnu ;;
    arm64) triplet=aarch64-linux-gnu ;;
    *) triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH) ;;
  esac
  for p in $prefix $underlays; do
    for l in "$p/lib" "$p/lib/$triplet" "$p"/opt/*/lib "$tree$p"/opt/*/lib; do
      l=${l#"$tree"}
      if [ -d "$l" ] || [ -d "$tree$l" ]; then libraries="$libraries -l$tree$l -l$l"; fi
    done
  done
  # dpkg-shlibdeps prefers files in /etc/dpkg/symbols, which is this folder.
  tr '\n' '\0' < /build/loaded | xargs -0 readelf --wide --dynamic --dyn-syms 2>/dev/null |
    perl /slipway/symbols.pl /var/lib/dpkg/info /build/symbols
  # dpkg-shlibdeps only warns if a library without a version in its name is missing, and apt would install a program
  # that can't start. If the root has a file of that name, a search path of the package may lead to it.
  shlibdeps() { tr '\n' '\0' < /build/loaded | xargs -0 dpkg-shlibdeps -O --ignore-missing-info "$@"; }
  status=0
  shlibdeps $libraries > "$out/shlibdeps" 2> /build/shlibdeps.log || status=$?
  cat /build/shlibdeps.log >&2
  sed -nE 's/.*cannot find library ([^ ]+) needed by ([^ ]+).*/\1 \2/p' /build/shlibdeps.log | sort -u > /build/unfound
  elsewhere=
  while read -r library file; do
    if external "$library"; then
      # dpkg-shlibdeps needs a file of that name.
      mkdir -p /build/external
      gcc -shared -nostdlib -Wl,-soname,"$library" -o "/build/external/$library" -x c /dev/null
      elsewhere="$elsewhere -l/build/external"
      continue
    fi
    found=$(find "$tree" "$prefix" $underlays /usr/lib -name "$library" -print -quit 2> /dev/null || :)
    if [ -z "$found" ]; then
      echo "slipway: error: ${file#"$tree"} needs the library $library, which is in no declared dependency" >&2
      exit 1
    fi
    elsewhere="$elsewhere -l${found%/*}"
  done < /build/unfound
  if [ "$status" -ne 0 ]; then shlibdeps $libraries $elsewhere > "$out/shlibdeps"; fi
  needed=$(tr '\n' '\0' < /build/loaded | xargs -0 readelf -d 2>/dev/null |
    sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | sort -u)
  own=
  for n in $needed; do
    for l in "$prefix/lib" "$prefix/lib/$triplet"; do if [ -e "$l/$n" ]; then own="$own $l/$n"; fi; done
  done
  # Most libraries have no version in their soname; shlibs files can't describe those.
  if [ -n "$own" ]; then
    dpkg-query -S $own 2>/dev/null | sed 's/:.*//' | sort -u | grep -vx "$package" > "$out/linked" || :
  fi
}
# dpkg-shlibdeps only reads the tree, so it runs while the tree is packed. It recognizes a package by its DEBIAN folder.
resolving=
if [ -s /build/loaded ]; then
  mkdir -p "$tree/DEBIAN"
  resolve > /build/resolve.log 2>&1 &
  resolving=$!
fi

# pack FOLDER NAME FILE
pack() {
  mkdir -p "$1/DEBIAN"
  printf 'Package: %s\nVersion: 0\nArchitecture: all\nMaintainer: a <a@b>\nDescription: d\n' "$2" > "$1/DEBIAN/control"
  (cd "$1" && find . -path ./DEBIAN -prune -o -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0r md5sum --) > "$3.md5sums"
  # dpkg-deb only lowers times to that of the build. Copied files may have older times, which are not reproducible.
  find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
  dpkg-deb --root-owner-group -Z"${SLIPWAY_COMPRESSION:-xz}" -z"${SLIPWAY_COMPRESSION_LEVEL:-1}" --build "$1" "$3" > /dev/null
}
pack "$tree" "$package" "$out/package.deb"
if [ -d "$debug/usr" ]; then
  mkdir -p "$debug/usr/share/doc"
  ln -s "$package" "$debug/usr/share/doc/$package-dbgsym"
  pack "$debug" "$package-dbgsym" "$out/debug.deb"
fi
if [ -n "$resolving" ]; then
  status=0
  wait "$resolving" || status=$?
  cat /build/resolve.log >&2
  if [ "$status" -ne 0 ]; then exit "$status"; fi
fi
rm -rf "$tree/DEBIAN" "$debug/DEBIAN"
