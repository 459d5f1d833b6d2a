import { execFileSync, spawn, spawnSync } from 'node:child_process';
import {
  closeSync,
  mkdirSync,
  openSync,
  readFileSync,
  readdirSync,
  realpathSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { buildSync } from 'esbuild';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../ts-src/io/process.ts';
import { parseDistro } from '../../ts-src/read/distro.ts';
import { ensureBase } from '../../ts-src/sandbox/base-system.ts';
import type { Entry } from '../../ts-src/sandbox/driver.ts';
import { closeScratch, newScratch, openScratch } from '../../ts-src/sandbox/scratch.ts';
import { defaultLimits } from '../../ts-src/sandbox/limits.ts';
import { unshareDriver } from '../../ts-src/sandbox/unshare.ts';
import { discard, execute, processesIn, root, workspace } from './helpers.ts';
import { hearGroup, talk } from './loopback.ts';

describe('a root', () => {
  const folder = realpathSync(workspace('sandbox'));
  const state = join(folder, '.slipway');
  const driver = unshareDriver();
  let base = '';
  const platform = () => {
    const distro = parseDistro(
      'organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 1}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\n',
      'distro.yaml',
    );
    if (!distro.ok) throw new Error(distro.diagnostics[0]!.message);
    return distro.value.platforms.bookworm!;
  };
  beforeAll(async () => {
    await openScratch(state, driver);
    const made = await ensureBase({
      driver,
      state,
      distroRoot: folder,
      name: 'bookworm',
      platform: platform(),
      architecture: 'amd64',
      now: Date.now(),
      log: join(state, 'log'),
      progress: () => undefined,
    });
    if (!made.ok) throw new Error(made.diagnostics[0]!.message);
    base = made.value.root;
  });
  afterAll(async () => {
    await closeScratch(driver);
    await discard(folder);
  });

  const enter = (script: string, more: Partial<Entry> = {}): Promise<Outcome> => {
    const work = newScratch(state);
    const build = join(work, 'build');
    mkdirSync(build);
    return driver.enter({
      root: { layers: [base] },
      network: false,
      user: 'builder',
      work: join(work, 'root'),
      binds: [{ from: build, to: '/build' }],
      env: {},
      command: ['sh', '-c', script],
      ...more,
    });
  };

  it('lets the processes of a test communicate over IPv4 and IPv6, but with nobody else', async () => {
    const there = await enter(`${talk('127.0.0.1', 4711)} && ${talk('::1', 4712)} && echo spoken`, {
      network: 'loopback',
    });
    expect(there).toMatchObject({ code: 0, stdout: 'spoken\n' });
    expect((await enter(hearGroup, { network: 'loopback' })).stdout).toMatch(/^heard\n1\s+lo /);
    const none = await enter(talk('127.0.0.1', 4711));
    expect(none.code).not.toBe(0);
    const interfaces = await enter('cat /proc/net/dev', { network: 'loopback' });
    expect(interfaces.stdout.match(/^ *\w+:/gm)!.map((i) => i.trim())).toEqual(['lo:']);
  });

  /** Runs the driver in a separate program, so that its caller's state can be controlled and it can be killed. */
  const program = (script: string): string => {
    const source = join(folder, 'enter.ts');
    const file = join(folder, 'enter.cjs');
    writeFileSync(
      source,
      `import { unshareDriver } from '${root}/ts-src/sandbox/unshare.ts';
const [base, work, script] = process.argv.slice(2) as [string, string, string];
void unshareDriver()
  .enter({ root: { layers: [base] }, network: false, user: 'root', work, binds: [], env: {}, command: ['sh', '-c', script] })
  .then((o) => process.stdout.write(o.stdout + o.stderr));
`,
    );
    buildSync({
      entryPoints: [source],
      bundle: true,
      platform: 'node',
      loader: { '.sh': 'text', '.pl': 'text' },
      outfile: file,
    });
    return `exec node ${file} ${base} ${newScratch(state)} '${script.replaceAll("'", "'\\''")}'`;
  };

  it('of root has no way out: no mounts, namespaces, devices, kernel settings or files of the host', async () => {
    const canary = join(folder, 'canary');
    writeFileSync(canary, 'alive\n');
    const before = readFileSync('/proc/sys/kernel/core_pattern', 'utf8');
    const attempts = {
      chroot: 'mkdir -p /x; perl -e \'chroot "/x" or exit 1\'',
      mount: 'mount -t tmpfs none /mnt',
      remount: 'mount -o remount,rw /proc/sys',
      umount: 'umount /proc/sys',
      unshare: 'unshare --mount true',
      user: 'unshare --user --map-root-user true',
      mknod: 'mknod /tmp/disk b 8 0',
      sysctl: 'echo "|/bin/sh" > /proc/sys/kernel/core_pattern',
      sysrq: 'echo h > /proc/sysrq-trigger',
      init: 'ls /proc/1/root/proc/1/root/var/tmp/slipway-tests',
      canary: `cat ${canary}`,
      keyring: "perl -e 'exit(syscall(250, 0, -3, 0) < 0 ? 1 : 0)'",
      vsock: "perl -e 'socket(my $s, 40, 1, 0) or exit 1'",
      terminal: 'cat /dev/tty',
      device: 'chmod 622 /dev/full',
      log: "perl -e 'exit(syscall(103, 10, 0, 0) < 0 ? 1 : 0)'",
      cores: 'prlimit --core=0 --pid $$; ulimit -c 0; test "$(prlimit --core --raw --noheadings -oSOFT,HARD)" != "1 1"',
      pages: 'test -s /proc/kpagecount && head -c 8 /proc/kpagecount',
    };
    for (const user of ['root', 'builder'] as const) {
      const ran = await enter(
        Object.entries(attempts)
          .map(([name, script]) => `if (${script}) >/dev/null 2>&1; then echo ${name}; fi`)
          .join('\n'),
        { user },
      );
      expect(ran).toMatchObject({ code: 0, stdout: '' });
    }
    expect(readFileSync('/proc/sys/kernel/core_pattern', 'utf8')).toBe(before);
    expect(readFileSync(canary, 'utf8')).toBe('alive\n');
    expect((statSync('/dev/full').mode & 0o777).toString(8)).toBe('666');
    expect((await enter('echo x > /dev/null && head -c 1 /dev/urandom | wc -c')).stdout).toBe('1\n');
    // Root has the host's network for apt, so abstract names of local sockets are the host's.
    const local = 'perl -MSocket -e \'socket(my $s, AF_UNIX, SOCK_STREAM, 0) and print "local"\'';
    expect([(await enter(local)).stdout, (await enter(local, { network: true, user: 'root' })).stdout]).toEqual([
      'local',
      '',
    ]);
    const rights = await enter('grep -E "^(CapEff|CapBnd|NoNewPrivs|Seccomp):" /proc/self/status');
    expect(rights.stdout).toBe('CapEff:\t0000000000000000\nCapBnd:\t0000000000000000\nNoNewPrivs:\t1\nSeccomp:\t2\n');
  });

  it('whose layers hold links never writes through them on the host', async () => {
    for (const path of ['build', 'tmp', 'dev', 'proc', 'etc']) {
      const layer = join(folder, `layer-${path}`);
      const victim = join(folder, `victim-${path}`);
      mkdirSync(layer);
      mkdirSync(victim);
      const file = path === 'etc' ? 'resolv.conf' : 'file';
      writeFileSync(join(victim, file), '');
      execFileSync('ln', ['-s', victim, join(layer, path)]);
      const ran = await enter('true', { root: { layers: [layer, base] }, network: path === 'etc' });
      expect(ran.code).toBe(125);
      expect(ran.stderr).toContain(`/${path} of the root is a link`);
      expect([readdirSync(victim), statSync(victim).uid]).toEqual([[file], 0]);
    }
  });

  it("can't type into the terminal that slipway was started from, nor use its caller's descriptors", async () => {
    const typed = await execute('script', [
      '-qec',
      program(
        'perl -e \'for my $fd (0 .. 30) { open(my $t, "+<&=", $fd) or next; for my $c (split //, "echo typed\\n") { ioctl($t, 0x5412, my $x = $c) and print "typed" } } print open(my $t, "+<", "/dev/tty") ? "terminal" : "none", "\\n"\'',
      ),
      '/dev/null',
    ]);
    expect(typed.stdout.trim()).toBe('none');
    const secret = join(folder, 'secret');
    writeFileSync(secret, 'secret\n');
    const held = openSync(secret, 'r');
    try {
      const stdio: (number | 'pipe' | 'ignore')[] = ['ignore', 'pipe', 'pipe', ...Array<number>(30).fill(held)];
      const listed = spawnSync('sh', ['-c', program('ls -l /proc/self/fd; cat <&20 || :')], {
        stdio,
        encoding: 'utf8',
      });
      expect(listed.status).toBe(0);
      expect(listed.stdout).not.toContain('secret');
      expect(listed.stdout.match(/ -> /g)!.length).toBe(4);
    } finally {
      closeSync(held);
    }
  });

  it('leaves no process a second after slipway was killed, whatever user it runs as', async () => {
    for (const user of ['root', 'builder']) {
      const script =
        user === 'root' ? 'sleep 98761 & sleep 98761' : 'setpriv --reuid=2000 --clear-groups sleep 98761 & wait';
      const child = spawn('sh', ['-c', program(script)], { stdio: 'ignore' });
      for (let i = 0; i < 200 && processesIn('sleep 98761').filter((p) => p.startsWith('sleep')).length === 0; i++)
        await sleep(50);
      expect(processesIn('sleep 98761').some((p) => p.startsWith('sleep'))).toBe(true);
      child.kill('SIGKILL');
      await sleep(1000);
      expect(processesIn('98761')).toEqual([]);
    }
  });

  it('enforces its limits of processes, memory, files in memory and output', async () => {
    const small = { ...defaultLimits(), processes: 400, memory: 256 << 20, temporary: 32 << 20 };
    const whole = readFileSync('/proc/sys/kernel/pid_max', 'utf8');
    const bomb = await enter(
      "perl -e 'for (1 .. 2000) { my $p = fork; defined $p or exit 7; $p or do { sleep 100; exit } }'",
      { limits: small },
    );
    expect(bomb.code).toBe(7);
    expect(readFileSync('/proc/sys/kernel/pid_max', 'utf8')).toBe(whole);
    const hog = await enter('perl -e \'$x = "a" x (1 << 30); print "fits"\'', { limits: small });
    expect(hog.code).not.toBe(0);
    expect(hog.stdout).toBe('');
    for (const path of ['/tmp', '/dev/shm', '/var/tmp']) {
      const full = await enter(`head -c 64M /dev/zero > ${path}/x`, { limits: small });
      expect(full.stderr).toContain('No space left on device');
    }
    const log = join(folder, 'long.log');
    const ran = await enter('head -c 100M /dev/zero; echo end >&2', { log });
    expect(ran.code).toBe(0);
    expect(statSync(log).size).toBeLessThan((64 << 20) + 200);
    expect(readFileSync(log, 'latin1').trimEnd().split('\n').pop()).toContain('beyond 64 MiB, is left out');
  });

  /** Writes files, removes each, and closes it after a script did something to keep it alive. */
  const hiding = (keep: string): string =>
    `for (1 .. 4) { open my $f, "+>", "/build/x" or die; print $f "x" x (60 << 20); $f->flush; ${keep} close $f; ` +
    'unlink "/build/x" } sleep 60';
  /** sendmsg(2) with a descriptor. */
  const sending =
    'my $c = pack("QiiiI", 20, 1, 1, fileno $f, 0); my $d = "x"; my $v = pack("pQ", $d, 1); ' +
    'my $m = pack("QIxxxxPQPQIxxxx", 0, 0, $v, 1, $c, 24, 0); syscall(46, fileno $a, $m, 0) < 0 and die;';

  it('enforces its disk limit: large files, small files, and hidden files', async () => {
    const limits = { ...defaultLimits(), disk: 96 << 20, files: 2000 };
    const last = 'sleep 60';
    const large = `for i in 1 2 3; do head -c 60M /dev/zero > /build/$i; done; ${last}`;
    for (const script of [
      large,
      `mkdir /build/h && cd /build/h; ${large.replaceAll('/build', '/build/h').replace(last, `chmod 0 . ..; ${last}`)}`,
      `perl -e 'for (1 .. 3) { open $f[$_], ">", "/build/x" or die; unlink "/build/x"; print { $f[$_] } "x" x (60 << 20); $f[$_]->flush } sleep 60'`,
      // Mapped but not open; or in transit in a socket.
      `perl -e '${hiding('my $z = 0; syscall(9, $z, 4096, 1, 2, fileno $f, $z) == -1 and die;')}'`,
      `perl -MSocket -e 'socketpair(my $a, my $b, AF_UNIX, SOCK_DGRAM, 0); ${hiding(sending)}'`,
      `perl -e 'for (1 .. 6000) { open my $f, ">", "/build/$_" or die }'; ${last}`,
    ]) {
      const begun = Date.now();
      // Space that other processes free must not make a task's files count less.
      const room = script === large || script.includes('socketpair') ? '1G' : '1M';
      execFileSync('fallocate', ['-l', room, join(folder, 'ballast')]);
      spawn('sh', ['-c', 'sleep 0.3; rm "$0"', join(folder, 'ballast')]);
      expect((await enter(script, { limits })).exceeded, script).toBe('disk');
      expect(Date.now() - begun, script).toBeLessThan(30_000);
    }
    const one = await enter('head -c 97M /dev/zero > /build/x', { limits });
    expect([one.code === 0, one.exceeded]).toEqual([false, undefined]);
    const log = join(folder, 'short.log');
    await enter('head -c 1M /dev/zero', { log, limits: { ...limits, log: 1 << 16 } });
    expect(statSync(log).size).toBeLessThan((1 << 16) + 200);
    expect((await enter('head -c 90M /dev/zero > /build/x && sleep 3 && echo fits', { limits })).stdout).toBe('fits\n');
  });

  it.skipIf(process.getuid?.() !== 0)('of a full disk: making a base says so, and leaves nothing in /tmp', async () => {
    const disk = join(folder, 'full');
    mkdirSync(disk);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', disk]);
    try {
      const before = readdirSync('/tmp').filter((f) => f.startsWith('mmdebstrap.'));
      const made = await ensureBase({
        driver,
        state: join(disk, '.slipway'),
        distroRoot: folder,
        name: 'bookworm',
        platform: platform(),
        architecture: 'amd64',
        now: Date.now(),
        log: join(folder, 'full.log'),
        progress: () => undefined,
      });
      expect(made.ok).toBe(false);
      expect(made.diagnostics[0]?.message).toBe("the disk is full: the base of 'bookworm' could not be made");
      expect(readdirSync('/tmp').filter((f) => f.startsWith('mmdebstrap.'))).toEqual(before);
      expect(readdirSync(join(disk, '.slipway/bases/bookworm-amd64'))).toEqual(['lock']);
    } finally {
      execFileSync('umount', ['--lazy', disk]);
    }
  });
});
