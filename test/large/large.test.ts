import { afterAll, expect, it } from 'vitest';
import { join } from 'node:path';
import { cache, installAndRun, slipway, states, workspace, discard } from '../e2e/helpers.ts';
import { fetchTarballs, large, largePackages, noeticSettings, writeDistro } from '../e2e/upstream.mjs';

const folder = workspace('large');
afterAll(() => discard(folder));

it('the large chain builds, installs into a fresh root, and a talker speaks to a listener over roscore', async () => {
  writeDistro(folder, 'noetic', await fetchTarballs(large, join(cache, 'sources')), {
    settings: noeticSettings,
    distribution: { packages: largePackages },
  });
  const ran = await slipway(['build'], folder);
  expect(ran.code, ran.stderr).toBe(0);
  expect(Object.keys(states(folder)).length).toBeGreaterThan(70);
  const script = `. /opt/acme/noetic/setup.sh
export ROS_MASTER_URI=http://127.0.0.1:11311 ROS_IP=127.0.0.1 HOME=/tmp
ip link set lo up 2>/dev/null || true
roscore >/tmp/roscore.log 2>&1 & core=$!
python3 - <<EOF
import sys, threading, time
import rospy
from std_msgs.msg import String
for attempt in range(100):
    try:
        rospy.get_master().getPid(); break
    except Exception:
        time.sleep(0.2)
rospy.init_node('both')
heard = threading.Event()
rospy.Subscriber('chatter', String, lambda m: (print('heard', m.data), heard.set()))
talker = rospy.Publisher('chatter', String, queue_size=1)
for attempt in range(100):
    talker.publish('hello')
    if heard.wait(0.1):
        break
sys.exit(0 if heard.is_set() else 1)
EOF
cat > /tmp/t.cpp <<EOF
#include <ros/ros.h>
#include <tf2/LinearMath/Quaternion.h>
#include <iostream>
int main(int argc, char ** argv) {
  ros::init(argc, argv, "cpp", ros::init_options::AnonymousName);
  tf2::Quaternion q; q.setRPY(0, 0, 0);
  std::cout << "master " << ros::master::check() << " w " << q.w() << std::endl;
}
EOF
p=/opt/acme/noetic
g++ -I$p/include /tmp/t.cpp -o /tmp/t -L$p/lib -lroscpp -lrostime -lrosconsole -ltf2 -lcpp_common
/tmp/t
kill $core
`;
  const installed = await installAndRun(
    'bookworm',
    ran.stdout,
    [
      'acme-noetic-roslaunch',
      'acme-noetic-rospy',
      'acme-noetic-roscpp',
      'acme-noetic-tf2',
      'acme-noetic-rosmaster',
      'g++',
      'procps',
      'libboost-dev',
    ],
    script,
  );
  expect(installed.stdout).toContain('heard hello');
  expect(installed.stdout).toContain('master 1 w 1');
  expect(installed.code, installed.stderr).toBe(0);
});
