import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { cache, discard, example, installAndRun, slipway, states, workspace } from '../e2e/helpers.ts';
import { ament, amentPackages, debianAment, fetchTarballs, writeDistro } from '../e2e/upstream.mjs';

it('the packages of the example on trixie', async () => {
  const folder = example('trixie');
  try {
    const file = join(folder, 'distro.yaml');
    writeFileSync(file, readFileSync(file, 'utf8').replace('platforms: [bookworm]', 'platforms: [trixie]'));
    const ran = await slipway(['build', '--distribution', 'mini'], folder);
    expect(ran.code, ran.stderr).toBe(0);
    const installed = await installAndRun(
      'trixie',
      ran.stdout,
      ['acme-mini-acme-drive', 'acme-mini-acme-teleop'],
      '. /opt/acme/mini/setup.sh\ndrive 4\n/opt/acme/mini/lib/acme_teleop/teleop 0.25\n',
    );
    expect(installed.stdout).toContain('angular="-2.2831853071795862"');
    expect(installed.stdout).toContain('linear: 0.25');
    expect(installed.code, installed.stderr).toBe(0);
  } finally {
    await discard(folder);
  }
});

describe("ROS 2 packages on Debian's ament-cmake as underlay", () => {
  const folder = workspace('ament');
  afterAll(() => discard(folder));

  it('build, and a program runs against the installed libraries', async () => {
    writeDistro(folder, 'jazzy', await fetchTarballs(ament, join(cache, 'sources')), {
      type: 'ros2',
      distribution: { packages: amentPackages, underlay: ['debian'] },
      platform: { underlays: { debian: debianAment } },
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
    const installed = await installAndRun(
      'bookworm',
      ran.stdout,
      ['acme-jazzy-rcpputils', 'acme-jazzy-rosidl-parser', 'g++'],
      script,
    );
    expect(installed.stdout).toBe('a-b-c\nuint8\n');
    expect(installed.code, installed.stderr).toBe(0);
  });
});
