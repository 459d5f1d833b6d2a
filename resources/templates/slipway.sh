# Builds, installs and tests one package, in its folder: sh -e /slipway/slipway.sh build|stage|test|shell ...
# /slipway is read-only. What differs between packages is in /slipway/slipway.env; what differs by build type is in
# /slipway/build-type.sh: configure_and_compile, install_staged, compile_tests and run_tests. Packing is done elsewhere
# (pack.sh), in a root where no code of the package ran.
set -e
here=$PWD
stage=/build/stage
object=$here/../obj
jobs=${SLIPWAY_JOBS:-1}

export PATH=/usr/sbin:/usr/bin:/sbin:/bin LC_ALL=C.UTF-8 HOME=/build/home TZ=UTC
unset PYTHONPATH CMAKE_PREFIX_PATH AMENT_PREFIX_PATH LD_LIBRARY_PATH PKG_CONFIG_PATH ROS_PACKAGE_PATH
. /slipway/slipway.env
export SOURCE_DATE_EPOCH=$source_date_epoch
export MAKEFLAGS=-j$jobs CMAKE_BUILD_PARALLEL_LEVEL=$jobs NINJAFLAGS=-j$jobs
export DEB_BUILD_OPTIONS="parallel=$jobs nocheck" DEB_RULES_REQUIRES_ROOT=no PYTHONHASHSEED=0
# Installed modules have no byte code, and their folders can't be written. Message generators start Python many times.
export PYTHONPYCACHEPREFIX=/build/byte-code
# Two rules may install one path. CMake would keep the first file if both have times within one second.
export CMAKE_INSTALL_ALWAYS=1
# The number of compression threads affects the bytes.
export DPKG_DEB_THREADS_MAX=1
export ROS_OS_OVERRIDE=${ROS_OS_OVERRIDE:-}
[ -n "$ROS_OS_OVERRIDE" ] || unset ROS_OS_OVERRIDE
mkdir -p "$HOME"

python=$(readlink -f /usr/bin/python3 2>/dev/null || :)
python=${python##*/}
# PYTHONPYCACHEPREFIX also hides the byte code of system packages, so links lead there. A folder without subfolders
# needs one link.
if [ -n "$python" ]; then
  perl -e '
    my $to = shift;
    sub provide {
      my ($at) = @_;
      opendir my $folder, $at or return;
      my @below = grep { !/^\./ && lstat "$at/$_" && -d _ } readdir $folder;
      my @folders = grep { $_ ne "__pycache__" } @below;
      if (@folders == @below) { mkdir "$to$at" }
      elsif (!@folders) { return symlink "$at/__pycache__", "$to$at" }
      else {
        mkdir "$to$at";
        opendir my $code, "$at/__pycache__" or return;
        /\.pyc$/ && symlink "$at/__pycache__/$_", "$to$at/$_" for readdir $code;
      }
      provide("$at/$_") for @folders;
    }
    mkdir "$to$_" for "", "/usr", "/usr/lib";
    provide("/usr/lib/$_") for @ARGV' "$PYTHONPYCACHEPREFIX" python3 "$python"
fi
# Avoids dpkg-architecture, a Perl program that takes half of the time until here.
case $(dpkg --print-architecture) in
  amd64) triplet=x86_64-linux-gnu ;;
  arm64) triplet=aarch64-linux-gnu ;;
  *) triplet=$(dpkg-architecture -qDEB_HOST_MULTIARCH 2>/dev/null || gcc -print-multiarch) ;;
esac

# add VARIABLE PATH: prepends PATH
add() { eval "export $1=\"\$2\${$1:+:\$$1}\""; }

# Paths of a prefix without setup.sh, and those that its setup.sh leaves out.
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
set +e
if [ -f "$prefix/setup.sh" ]; then . "$prefix/setup.sh"; else . /slipway/local_setup.sh; fi
set -e
# catkin searches COMPONENTS only in this path, so it must include the system's.
case ":$CMAKE_PREFIX_PATH:" in *":$prefix:"*) ;; *) add CMAKE_PREFIX_PATH "$prefix" ;; esac
case ":$CMAKE_PREFIX_PATH:" in *:/usr:*) ;; *) CMAKE_PREFIX_PATH=$CMAKE_PREFIX_PATH:/usr ;; esac
export CMAKE_PREFIX_PATH
case ":$AMENT_PREFIX_PATH:" in *":$prefix:"*) ;; *) add AMENT_PREFIX_PATH "$prefix" ;; esac
cd "$here"

map=/usr/src/$package
# Installed files must not contain folders of the build. Tests find their sources by __FILE__, so nothing is mapped.
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
. /slipway/build-type.sh

build() {
  mkdir -p "$object"
  configure_and_compile
}

# Libraries of this build come before installed ones of the same names, which were built without tests. No others are
# added: a test may select one of its own libraries by LD_LIBRARY_PATH.
offer_built() {
  own=/build/own-libraries
  mkdir -p "$own"
  dpkg -L "$package" 2>/dev/null | sed -n "s|^$prefix/lib/\($triplet/\)\{0,1\}\([^/]*\.so[^/]*\)\$|\2|p" | sort -u |
    while IFS= read -r name; do
      file=$(find "$object" -name "$name" ! -type d | sort | head -n 1)
      if [ -n "$file" ]; then ln -sf "$file" "$own/$name"; fi
    done
  add LD_LIBRARY_PATH "$own"
}

# `run_tests` is one run of all tests; its exit code counts if no result file reports a failure.
run_all_tests() {
  testing=ON
  unset DEB_BUILD_OPTIONS
  flags
  build
  compile_tests
  unset PYTHONPYCACHEPREFIX
  offer_built
  export XML_CATALOG_FILES="file:///slipway/schemas/catalog.xml file:///etc/xml/catalog"
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
  mkdir -p "$stage"
  install_staged
  # Byte code of sources holds paths and times of the build. pack.sh removes it too: its tree may be of anybody.
  find "$stage" -path '*/__pycache__/*.pyc' -delete
  find "$stage" -depth -name __pycache__ -type d -empty -delete
  # As in Debian: this list of files depends on what was in the folder of the build, and when.
  find "$stage" -path '*/*-packages/*.egg-info/SOURCES.txt' -delete
  find "$stage" -name '*.pyc' -exec sh -c 'for f; do if [ -e "${f%c}" ]; then rm "$f"; fi; done' sh {} +
  chmod -R u+rwX,go+rX,go-w "$stage"
}

case $1 in build | stage | shell) flags ;; esac
# Each step runs in a subshell: its variables do not reach the next step.
begun=
for step; do
  if [ -n "$begun" ]; then echo "== $step"; fi
  begun=1
  case $step in
    build) (build) ;;
    stage) (stage) ;;
    test) (run_all_tests) ;;
    shell)
      set +e
      shift
      if [ $# -gt 0 ]; then exec "$@"; fi
      echo "sh -e /slipway/slipway.sh build builds it, into $object; exit leaves"
      exec bash --norc -i
      ;;
  esac
done
