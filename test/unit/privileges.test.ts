import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { unshareDriver } from '../../ts-src/sandbox/unshare.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-privileges-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Copies this machine's shell and cat with their libraries: a root that is made at once. */
const copyPrograms = `mkdir -p "$1/bin" "$1/usr/bin" "$1/proc" "$1/dev" "$1/tmp"
for name in sh cat perl; do
  file=$(readlink -f "$(command -v "$name")")
  cp "$file" "$1/bin/$name"
  cp "$file" "$1/usr/bin/$name"
  for library in $(ldd "$file" | grep -o '/[^ ]*'); do
    mkdir -p "$1$(dirname "$library")"
    cp -L "$library" "$1$library"
  done
done`;

// Another user needs subordinate ids.
describe.runIf(process.getuid?.() === 0)('a build', () => {
  it('is the first program of its root that runs: packages may have put others in place of the system', async () => {
    const at = (name: string) => join(folder, name);
    const [base, own, build, log] = [at('base'), at('own'), at('build'), at('log')];
    execFileSync('sh', ['-euc', copyPrograms, 'sh', base]);
    for (const place of ['usr/local/sbin', 'usr/local/bin', 'usr/sbin', 'usr/bin', 'sbin', 'bin']) {
      mkdirSync(join(own, place), { recursive: true });
      for (const name of ['setpriv', 'env', 'mount', 'chown', 'ip', 'perl', 'unshare', 'setsid'])
        writeFileSync(join(own, place, name), '#!/bin/sh\ncat /proc/self/status\n', { mode: 0o755 });
    }
    mkdirSync(build);
    const outcome = await unshareDriver().enter({
      root: { layers: [own, base] },
      network: 'loopback',
      user: 'builder',
      work: join(folder, 'work'),
      binds: [{ from: build, to: '/build' }],
      env: {},
      log: log,
      command: ['sh', '-c', 'echo begun; cat /proc/self/status'],
    });
    const lines = readFileSync(log, 'utf8')
      .replace(/[ \t]+/g, ' ')
      .split('\n');
    expect(outcome.code, lines.join('\n')).toBe(0);
    expect(lines[0]).toBe('begun');
    const none = ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'].map((set) => `Cap${set}: 0000000000000000`);
    expect(
      lines.filter((line) => /^(Uid|Gid|Groups|Cap\w+|NoNewPrivs):/.test(line)).map((line) => line.trim()),
    ).toEqual(['Uid: 2000 2000 2000 2000', 'Gid: 2000 2000 2000 2000', 'Groups:', ...none, 'NoNewPrivs: 1']);
  });

  it('takes nothing from others that the kernel counts for the whole machine: terminals, asynchronous I/O', async () => {
    const at = (name: string) => join(folder, 'counted', name);
    execFileSync('sh', ['-euc', copyPrograms, 'sh', at('base')]);
    mkdirSync(at('build'));
    // io_setup(2) takes the number of requests, and where to put the context.
    const script = `my @held;
while (@held < 900) { open(my $terminal, '+<', '/dev/ptmx') or last; push @held, $terminal }
my $context = pack 'Q', 0;
print @held + 0, ' ', syscall($ARGV[0], 1, $context), "\\n"`;
    const log = at('log');
    const outcome = await unshareDriver().enter({
      root: { layers: [at('base')] },
      network: false,
      user: 'builder',
      work: at('work'),
      binds: [{ from: at('build'), to: '/build' }],
      env: {},
      log,
      command: ['perl', '-e', script, process.arch === 'x64' ? '206' : '0'],
    });
    expect(outcome.code, readFileSync(log, 'utf8')).toBe(0);
    expect(readFileSync(log, 'utf8')).toBe('256 -1\n');
  });
});
