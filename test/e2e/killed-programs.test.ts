import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { portOf } from '../port.mjs';
import { discard, example, start } from './helpers.ts';

/** A server that answers all with a little, again and again: git and apt read on as long as it sends. */
const server = createServer((request, response) => {
  response.writeHead(200, { 'content-type': 'application/x-git-upload-pack-advertisement' });
  if (request.url?.includes('info/refs') === true) response.write('001e# service=git-upload-pack\n0000');
  const timer = setInterval(() => response.write('x'), 50);
  response.on('close', () => clearInterval(timer));
});
let host = '';
let folder = '';
beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  host = `http://127.0.0.1:${portOf(server)}`;
  folder = example('killed-programs');
});
afterAll(async () => {
  server.closeAllConnections();
  server.close();
  await discard(folder);
});

const asking = async (): Promise<number> =>
  new Promise((resolve, reject) => server.getConnections((e, count) => (e ? reject(e) : resolve(count))));

/** Waits until programs have as many connections as `enough` accepts. */
async function until(enough: (count: number) => boolean): Promise<number> {
  for (let n = 0; n < 150 && !enough(await asking()); n++) await sleep(200);
  return asking();
}

it.each(['SIGKILL', 'SIGTERM'] as const)('planning that %s ends leaves no git that asks a server', async (signal) => {
  const place = join(folder, signal);
  mkdirSync(join(place, 'rosdistro/mini'), { recursive: true });
  writeFileSync(
    join(place, 'distro.yaml'),
    'organization: acme\nindex: rosdistro/index-v4.yaml\ndistributions: { mini: { platforms: [bookworm] } }\n' +
      'platforms: { bookworm: { os: debian, release: bookworm, architectures: [amd64] } }\n',
  );
  for (const file of ['index-v4.yaml', 'mini/distribution.yaml'])
    writeFileSync(
      join(place, 'rosdistro', file),
      readFileSync(join(folder, 'rosdistro', file), 'utf8').replaceAll(/url: \..*/g, `url: ${host}/git/x.git`),
    );
  const child = start(['plan', '--distribution', 'mini'], place);
  child.stderr?.resume();
  expect(await until((count) => count > 0)).toBeGreaterThan(0);
  child.kill(signal);
  await child.ended;
  expect(await until((count) => count === 0)).toBe(0);
});

it('a base that is made is given up if slipway is killed', async () => {
  const distro = readFileSync(join(folder, 'distro.yaml'), 'utf8');
  const mirror = `mirror: { uri: "${host}/debian", components: [main], trusted: true }`;
  writeFileSync(join(folder, 'distro.yaml'), distro.replace('os: debian', `os: debian\n    ${mirror}`));
  const child = start(['build', '--distribution', 'mini', '--state', join(folder, 'state')], folder);
  child.stderr?.resume();
  expect(await until((count) => count > 0)).toBeGreaterThan(0);
  child.kill('SIGKILL');
  await child.ended;
  expect(await until((count) => count === 0)).toBe(0);
  const listed = execFileSync('ps', ['-eo', 'args'], { encoding: 'utf8' });
  expect(listed.split('\n').filter((args) => args.includes('mmdebstrap') && args.includes(folder))).toEqual([]);
});
