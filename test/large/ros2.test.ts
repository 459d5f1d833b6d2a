import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { discard, fromNothing, installAndRun, resultOf, slipway, workspace } from '../e2e/helpers.ts';
import type { Result } from '../results.ts';
import { commitRos2, hasRos2Sources, makeRos2, ros2Edits, ros2Sources, tested } from '../e2e/ros2.mjs';

const parts = ['distro.yaml', 'rosdep', 'rosdistro', 'src'];
// As a developer edits: their packages must have the bytes that the lockfile then gives on a machine without objects.
const build = (folder: string) => slipway(['build', '--incremental-objects'], folder);
const builds = (folder: string): Result[] => resultOf(folder).filter((r) => !r.id.endsWith(':test'));

if (!hasRos2Sources) console.log(`ROS 2 from upstream is left out: ${ros2Sources} is not there`);

describe.runIf(hasRos2Sources)('ROS 2 Jazzy from upstream', () => {
  const folder = hasRos2Sources ? workspace('ros2') : '';
  const again = join(folder, 'again');
  let printed = '';
  afterAll(() => (hasRos2Sources ? discard(folder) : undefined));

  it('builds 126 packages from nothing', async () => {
    makeRos2(folder);
    const ran = await build(folder);
    expect(ran.code, ran.stderr.slice(-5000)).toBe(0);
    expect(builds(folder).filter((r) => r.state === 'built')).toHaveLength(126);
    printed = ran.stdout;
  });

  it.each(ros2Edits)('$name rebuilds its dependents that see the change, and nothing else', async (edit) => {
    edit.apply(folder);
    commitRos2(folder, edit.repository);
    const ran = await build(folder);
    expect(ran.code, ran.stderr.slice(-5000)).toBe(0);
    const rebuilt = builds(folder)
      .filter((r) => r.state === 'built')
      .map((r) => r.name)
      .filter((name) => !edit.also?.includes(name))
      .sort();
    expect(rebuilt).toEqual([...edit.rebuilt].sort());
    printed = ran.stdout || printed;
  });

  it('installs into a fresh root, where talkers and listeners in C++ and Python hear each other', async () => {
    const packages = ['demo-nodes-cpp', 'demo-nodes-py', 'ros2run', 'ros2topic', 'ros-workspace', 'rmw-cyclonedds-cpp'];
    const installed = await installAndRun(
      'bookworm',
      printed,
      packages.map((p) => `acme-jazzy-${p}`),
      talk,
    );
    expect(installed.stdout, installed.stderr.slice(-3000)).toMatch(/C\+\+ to Python: .*I heard: \[?Hello World: \d+/);
    expect(installed.stdout).toMatch(/Python to C\+\+: .*I heard: \[Hello World: \d+\]/);
    expect(installed.stdout).toContain('/chatter');
    expect(installed.code, installed.stderr.slice(-3000)).toBe(0);
  });

  it('restores every byte from the lockfile, with an empty store', async () => {
    cpSync(join(folder, 'out/lock.yaml'), join(folder, 'lock.yaml'));
    const ran = await fromNothing(folder, again, parts, ['--lock', join(folder, 'lock.yaml'), 'tf2_ros']);
    expect(ran.code, ran.stderr.slice(-5000)).toBe(0);
    const first = new Map(resultOf(folder).flatMap((r) => (r.debs ?? []).map((d) => [d.name, d.sha256] as const)));
    const second = resultOf(again).flatMap((r) => r.debs ?? []);
    expect(second.length).toBeGreaterThan(60);
    expect(second.filter((d) => first.get(d.name) !== d.sha256).map((d) => d.name)).toEqual([]);
    rmSync(again, { recursive: true, force: true });
  });

  it('runs the tests of packages as colcon would', async () => {
    // launch interrupts a Python that may still be starting, and which then ends with 1: once more, as on a farm.
    const ran = await slipway(['test', '--retries', '1', ...tested], folder);
    const tests = resultOf(folder).filter((r) => r.id.endsWith(':test'));
    expect(tests.map((t) => t.name).sort(), ran.stderr.slice(-5000)).toEqual([...tested].sort());
    expect(tests.filter((t) => t.state !== 'passed').map((t) => [t.name, t.state, t.reason])).toEqual([]);
  });
});

const talk = `. /opt/acme/jazzy/setup.sh
export HOME=/tmp RMW_IMPLEMENTATION=rmw_cyclonedds_cpp PYTHONUNBUFFERED=1
export CYCLONEDDS_URI='<CycloneDDS><Domain><General><AllowMulticast>false</AllowMulticast><Interfaces><NetworkInterface name="lo"/></Interfaces></General><Discovery><ParticipantIndex>auto</ParticipantIndex><Peers><Peer address="127.0.0.1"/></Peers></Discovery></Domain></CycloneDDS>'
hear() {
  setsid ros2 run "$2" talker > /tmp/talker.log 2>&1 & talker=$!
  setsid ros2 run "$3" listener > /tmp/listener.log 2>&1 & listener=$!
  for i in $(seq 120); do
    if grep -q 'I heard' /tmp/listener.log; then break; fi
    sleep 1
  done
  if [ "$1" = 'C++ to Python' ]; then timeout 60 ros2 topic list --no-daemon; fi
  kill -TERM -- "-$talker" "-$listener" || :
  # All must be gone: what they hold in /dev/shm keeps mmdebstrap from unmounting it.
  for i in $(seq 20); do
    if ! kill -0 -- "-$talker" && ! kill -0 -- "-$listener"; then break; fi
    sleep 0.5
  done 2> /dev/null
  kill -KILL -- "-$talker" "-$listener" 2> /dev/null || :
  wait
  echo "$1: $(grep -m 1 'I heard' /tmp/listener.log || cat /tmp/talker.log /tmp/listener.log)"
}
hear 'C++ to Python' demo_nodes_cpp demo_nodes_py
hear 'Python to C++' demo_nodes_py demo_nodes_cpp
`;
