import { appendFileSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { commitChain, makeChain } from '../e2e/chain.mjs';
import { cache, discard, example, slipway, sources, workspace, type Ran } from '../e2e/helpers.ts';
import { fetchTarballs, large, largePackages, noeticSettings, writeDistro } from '../e2e/upstream.mjs';

interface Site {
  dead: { page: string; line: number; link: string }[];
  crossing: Record<string, number>;
  results: { name: string; kind: string; state: string; reason: string }[];
}
const answer = (ran: Ran): Site => JSON.parse(ran.stdout) as Site;
const states = (ran: Ran): Record<string, string> =>
  Object.fromEntries(answer(ran).results.flatMap((t) => (t.kind === 'docs' ? [[t.name, t.state]] : [])));

describe('the documentation of the real chain, catkin to std_msgs', () => {
  const folder = workspace('docs-chain');
  let first: Ran;
  beforeAll(async () => {
    await makeChain(folder, join(cache, 'sources'));
    first = await slipway(['docs', '--json'], folder);
  });
  afterAll(() => discard(folder));

  it('has the pages of its headers, modules and messages, and links between them', () => {
    const made = Object.entries(states(first)).filter(([, state]) => state === 'built');
    expect(made.length, first.stderr).toBeGreaterThanOrEqual(10);
    const page = (path: string) => readFileSync(join(folder, 'docs/noetic', path), 'utf8');
    expect(page('rostime/api/classros_1_1Time.html')).toContain('ros::Time');
    expect(page('std_msgs/msg/Header.html')).toContain('frame_id');
    expect(page('std_msgs/msg/ByteMultiArray.html')).toContain('href="../../std_msgs/msg/MultiArrayLayout.html"');
    expect(page('genmsg/doc/index.html')).toContain('genmsg');
    const { crossing } = answer(first);
    expect(crossing['noetic/rostime → noetic/cpp_common'] ?? 0).toBeGreaterThan(0);
    expect(crossing['noetic/roscpp_serialization → noetic/rostime'] ?? 0).toBeGreaterThan(0);
  });

  it('an edit of a comment in the bottom-most header makes one package anew', async () => {
    appendFileSync(join(folder, 'src/roscpp_core/cpp_common/include/ros/macros.h'), '// Edited.\n');
    commitChain(folder);
    const again = states(await slipway(['docs', '--json'], folder));
    expect(Object.keys(again).filter((name) => again[name] === 'built')).toEqual(['cpp_common']);
  });
});

it('the example distro repository publishes a site', async () => {
  const folder = example('docs-example');
  try {
    sources(folder);
    const ran = await slipway(['docs', '--json', '--publish', 'nightly'], folder);
    expect(ran.code, ran.stderr).toBe(0);
    expect(answer(ran).dead).toEqual([]);
    const latest = join(folder, 'published/nightly/latest');
    expect(readFileSync(join(latest, 'index.html'), 'utf8')).toContain('acme_drive');
    expect(readFileSync(join(latest, 'mini/acme_drive/index.html'), 'utf8')).toContain('acme_math');
  } finally {
    await discard(folder);
  }
});

it('the large set of ROS 1 is documented, with links from tf2 to rostime', async () => {
  const folder = workspace('docs-large');
  try {
    writeDistro(folder, 'noetic', await fetchTarballs(large, join(cache, 'sources')), {
      settings: noeticSettings,
      distribution: { packages: largePackages },
    });
    const ran = await slipway(['docs', '--json'], folder);
    const all = Object.values(states(ran));
    expect(all.length).toBeGreaterThan(70);
    expect(all.filter((s) => s === 'built').length / all.length, ran.stderr).toBeGreaterThan(0.9);
    const { crossing } = answer(ran);
    expect(crossing['noetic/tf2 → noetic/rostime'] ?? 0).toBeGreaterThan(20);
    expect(crossing['noetic/tf2_ros → noetic/tf2'] ?? 0).toBeGreaterThan(50);
    expect(readdirSync(join(folder, 'docs/noetic/geometry_msgs/msg'))).toContain('Pose.html');
  } finally {
    await discard(folder);
  }
});
