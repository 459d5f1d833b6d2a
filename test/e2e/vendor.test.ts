import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { sha256 } from '../../ts-src/model/digest.ts';
import { portOf } from '../port.mjs';
import { discard, resultOf, slipway, workspace } from './helpers.ts';
import { writeTiny } from './tiny.ts';

const external = (source: string): string => `include(ExternalProject)
ExternalProject_Add(library ${source} CMAKE_ARGS -DCMAKE_INSTALL_PREFIX=<INSTALL_DIR>)
ExternalProject_Get_Property(library INSTALL_DIR)
install(DIRECTORY \${INSTALL_DIR}/share/ DESTINATION share/\${PROJECT_NAME})
`;

/** The forms in which vendor packages build a library that they download, as docs/ros2.md changes them. */
const forms = {
  archive: external('URL $ENV{SLIPWAY_FETCHED}/library.tar.gz'),
  content_copied: external(
    'URL $ENV{SLIPWAY_FETCHED}/library PATCH_COMMAND ${CMAKE_COMMAND} -E touch <SOURCE_DIR>/patched',
  ),
  content_in_place: external('SOURCE_DIR $ENV{SLIPWAY_FETCHED}/library'),
  // Unchanged: its cmake_args name the folder.
  content: `include(FetchContent)
FetchContent_Declare(library URL https://127.0.0.1:9/library.tar.gz)
FetchContent_MakeAvailable(library)
`,
};

let folder: string;
let server: Server;
beforeAll(() => (folder = workspace('vendor')));
afterAll(async () => {
  server.close();
  await discard(folder);
});

it('each form of a vendor package builds from an archive that was downloaded before', async () => {
  const library = join(folder, 'library-1.2');
  mkdirSync(library);
  writeFileSync(
    join(library, 'CMakeLists.txt'),
    'cmake_minimum_required(VERSION 3.18)\nproject(library NONE)\ninstall(FILES api.h DESTINATION share/${CMAKE_PROJECT_NAME})\n',
  );
  writeFileSync(join(library, 'api.h'), '\n');
  execFileSync('tar', ['-czf', join(folder, 'archive'), '-C', folder, 'library-1.2']);
  const archive = readFileSync(join(folder, 'archive'));
  server = createServer((_, response) => response.end(archive));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const file = `url: "http://127.0.0.1:${portOf(server)}/1.2", sha256: ${sha256(archive)}`;
  writeTiny(
    folder,
    Object.fromEntries(Object.entries(forms).map(([name, cmake]) => [name, { cmake }])),
    `package_settings:
  archive: {fetch: [{${file}, to: library.tar.gz}]}
  "content*": {fetch: [{${file}, to: library, unpack: true}]}
  content: {cmake_args: [-DFETCHCONTENT_SOURCE_DIR_LIBRARY=/slipway/fetched/library]}
publish: {sources: true}
`,
  );
  const built = await slipway(['build'], folder);
  expect(built.code, built.stderr).toBe(0);
  expect(resultOf(folder).map((r) => [r.name, r.state])).toEqual(
    Object.keys(forms)
      .sort()
      .map((name) => [name, 'built']),
  );
  const inside = execFileSync(
    'sh',
    ['-c', 'for f in $(find "$1/out/apt" -name "acme-tiny-*.deb"); do dpkg-deb -c "$f"; done', 'sh', folder],
    { encoding: 'utf8' },
  );
  expect(inside.match(/\/api\.h$/gm)).toHaveLength(4);
  const source = execFileSync('find', [join(folder, 'out/apt'), '-name', 'acme-tiny-content-copied_*.tar.gz'], {
    encoding: 'utf8',
  }).trim();
  expect(execFileSync('tar', ['-tf', source], { encoding: 'utf8' })).toContain('/debian/fetched/library/api.h\n');
});
