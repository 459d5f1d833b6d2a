import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { discard, example, installAndRun, mountsUnder, processesIn, slipway, start, states } from './helpers.ts';
import { resultsIn } from '../results.ts';

describe('a build that is killed', () => {
  it('continues where it was, leaves no mounts and no processes', async () => {
    const folder = example('killed');
    try {
      const child = start(['build', '--distribution', 'mini', '-w', '1'], folder);
      let text = '';
      child.stderr!.on('data', (d: Buffer) => {
        text += d.toString();
      });
      while (!/built mini\/bookworm-amd64\/ament_cmake_core/.test(text) && child.exitCode === null) await sleep(50);
      await sleep(700);
      child.kill('SIGKILL');
      await child.ended;
      await sleep(500);
      expect(processesIn(folder)).toEqual([]);
      expect(mountsUnder(folder)).toEqual([]);
      const ran = await slipway(['build', '--distribution', 'mini'], folder);
      expect(ran.code, ran.stderr).toBe(0);
      expect(states(folder)).toMatchObject({
        ament_package: 'cached',
        ament_cmake_core: 'cached',
        acme_drive: 'built',
      });
      expect(readdirSync(join(folder, '.slipway/work')).filter((f) => !f.endsWith('.lock'))).toEqual([]);
    } finally {
      await discard(folder);
    }
  });

  it('by Ctrl-C reports what it keeps and exits with 1', async () => {
    const folder = example('stopped');
    try {
      const child = start(['build', '--distribution', 'mini', '-w', '1'], folder);
      let text = '';
      child.stderr!.on('data', (d: Buffer) => {
        text += d.toString();
      });
      while (!/building mini\/bookworm-amd64\/ament_cmake_core/.test(text) && child.exitCode === null) await sleep(50);
      child.kill('SIGINT');
      expect(await child.ended).toBe(1);
      expect(text).toContain('stopping: what was finished is kept');
      expect(processesIn(folder)).toEqual([]);
      expect(readdirSync(join(folder, '.slipway/work')).filter((f) => !f.endsWith('.lock'))).toEqual([]);
    } finally {
      await discard(folder);
    }
  });
});

it('a package whose build hangs is stopped at its time limit; an output folder with a space in its name works as a repository', async () => {
  const folder = example('limits');
  try {
    const output = join(folder, 'out put');
    appendFileSync(
      join(folder, 'repositories/robot/acme_math/CMakeLists.txt'),
      '\nexecute_process(COMMAND sleep 1000)\n',
    );
    execFileSync('git', ['-c', 'user.name=a', '-c', 'user.email=a@b.org', 'commit', '-qam', 'hang'], {
      cwd: join(folder, 'repositories/robot'),
    });
    const ran = await slipway(['build', '--distribution', 'mini', '--timeout', '20s', '--output', output], folder);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('it did not end in 20 seconds, and was stopped (--timeout gives it longer)');
    expect(processesIn(folder)).toEqual([]);
    expect(ran.stdout).toContain('Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n ');
    const installed = await installAndRun(
      'bookworm',
      ran.stdout,
      ['acme-mini-acme-teleop'],
      '. /opt/acme/mini/setup.sh\n/opt/acme/mini/lib/acme_teleop/teleop 0.5\n',
    );
    expect(installed.stdout, installed.stderr).toContain('linear: 0.5');
  } finally {
    await discard(folder);
  }
});

it('two builds in one folder share the work without damage', async () => {
  const folder = example('two');
  try {
    const [a, b] = [
      start(['build', '--distribution', 'mini', '--output', join(folder, 'a')], folder),
      start(['build', '--distribution', 'mini', '--output', join(folder, 'b')], folder),
    ];
    a.stderr!.resume();
    b.stderr!.resume();
    expect(await Promise.all([a.ended, b.ended])).toEqual([0, 0]);
    const of = (o: string) => resultsIn(join(folder, o, 'result.json'));
    const built = [...of('a'), ...of('b')]
      .filter((r) => r.state === 'built')
      .map((r) => r.name)
      .sort();
    expect(built).toEqual([...new Set(built)]);
    expect(built.length).toBe(8);
  } finally {
    await discard(folder);
  }
});

it('a full disk fails with a clear message, and the next run continues', async () => {
  const folder = example('full');
  const disk = join(folder, 'disk');
  mkdirSync(disk);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=36k', 'tmpfs', disk]);
  try {
    writeFileSync(
      join(folder, 'distro.yaml'),
      `${readFileSync(join(folder, 'distro.yaml'), 'utf8')}store: file:disk/store\n`,
    );
    const ran = await slipway(['build', '--distribution', 'mini'], folder);
    expect(ran.code).toBe(1);
    expect(ran.stderr).toContain('the disk is full: free some space (`slipway clean`');
    execFileSync('mount', ['-o', 'remount,size=64m', disk]);
    const again = await slipway(['build', '--distribution', 'mini'], folder);
    expect(again.code, again.stderr).toBe(0);
    expect(Object.values(states(folder))).toContain('cached');
  } finally {
    execFileSync('umount', ['-l', disk]);
    await discard(folder);
  }
});
