import { execFileSync } from 'node:child_process';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sha256 } from '../../ts-src/model/digest.ts';
import { portOf } from '../port.mjs';
import { debs, discard, resultOf, slipway, workspace } from './helpers.ts';
import { writeTiny } from './tiny.ts';

/** A vendor package that finds what it would download in SLIPWAY_FETCHED, in its build and in its tests. */
const vendor = {
  cmake: `
set(library $ENV{SLIPWAY_FETCHED}/data/library.txt)
execute_process(COMMAND touch $ENV{SLIPWAY_FETCHED}/data/more RESULT_VARIABLE refused ERROR_QUIET)
if(refused EQUAL 0)
  message(FATAL_ERROR "the files can be changed")
endif()
install(FILES \${library} DESTINATION share/vendor)
enable_testing()
add_test(NAME finds COMMAND grep -q "the library" \${library})
`,
};

let folder: string;
let server: Server;
let port: number;
beforeAll(async () => {
  folder = workspace('fetched');
  server = createServer((_, response) => response.end('the library\n'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  port = portOf(server);
});
afterAll(async () => {
  server.close();
  await discard(folder);
});

/** Writes distro.yaml with a file of this name and content at the server. */
const name = (path: string, content = 'the library\n'): void =>
  writeTiny(
    folder,
    { vendor },
    'package_settings:\n' +
      `  vendor: {fetch: [{url: "http://127.0.0.1:${port}/${path}", sha256: ${sha256(content)}, to: data/library.txt}]}\n` +
      'publish: {sources: true}\n',
  );

it('a build without network reads files that were downloaded before it, and is keyed by their content', async () => {
  name('one');
  const built = await slipway(['build', '--test'], folder);
  expect(built.code, built.stderr).toBe(0);
  expect(resultOf(folder).map((r) => [r.id.replace(/.*\//, ''), r.state])).toEqual([
    ['vendor', 'built'],
    ['vendor:test', 'passed'],
  ]);
  const deb = debs(folder).find((d) => d.includes('acme-tiny-vendor_')) ?? '';
  const read = (member: string) =>
    execFileSync('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" | tar -xO "$2"', 'sh', deb, member], { encoding: 'utf8' });
  expect(read('./opt/acme/tiny/share/vendor/library.txt')).toBe('the library\n');
  // The source package has what its build reads.
  const archives = execFileSync('find', [join(folder, 'out/apt'), '-name', 'acme-tiny-vendor_*.tar.gz'], {
    encoding: 'utf8',
  }).trim();
  expect(execFileSync('tar', ['-tf', archives], { encoding: 'utf8' })).toContain('/debian/fetched/data/library.txt\n');

  name('another');
  const elsewhere = await slipway(['build'], folder);
  expect(elsewhere.stderr).toContain('1 cached, 0 to do');

  await new Promise((resolve) => server.close(resolve));
  const again = await slipway(['build', '--rebuild', 'vendor'], folder);
  expect(again.code, again.stderr).toBe(0);

  name('another', 'the next library\n');
  const changed = await slipway(['build'], folder);
  expect(changed.code).toBe(1);
  expect(changed.stderr).toMatch(
    /failed tiny\/bookworm-amd64\/vendor.*can't fetch http:\/\/127\.0\.0\.1:\d+\/another: /,
  );
});
