#!/bin/sh
# Makes anew what the planner is compared with: test/oracle/make.sh DIR
# The data comes from the public rosdistro index and rosdep's default sources, as the ROS tools know them; what those tools,
# from PyPI, make of it is written beside it. Then: SLIPWAY_SHARED=DIR npm test
set -eu
[ $# -eq 1 ] || { echo "usage: $0 DIR" >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$1"
cd "$1"
if [ ! -e venv/made ]; then
  python3 -m venv venv
  venv/bin/pip install --quiet catkin_pkg==1.1.1 rosdistro==1.1.0 rosdep==0.27.0 ros_buildfarm==4.1.0 PyYAML 'setuptools<80'
  touch venv/made
fi
exec venv/bin/python "$here/make.py" .
