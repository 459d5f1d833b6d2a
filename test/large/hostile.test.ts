import { execFileSync } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { debs, discard, processesIn, resultOf, type Ran } from '../e2e/helpers.ts';
import { asPlainUser, asRoot, withDocker, type Attacked } from './hostile-modes.ts';

/** An action of a package's code during configuration or installation, and the expected reason of its failure. */
interface Attack {
  configure?: string;
  install?: string;
  /** Undefined: the package is built, and the attempt has no effect. */
  reason?: RegExp;
}

const canary = '/var/tmp/slipway-canary';
/** Places of the host that a package would try to write to. */
const places = [
  '/etc/passwd',
  '/etc/shadow',
  '/etc/sudoers.d',
  '/etc/cron.d',
  '/etc/profile.d',
  '/root/.ssh',
  '/usr/local/bin',
];
const attacks: Record<string, Attack> = {
  foreign: { configure: 'echo x > /build/bash_99_amd64.deb; ln -s /etc/shadow /build/x.deb; mkfifo /build/y.deb' },
  forger: {
    configure: 'for f in /slipway/*; do ! echo exit > "$f" || exit 1; done; mkdir -p debian; touch debian/postinst',
  },
  fifo: { install: 'mkfifo "$1/fifo"', reason: /fifo is a FIFO/ },
  socket: {
    install: 'perl -MIO::Socket::UNIX -e "IO::Socket::UNIX->new(Listen => 1, Local => shift) or die" "$1/s"',
    reason: /\/s is a socket/,
  },
  setuid: { install: 'cp /bin/true "$1/su"; chmod 6755 "$1/su"', reason: /su has a set-user-id or set-group-id/ },
  host_link: { install: 'ln -s /etc/shadow "$1/link"', reason: /is a link to \/etc\/shadow, outside/ },
  way_out: { install: 'ln -s ../../../../../../etc/shadow "$1/link"', reason: /outside of the package/ },
  escape: { install: 'touch "$1/$(printf "a\\033b")"', reason: /a\\u001bb has control characters/ },
  newline: { install: 'touch "$1/$(printf "a\\nb")"', reason: /a\\nb has control characters/ },
  sparse: { install: 'truncate -s 17G "$1/sparse"', reason: /installs more than 16 GiB/ },
  too_long: { install: 'truncate -s 2T "$1/sparse"' },
  outside: {
    install: 'mkdir -p "$DESTDIR/etc/sudoers.d"; echo x > "$DESTDIR/etc/sudoers.d/x"',
    reason: /\/etc.* is outside the prefix/,
  },
  control: {
    install: 'mkdir -p "$DESTDIR/DEBIAN"; echo x > "$DESTDIR/DEBIAN/postinst"',
    reason: /\/DEBIAN.* is outside the prefix/,
  },
  // Names of folders that a build has beside the source.
  stage: {},
  obj: {},
  home: {},
  results: {},
  swapped: { install: 'rm -rf /build/stage; ln -s / /build/stage', reason: /ended with|no folder/ },
  disk: {
    configure:
      'i=0; while [ $i -lt 40 ]; do head -c 32M /dev/zero > /build/$i; i=$((i + 1)); sleep 0.2; done; sleep 30',
    reason: /wrote more to the disk than a task may/,
  },
  bomb: {
    configure: "perl -e 'fork while 1' & sleep 3; exit 1",
    reason: /ended with|more processes|did not end in 2 minutes/,
  },
  daemon: {
    configure: 'setsid sh -c "while :; do touch /build/stage/late; done" >/dev/null 2>&1 &',
    reason: /\/late is outside the prefix|ended with/,
  },
  // Interfaces of the kernel and the machine: access is refused, or shows nothing of the host.
  kernel: {
    configure: [
      `test ! -e ${canary}/secret`,
      `! cat ${canary}/secret`,
      `! echo x > ${canary}/written`,
      `! cat /proc/1/root${canary}/secret`,
      '! unshare -U true',
      '! mount -t tmpfs tmpfs /mnt',
      '! mknod /build/disk b 8 0',
      '! echo 1 > /proc/sys/kernel/panic',
      '! cat /proc/kcore',
      "! perl -e 'syscall(425, 8, my $p = chr(0) x 120) < 0 and exit 1'",
      "! perl -e 'syscall(250, 0, -3, 0) < 0 and exit 1'",
      '! perl -MIO::Socket::INET -e \'IO::Socket::INET->new(PeerAddr => "127.0.0.1", PeerPort => PORT, Timeout => 3) or exit 1\'',
      '! perl -MSocket -e \'socket(S, AF_UNIX, SOCK_STREAM, 0); connect(S, pack("Sa*", 1, "\\0slipway-canary")) or exit 1\'',
      "! sh -c 'for d in /dev/sda /dev/vda /dev/mem /dev/kvm /dev/fuse; do test -e $d && exit 0; done; exit 1'",
      'test "$(ls /proc | grep -c "^[0-9]")" -lt 30',
    ]
      .map((c) => `${c} || { echo "LEAK: ${c.replace(/[^A-Za-z0-9 /_.-]/g, ' ')}"; exit 1; }`)
      .join('\n'),
  },
  noise: { configure: 'printf "\\033]0;owned\\007\\033[2J\\n"; head -c 80M /dev/zero | tr "\\0" x' },
};

/** Published packages, without Slipway's own package of the distribution. */
const published = (folder: string): string[] => debs(folder).filter((d) => !d.includes('/acme-d-environment_'));

/** All files of a tree: kind, mode, owner, size and time. */
const listing = (folder: string): string =>
  execFileSync('find', [folder, '-xdev', '-printf', '%p %y %m %U %G %s %T@ %l\n'], {
    encoding: 'utf8',
    maxBuffer: 1 << 28,
  })
    .split('\n')
    .sort()
    .join('\n');

const xml = (name: string): string =>
  `<package format="2"><name>${name}</name><version>1.0.0</version><description>d</description>` +
  '<maintainer email="a@b.org">a</maintainer><license>BSD</license><buildtool_depend>cmake</buildtool_depend>' +
  '<export><build_type>cmake</build_type></export></package>\n';

function write(folder: string, name: string, { configure = 'true', install = 'true' }: Attack): void {
  const source = join(folder, 'src', name);
  mkdirSync(source, { recursive: true });
  writeFileSync(join(source, 'package.xml'), xml(name));
  writeFileSync(join(source, 'configure.sh'), `${configure}\n`);
  writeFileSync(join(source, 'install.sh'), `mkdir -p "$1"; echo text > "$1/text"; ${install}\n`);
  writeFileSync(
    join(source, 'CMakeLists.txt'),
    `cmake_minimum_required(VERSION 3.10)\nproject(${name} NONE)\n` +
      'execute_process(COMMAND sh ${CMAKE_SOURCE_DIR}/configure.sh RESULT_VARIABLE code)\n' +
      'if(NOT code EQUAL 0)\nmessage(FATAL_ERROR "configure.sh: ${code}")\nendif()\n' +
      `install(CODE "execute_process(COMMAND sh \${CMAKE_SOURCE_DIR}/install.sh \\$ENV{DESTDIR}\${CMAKE_INSTALL_PREFIX}/share/${name})")\n`,
  );
}

/** `SLIPWAY_HOSTILE`: runs only one of these. */
const modes: Record<string, () => Promise<Attacked>> = { root: asRoot, plain: asPlainUser, docker: withDocker };
const chosen = Object.keys(modes).filter((mode) => [undefined, '', mode].includes(process.env.SLIPWAY_HOSTILE));

it.each(chosen)(
  'hostile packages (%s) fail alone with their reason; nothing outside is read or written, nothing foreign published',
  (mode) => attack(modes[mode] ?? asRoot),
);

async function attack(begin: () => Promise<Attacked>): Promise<void> {
  const attacked = await begin();
  const { folder } = attacked;
  rmSync(canary, { recursive: true, force: true });
  mkdirSync(canary, { recursive: true });
  writeFileSync(join(canary, 'secret'), 'of the host');
  const service = createServer((socket) => socket.end('of the host'));
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const abstract = createServer();
  await new Promise<void>((resolve) => abstract.listen('\0slipway-canary', resolve));
  try {
    const address = service.address();
    const port = String(typeof address === 'object' ? address?.port : 0);
    writeFileSync(
      join(folder, 'distro.yaml'),
      'organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 1}}\n' +
        'platforms: {bookworm: {os: debian, release: bookworm}}\nrosdep: [rosdep.yaml]\n' +
        'package_settings: {sparse: {limits: {disk: 30G}}, disk: {limits: {disk: 256M}}, bomb: {limits: {processes: 300, minutes: 2}}}\n',
    );
    writeFileSync(join(folder, 'rosdep.yaml'), 'cmake: {debian: [cmake]}\n');
    const all: Record<string, Attack> = { ...attacks, good: {} };
    for (const [name, { configure = 'true', ...more }] of Object.entries(all))
      write(folder, name, { ...more, configure: configure.replaceAll('PORT', port) });
    const watched = [canary, ...places].filter((f) => existsSync(f));
    const before = watched.map(listing);
    const begun = Date.now();
    attacked.own();
    const ran: Ran = await attacked.slipway('build', '--timeout', '10m');
    expect(ran.code, ran.stderr).toBe(1);
    expect(Date.now() - begun).toBeLessThan(30 * 60_000);
    const results = new Map(resultOf(folder).flatMap((r) => (r.id.endsWith(':test') ? [] : [[r.name, r] as const])));
    for (const [name, { reason }] of Object.entries(all)) {
      const result = results.get(name);
      expect([name, result?.state, reason ? '' : result?.reason], result?.reason).toEqual([
        name,
        reason ? 'failed' : 'built',
        reason ? '' : expect.anything(),
      ]);
      if (reason) expect(result?.reason, name).toMatch(reason);
    }
    const honest = Object.entries(all).flatMap(([n, a]) => (a.reason ? [] : [n]));
    expect(published(folder).map((d) => d.replace(/.*\/acme-d-/, '').replace(/_.*/, ''))).toEqual(
      honest.map((n) => n.replaceAll('_', '-')).sort(),
    );
    for (const file of published(folder)) {
      const name = /acme-d-([a-z-]+)_/.exec(file)?.[1]?.replaceAll('-', '_');
      expect(execFileSync('dpkg-deb', ['-c', file], { encoding: 'utf8' })).toContain(`/share/${name}/text`);
      expect(execFileSync('dpkg-deb', ['-c', file], { encoding: 'utf8' })).not.toMatch(/^[^d-]|late|-> \/etc/m);
    }
    expect(watched.map(listing)).toEqual(before);
    expect(readdirSync(canary)).toEqual(['secret']);
    expect(ran.stderr + ran.stdout).not.toMatch(/\u001b\]0;owned/);
    expect(processesIn(join(folder, '.slipway/work'))).toEqual([]);
    expect(lstatSync('/etc/shadow').isFile()).toBe(true);
  } finally {
    service.close();
    abstract.close();
    rmSync(canary, { recursive: true, force: true });
    await attacked.end();
    await discard(folder);
  }
}
