import { afterAll, describe, expect, it } from 'vitest';
import { join } from 'node:path';
import { cache, discard, installAndRun, slipway, states, workspace } from './helpers.ts';
import { fetchTarballs, noeticSettings, small, writeDistro } from './upstream.mjs';

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
    const installed = await installAndRun(
      'bookworm',
      ran.stdout,
      ['acme-noetic-std-msgs', 'acme-noetic-roscpp-core', 'acme-noetic-catkin', 'g++'],
      script,
    );
    // A string of five characters and its length; the checksum is std_msgs/Header's in every ROS installation.
    expect(installed.stdout).toBe('robot 2176decaecbce78abc3b96ef049fabed\n13 1\n');
    expect(installed.code, installed.stderr).toBe(0);
  });
});
