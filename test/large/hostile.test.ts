import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { debs, discard, resultOf, slipway, workspace } from '../e2e/helpers.ts';

/** What a package's code does while it is configured or installed, and the reason that its failure must give. */
const attacks: Record<string, { configure?: string; install?: string; reason: RegExp }> = {
  foreign: { configure: 'echo x > /build/bash_99_amd64.deb', reason: /bash_99_amd64\.deb, which was not planned/ },
  foreign_link: { configure: 'ln -s /etc/shadow /build/x.deb', reason: /x\.deb, which was not planned/ },
  foreign_fifo: { configure: 'mkfifo /build/y.deb', reason: /y\.deb, which was not planned/ },
  fifo: { install: 'mkfifo "$1/fifo"', reason: /fifo is neither a file, a folder nor a link/ },
  host_link: { install: 'ln -s /etc/shadow "$1/link"', reason: /is a link to '\/etc\/shadow'/ },
  way_out: { install: 'ln -s ../../../../../../etc/shadow "$1/link"', reason: /leads out of the root/ },
  escape: { install: 'touch "$1/$(printf "a\\\\033b")"', reason: /a\\u001bb has a name with control characters/ },
};

it('a package that leaves something hostile fails alone, and says why', async () => {
  const folder = workspace('hostile');
  try {
    writeFileSync(
      join(folder, 'distro.yaml'),
      'organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 1}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\nrosdep: [rosdep.yaml]\n',
    );
    writeFileSync(join(folder, 'rosdep.yaml'), 'cmake: {debian: [cmake]}\n');
    const shadow = readFileSync('/etc/shadow', 'utf8');
    for (const [name, { configure = 'true', install = 'true' }] of [
      ...Object.entries(attacks),
      ['good', {}] as [string, { configure?: string; install?: string }],
    ]) {
      const source = join(folder, 'src', name);
      mkdirSync(source, { recursive: true });
      writeFileSync(
        join(source, 'package.xml'),
        `<package format="2"><name>${name}</name><version>1.0.0</version><description>d</description><maintainer email="a@b.org">a</maintainer><license>BSD</license><buildtool_depend>cmake</buildtool_depend><export><build_type>cmake</build_type></export></package>\n`,
      );
      writeFileSync(join(source, 'configure.sh'), `${configure}\n`);
      writeFileSync(join(source, 'install.sh'), `mkdir -p "$1"; echo text > "$1/text"; ${install}\n`);
      writeFileSync(
        join(source, 'CMakeLists.txt'),
        `cmake_minimum_required(VERSION 3.10)\nproject(${name} NONE)\nexecute_process(COMMAND sh \${CMAKE_SOURCE_DIR}/configure.sh)\ninstall(CODE "execute_process(COMMAND sh \${CMAKE_SOURCE_DIR}/install.sh \\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/share/${name})")\n`,
      );
    }
    const begun = Date.now();
    const ran = await slipway(['build', '--timeout', '10m'], folder);
    expect(ran.code, ran.stderr).toBe(1);
    expect(Date.now() - begun).toBeLessThan(30 * 60_000);
    const results = new Map(
      resultOf(folder)
        .filter((r) => !r.id.endsWith(':test'))
        .map((r) => [r.name, r]),
    );
    expect(results.get('good')?.state).toBe('built');
    for (const [name, { reason }] of Object.entries(attacks)) {
      expect([name, results.get(name)?.state]).toEqual([name, 'failed']);
      expect(results.get(name)?.reason).toMatch(reason);
    }
    expect(debs(folder).map((d) => d.replace(/.*\//, '').replace(/_.*/, ''))).toEqual(['acme-d-good']);
    expect(readFileSync('/etc/shadow', 'utf8')).toBe(shadow);
  } finally {
    await discard(folder);
  }
});
