import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it, vi } from 'vitest';
import { sha256 } from '../../ts-src/model/digest.ts';
import { bringLargeFiles } from '../../ts-src/read/git/large-files.ts';
import { readUnderlays } from '../../ts-src/read/underlay.ts';
import { readWorkspace } from '../../ts-src/read/workspace.ts';
import { portOf } from '../port.mjs';

vi.hoisted(() => (process.env.SLIPWAY_FETCH_MINUTES = '0.05'));

/** Servers of several files that belong together: all of them have the time of one request. */
const folder = mkdtempSync(join(tmpdir(), 'slipway-slow-files-'));
const texts = new Map<string, string>();
const slow = (name: string): string => `${' '.repeat(20)}${name}`;
let server: Server;
let asked = 0;
beforeAll(async () => {
  server = createServer((from, to) => {
    const text = texts.get(from.url ?? '');
    if (text !== undefined) return void to.end(text);
    asked++;
    // Each file takes two thirds of the time.
    let sent = 0;
    const content = slow(from.url ?? '');
    const timer = setInterval(() => (sent < 20 ? to.write(content[sent++]) : to.end(content.slice(sent))), 100);
    to.on('close', () => clearInterval(timer));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
});
afterAll(() => {
  server.closeAllConnections();
  server.close();
  rmSync(folder, { recursive: true, force: true });
});

it('the indices of an archive', async () => {
  const components = Array.from({ length: 9 }, (_, i) => `c${i}`);
  const digests = components
    .map((c) => ` ${sha256(slow(`/dists/s/${c}/binary-amd64/Packages`))} 1 ${c}/binary-amd64/Packages\n`)
    .join('');
  texts.set('/dists/s/InRelease', `Suite: s\nSHA256:\n${digests}`);
  const file = join(folder, 'distro.yaml');
  writeFileSync(
    file,
    'organization: acme\ndistributions: {d: {platforms: [p], folders: [src], ros_version: 1, underlay: [u]}}\n' +
      'platforms: {p: {os: debian, release: bookworm, underlays: {u: {' +
      `uri: "http://127.0.0.1:${portOf(server)}", suite: s, components: [${components.join(', ')}], trusted: true}}}}\n`,
  );
  const workspace = await readWorkspace(file, join(folder, 'state'));
  if (!workspace.ok) throw new Error(JSON.stringify(workspace.diagnostics));
  const begun = performance.now();
  const read = await readUnderlays(workspace.value);
  expect(read.ok).toBe(false);
  expect(read.diagnostics).toHaveLength(1);
  expect(performance.now() - begun).toBeLessThan(4500);
  expect(asked).toBe(2);
}, 60_000);

it('the large files of a commit', async () => {
  const [gitDir, checkout] = [join(folder, 'r.git'), join(folder, 'checkout')];
  const origin = `http://127.0.0.1:${portOf(server)}/r.git`;
  execFileSync('git', ['init', '-q', '--bare', gitDir]);
  execFileSync('git', ['--git-dir', gitDir, 'config', 'remote.origin.url', origin]);
  mkdirSync(checkout);
  writeFileSync(join(checkout, '.gitattributes'), '* filter=lfs\n');
  const objects = Array.from({ length: 9 }, (_, i) => {
    const [oid, size] = [sha256(slow(`/o${i}`)), slow(`/o${i}`).length];
    writeFileSync(
      join(checkout, `o${i}`),
      `version https://git-lfs.github.com/spec/v1\noid sha256:${oid}\nsize ${size}\n`,
    );
    return { oid, size, actions: { download: { href: origin.replace('/r.git', `/o${i}`) } } };
  });
  texts.set('/r.git/info/lfs/objects/batch', JSON.stringify({ objects }));
  asked = 0;
  const begun = performance.now();
  const brought = await bringLargeFiles(gitDir, [{ type: 'blob', object: '', path: '.gitattributes' }], checkout);
  expect(brought.ok).toBe(false);
  expect(performance.now() - begun).toBeLessThan(4500);
  expect(asked).toBe(2);
}, 60_000);
