# Builds, tests and packs one package: sh -e debian/slipway.sh build|binary|test, as its `debian/rules` asks too.
# `binary` is `stage` and `pack`; slipway calls these two by themselves, and looks between them at what will be packed.
# This part is common to all packages. What differs by build type is in debian/build-type.sh: configure_and_compile,
# install_staged, compile_tests and run_tests.
# The steps are those of debhelper that a package of robot software needs; a Perl start for each of the others would
# double the time of a small package.
set -e
here=$PWD
stage=$here/debian/tmp-root
object=$here/../obj
jobs=${SLIPWAY_JOBS:-1}

export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/build/home TZ=UTC
unset PYTHONPATH CMAKE_PREFIX_PATH AMENT_PREFIX_PATH LD_LIBRARY_PATH PKG_CONFIG_PATH ROS_PACKAGE_PATH
. debian/slipway.env
export SOURCE_DATE_EPOCH=$source_date_epoch
export MAKEFLAGS=-j$jobs CMAKE_BUILD_PARALLEL_LEVEL=$jobs NINJAFLAGS=-j$jobs
export DEB_BUILD_OPTIONS="parallel=$jobs nocheck" DEB_RULES_REQUIRES_ROOT=no PYTHONHASHSEED=0
# Two rules may install one path: CMake would keep the first where both files have times within one second.
export CMAKE_INSTALL_ALWAYS=1
# How many threads compress decides the bytes.
export DPKG_DEB_THREADS_MAX=1
export ROS_OS_OVERRIDE=${ROS_OS_OVERRIDE:-}
[ -n "$ROS_OS_OVERRIDE" ] || unset ROS_OS_OVERRIDE
mkdir -p "$HOME"

python=$(readlink -f /usr/bin/python3 2>/dev/null || :)
python=${python##*/}
triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch)

# add VARIABLE PATH: before what it has
add() { eval "export $1=\"\$2\${$1:+:\$$1}\""; }

# What an installed prefix offers before it has a setup.sh, and what its setup.sh leaves out.
offer() {
  add PATH "$1/bin"
  add LD_LIBRARY_PATH "$1/lib/$triplet"
  add LD_LIBRARY_PATH "$1/lib"
  add PKG_CONFIG_PATH "$1/share/pkgconfig"
  add PKG_CONFIG_PATH "$1/lib/$triplet/pkgconfig"
  add PKG_CONFIG_PATH "$1/lib/pkgconfig"
  if [ -n "$python" ]; then
    add PYTHONPATH "$1/lib/python3/dist-packages"
    add PYTHONPATH "$1/lib/$python/site-packages"
  fi
  add CMAKE_PREFIX_PATH "$1"
  add AMENT_PREFIX_PATH "$1"
}
# ros_environment sets ROS_DISTRO by itself, and its hook speaks up, in the middle of what catkin reads, where it is set to another.
for p in /usr $underlays "$prefix"; do if [ -d "$p/share/ros_environment" ]; then unset ROS_DISTRO; fi; done
for underlay in $underlays; do
  if [ "$underlay" = /usr ]; then export AMENT_PREFIX_PATH=/usr; continue; fi
  offer "$underlay"
  if [ -f "$underlay/setup.sh" ]; then set +e; . "$underlay/setup.sh"; set -e; fi
done
offer "$prefix"
if [ -f "$prefix/setup.sh" ]; then set +e; . "$prefix/setup.sh"; set -e; fi
# catkin looks for COMPONENTS nowhere but here, so what the system offers must be on it.
case ":$CMAKE_PREFIX_PATH:" in *":$prefix:"*) ;; *) add CMAKE_PREFIX_PATH "$prefix" ;; esac
case ":$CMAKE_PREFIX_PATH:" in *:/usr:*) ;; *) CMAKE_PREFIX_PATH=$CMAKE_PREFIX_PATH:/usr ;; esac
export CMAKE_PREFIX_PATH
case ":$AMENT_PREFIX_PATH:" in *":$prefix:"*) ;; *) add AMENT_PREFIX_PATH "$prefix" ;; esac
cd "$here"

map=/usr/src/$package
# What is installed names no folder of the build. Tests look for their sources by __FILE__: there nothing is mapped.
flags() {
  eval "$(DEB_BUILD_MAINT_OPTIONS=reproducible=-fixfilepath dpkg-buildflags --export=sh)"
  if [ "$testing" = OFF ]; then
    CFLAGS="$CFLAGS -ffile-prefix-map=$here=$map -ffile-prefix-map=/build/obj=$map/obj"
    CXXFLAGS="$CXXFLAGS -ffile-prefix-map=$here=$map -ffile-prefix-map=/build/obj=$map/obj"
  fi
  export CFLAGS CXXFLAGS
}

testing=OFF
results=$here/../results/current
test_timeout=${SLIPWAY_TEST_TIMEOUT:-600}
compile_tests() { :; }
. debian/build-type.sh

build() {
  flags
  mkdir -p "$object"
  configure_and_compile
}

# Libraries of this build before the installed ones, which were built without tests.
offer_built() {
  for folder in $(find "$object" -name '*.so*' -printf '%h\n' | sort -ru); do add LD_LIBRARY_PATH "$folder"; done
}

# `run_tests` is one run of all tests; its exit code counts where no result file tells of a failure.
run_all_tests() {
  testing=ON
  unset DEB_BUILD_OPTIONS
  build
  compile_tests
  offer_built
  export XML_CATALOG_FILES="file:///build/.schemas/catalog.xml file:///etc/xml/catalog"
  echo "== tests"
  attempt=1
  while :; do
    failed=0
    mkdir -p "$results"
    run_tests || failed=1
    if grep -rqsE --include='*.xml' '<(failure|error)\b|Status="failed"' "$results"; then failed=1; fi
    echo "$failed" > "$results/exit"
    mv "$results" "$here/../results/$attempt"
    if [ "$failed" -eq 0 ] || [ "$attempt" -gt "${SLIPWAY_TEST_RETRIES:-0}" ]; then break; fi
    attempt=$((attempt + 1))
    echo "== tests failed; attempt $attempt"
  done
}

stage() {
  rm -rf "$stage"
  flags
  install_staged
  mkdir -p "$stage"
  outside=$(cd "$stage" && find . ! -type d | sed 's/^\.//' | while IFS= read -r f; do case $f in "$prefix"/*) ;; *) echo "$f" ;; esac; done)
  if [ -n "$outside" ]; then
    echo "slipway: error: these files would be installed outside $prefix:" >&2
    echo "$outside" | head -20 >&2
    exit 1
  fi
  # Build paths in what was installed would make the bytes depend on nothing good, and lead nowhere.
  find "$stage" -name '*.pyc' -delete
  find "$stage" -depth -name __pycache__ -type d -exec rmdir {} +
  if [ -n "$python" ] && [ -n "$(find "$stage" -name '*.py' -print -quit)" ]; then
    for where in "$stage$prefix/lib/$python/site-packages" "$stage$prefix/lib/python3/dist-packages"; do
      if [ -d "$where" ]; then "$python" -m compileall -q -d "${where#"$stage"}" --invalidation-mode unchecked-hash "$where" || :; fi
    done
  fi
  pack=$here/debian/$package
  rm -rf "$pack"
  mv "$stage" "$pack"
  documents=$pack/usr/share/doc/$package
  mkdir -p "$documents"
  install -m 644 debian/copyright "$documents/copyright"
  gzip -9nc debian/changelog > "$documents/changelog.Debian.gz"
  for log in CHANGELOG.rst CHANGELOG.md; do
    if [ -f "$log" ]; then gzip -9nc "$log" > "$documents/changelog.gz"; break; fi
  done
  chmod -R u+rwX,go+rX,go-w,a-s "$pack"
  # dpkg-deb lowers times to that of the build, and leaves older ones, which copied files have from elsewhere.
  find "$pack" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
  : > debian/elf
  find "$pack" -type f \( -perm /111 -o -name '*.so*' -o -name '*.a' -o -name '*.o' \) -exec sh -c 'for f; do case $(head -c 7 "$f" | tr -d "\000\001\002") in *ELF*|"!<arch>"*) echo "$f" ;; esac; done' sh {} + > debian/elf
  : > "debian/$package.substvars"
  if [ -s debian/elf ]; then
    dh_strip
    if find "$pack" -name '*.so.*' -print -quit | grep -q .; then dh_makeshlibs -n --no-scripts; fi
    libraries=
    for p in $prefix $underlays; do
      for l in "$p/lib" "$p/lib/$triplet" "$p"/opt/*/lib "$pack$p"/opt/*/lib; do l=${l#"$pack"}; if [ -d "$l" ] || [ -d "$pack$l" ]; then libraries="$libraries:$pack$l:$l"; fi; done
    done
    dh_shlibdeps ${libraries:+"-l${libraries#:}"} -- --ignore-missing-info
    needed=$(while IFS= read -r f; do case $f in *.a|*.o) ;; *) readelf -d "$f" 2>/dev/null | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' ;; esac; done < debian/elf | sort -u)
    own=
    for n in $needed; do
      for l in "$prefix/lib" "$prefix/lib/$triplet"; do if [ -e "$l/$n" ]; then own="$own $l/$n"; fi; done
    done
    if [ -n "$own" ]; then
      # Most libraries here have no version in their soname, for which shlibs tell nothing.
      own=$(dpkg-query -S $own 2>/dev/null | sed 's/:.*//' | sort -u | grep -vx "$package" | sed ':a;N;$!ba;s/\n/, /g' || :)
      if [ -n "$own" ]; then echo "slipway:Depends=$own" >> "debian/$package.substvars"; fi
    fi
  fi
}

pack() {
  grep -q '^slipway:Depends=' "debian/$package.substvars" || echo 'slipway:Depends=' >> "debian/$package.substvars"
  echo "slipway:Abi=${SLIPWAY_ABI:-}" >> "debian/$package.substvars"
  echo "slipway:Requires=${SLIPWAY_REQUIRES:-}" >> "debian/$package.substvars"
  grep -q '^shlibs:Depends=' "debian/$package.substvars" || echo 'shlibs:Depends=' >> "debian/$package.substvars"
  grep -q '^misc:Depends=' "debian/$package.substvars" || echo 'misc:Depends=' >> "debian/$package.substvars"
  dh_gencontrol
  dh_md5sums
  dh_builddeb -- -Z"${SLIPWAY_COMPRESSION:-xz}" -z"${SLIPWAY_COMPRESSION_LEVEL:-1}"
}

case $1 in
  build) build ;;
  stage) stage ;;
  pack) pack ;;
  binary) stage; pack ;;
  test) run_all_tests ;;
esac
