import { afterAll, describe, expect, it } from 'vitest';
import { join } from 'node:path';
import { cache, discard, installAndRun, slipway, states, workspace } from './helpers.ts';
// @ts-expect-error plain JavaScript, shared with the benchmarks
import { ament, amentPackages, debianAment, fetchTarballs, noeticSettings, small, writeDistro } from './upstream.mjs';

describe('real upstream sources, from catkin upward', () => {
  const folder = workspace('upstream');
  afterAll(() => discard(folder));

  it('build, install into a fresh root, and work: C++ against the libraries, messages in Python', async () => {
    writeDistro(folder, 'noetic', await fetchTarballs(small, join(cache, 'sources')), { settings: noeticSettings });
    const ran = await slipway(['build'], folder);
    expect(ran.code, ran.stderr).toBe(0);
    expect(Object.keys(states(folder)).length).toBe(13);
    const script = `. /opt/acme/noetic/setup.sh
python3 -c 'import io; from std_msgs.msg import String, Header; b = io.BytesIO(); String(data="robot").serialize(b); m = String(); m.deserialize(b.getvalue()); print(m.data, Header._md5sum)'
cat > /tmp/t.cpp <<EOF
#include <ros/serialization.h>
#include <std_msgs/String.h>
#include <iostream>
int main() {
  std_msgs::String m; m.data = "robot";
  ros::SerializedMessage s = ros::serialization::serializeMessage(m);
  ros::Time::init();
  std::cout << s.num_bytes << " " << (ros::Time::now().toSec() > 0) << std::endl;
}
EOF
g++ -I/opt/acme/noetic/include /tmp/t.cpp -o /tmp/t -L/opt/acme/noetic/lib -lroscpp_serialization -lrostime -lcpp_common
/tmp/t
`;
    const installed = await installAndRun('bookworm', ran.stdout, ['acme-noetic-std-msgs', 'acme-noetic-roscpp-core', 'acme-noetic-catkin', 'g++'], script);
    // A string of five and its length; the checksum is the one that every ROS installation has for std_msgs/Header.
    expect(installed.stdout).toBe('robot 2176decaecbce78abc3b96ef049fabed\n13 1\n');
    expect(installed.code, installed.stderr).toBe(0);
  });
});

describe('ROS 2 packages on Debian\'s ament-cmake as underlay', () => {
  const folder = workspace('ament');
  afterAll(() => discard(folder));

  it('build, and a program runs against the installed libraries', async () => {
    writeDistro(folder, 'jazzy', await fetchTarballs(ament, join(cache, 'sources')), {
      type: 'ros2', distribution: { packages: amentPackages, underlay: ['debian'] }, platform: { underlays: { debian: debianAment } },
    });
    const ran = await slipway(['build'], folder);
    expect(ran.code, ran.stderr).toBe(0);
    expect(Object.keys(states(folder)).sort()).toEqual([...amentPackages].sort());
    const script = `cat > /tmp/t.cpp <<EOF
#include <rcpputils/join.hpp>
#include <rcutils/strdup.h>
#include <rcutils/allocator.h>
#include <iostream>
#include <string>
#include <vector>
int main() {
  char * s = rcutils_strdup("c", rcutils_get_default_allocator());
  std::cout << rcpputils::join(std::vector<std::string>{"a", "b", s}, "-") << std::endl;
}
EOF
p=/opt/acme/jazzy
g++ -std=c++17 -I$p/include/rcutils -I$p/include/rcpputils -I$p/include /tmp/t.cpp -o /tmp/t -L$p/lib -lrcutils -lrcpputils
LD_LIBRARY_PATH=$p/lib /tmp/t
PYTHONPATH=$p/lib/python3.11/site-packages:$p/lib/python3/dist-packages python3 -c 'from rosidl_parser.definition import BasicType; print(BasicType("uint8").typename)'
`;
    const installed = await installAndRun('bookworm', ran.stdout, ['acme-jazzy-rcpputils', 'acme-jazzy-rosidl-parser', 'g++'], script);
    expect(installed.stdout).toBe('a-b-c\nuint8\n');
    expect(installed.code, installed.stderr).toBe(0);
  });
});
