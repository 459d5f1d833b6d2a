import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { debs as allDebs, discard, resultOf, slipway, workspace } from './helpers.ts';
import { at } from '../../ts-src/model/lists.ts';

/**
 * Actions in each package's CMakeLists.txt besides installing a file, and the reason why it is refused; undefined if it
 * is not.
 */
const packages: Record<string, { cmake: string; reason?: RegExp }> = {
  honest: { cmake: '' },
  // Edits what it can reach, which must not include trusted files.
  forger: {
    cmake:
      'file(WRITE debian/postinst "#!/bin/sh\\ntouch /owned\\n")\n' +
      'file(WRITE debian/slipway.sh "exit 0")\n' +
      'file(WRITE /build/bash_99.deb "a foreign package")\n' +
      'file(WRITE /build/out/package.deb "a foreign package")\n' +
      'file(WRITE /build/acme-d-forger_1.0.0_amd64.deb "a foreign package")\n' +
      'execute_process(COMMAND sh -c "echo exit 0 > /slipway/pack.sh || echo touch /owned > /slipway/pack.env" ' +
      'RESULT_VARIABLE code)\nif(code EQUAL 0)\nmessage(FATAL_ERROR "the recipe can be written")\nendif()\n',
  },
  setuid: {
    cmake: 'install(FILES text DESTINATION bin RENAME su PERMISSIONS OWNER_READ OWNER_EXECUTE SETUID)\n',
    reason: /\/opt\/acme\/d\/bin\/su has a set-user-id/,
  },
  linker: {
    cmake: 'install(CODE "file(CREATE_LINK /etc/shadow \\$ENV{DESTDIR}/opt/acme/d/share/shadow SYMBOLIC)")\n',
    reason: /\/opt\/acme\/d\/share\/shadow is a link to \/etc\/shadow/,
  },
  outside: {
    cmake: 'install(FILES text DESTINATION /etc/sudoers.d)\n',
    reason: /\/etc\/sudoers\.d\/text is outside the prefix \/opt\/acme\/d/,
  },
  piped: {
    cmake: 'install(CODE "execute_process(COMMAND mkfifo \\$ENV{DESTDIR}/opt/acme/d/share/pipe)")\n',
    reason: /\/opt\/acme\/d\/share\/pipe is a FIFO/,
  },
  broken_line: {
    cmake: 'install(CODE "file(WRITE \\"\\$ENV{DESTDIR}/opt/acme/d/share/a\\nb\\" x)")\n',
    reason: /share\/a\\nb has control characters/,
  },
  // Replaces the tree to be packed by a symlink to the root.
  swapped: {
    cmake: 'install(CODE "execute_process(COMMAND sh -c \\"rm -rf /build/stage; ln -s / /build/stage\\")")\n',
    reason: /ended with|no folder/,
  },
};

/** Published packages, without Slipway's own package of the distribution. */
const debs = (folder: string): string[] => allDebs(folder).filter((f) => !f.includes('/acme-d-environment_'));

let folder: string;
beforeAll(() => {
  folder = workspace('hostile');
  writeFileSync(
    join(folder, 'distro.yaml'),
    'organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 1}}\n' +
      'platforms: {bookworm: {os: debian, release: bookworm}}\nrosdep: [rosdep.yaml]\n',
  );
  writeFileSync(join(folder, 'rosdep.yaml'), 'cmake: {debian: [cmake]}\n');
  for (const [name, { cmake }] of Object.entries(packages)) {
    const source = join(folder, 'src', name);
    mkdirSync(source, { recursive: true });
    writeFileSync(
      join(source, 'package.xml'),
      `<package format="2"><name>${name}</name><version>1.0.0</version><description>d</description>` +
        `<maintainer email="a@b.org">a</maintainer><license>BSD</license><export><build_type>cmake</build_type></export></package>\n`,
    );
    writeFileSync(join(source, 'text'), `${name}\n`);
    writeFileSync(
      join(source, 'CMakeLists.txt'),
      `cmake_minimum_required(VERSION 3.10)\nproject(${name} NONE)\ninstall(FILES text DESTINATION share/${name})\n${cmake}`,
    );
  }
});
afterAll(() => discard(folder));

it('packages that reach outside of their prefix fail with path and reason; nothing foreign is published', async () => {
  const ran = await slipway(['build'], folder);
  expect(ran.code, ran.stderr).toBe(1);
  for (const [name, { reason }] of Object.entries(packages)) {
    const result = resultOf(folder).find((r) => r.name === name);
    expect(result, name).toMatchObject({ state: reason ? 'failed' : 'built' });
    if (reason) expect(result?.reason).toMatch(reason);
  }
  const published = debs(folder).map((f) => f.replace(/^.*\//, '').replace(/_.*/, ''));
  expect(published).toEqual(['acme-d-forger', 'acme-d-honest']);
  for (const file of debs(folder)) {
    const control = execFileSync('sh', ['-c', 'dpkg-deb --ctrl-tarfile "$1" | tar -t', 'sh', file], {
      encoding: 'utf8',
    });
    expect(control).toBe('./\n./control\n./md5sums\n');
    const name = at(/acme-d-(\w+)_/.exec(file)!, 1);
    const text = execFileSync('sh', [
      '-c',
      `dpkg-deb --fsys-tarfile "$1" | tar -xO ./opt/acme/d/share/${name}/text`,
      'sh',
      file,
    ]);
    expect(text.toString()).toBe(`${name}\n`);
  }
  expect(readFileSync(join(folder, 'out/report.html'), 'utf8')).toContain('swapped');
});
