import { mkdirSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Outcome } from '../../ts-src/io/process.ts';
import { parseDistro } from '../../ts-src/read/distro.ts';
import { ensureBase } from '../../ts-src/sandbox/base-system.ts';
import type { Entry } from '../../ts-src/sandbox/driver.ts';
import { closeScratch, newScratch, openScratch } from '../../ts-src/sandbox/scratch.ts';
import { unshareDriver } from '../../ts-src/sandbox/unshare.ts';
import { discard, workspace } from './helpers.ts';

describe('a root', () => {
  const folder = realpathSync(workspace('sandbox'));
  const state = join(folder, '.slipway');
  const driver = unshareDriver();
  let base = '';
  beforeAll(async () => {
    await openScratch(state, driver);
    const distro = parseDistro(
      'organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 1}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\n',
      'distro.yaml',
    );
    if (!distro.ok) throw new Error(distro.diagnostics[0]!.message);
    const made = await ensureBase(
      driver,
      state,
      folder,
      'bookworm',
      distro.value.platforms.bookworm!,
      'amd64',
      Date.now(),
      join(state, 'log'),
      () => undefined,
    );
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

  it('lets the processes of a test speak to each other, over IPv4 and IPv6, and to nobody else', async () => {
    const talk = (address: string, port: number) =>
      `perl -MIO::Socket::IP -e 'alarm 10; $s = IO::Socket::IP->new(LocalHost => "${address}", LocalPort => ${port}, Listen => 1) or die "bind: $@"; if (!fork) { IO::Socket::IP->new(PeerHost => "${address}", PeerPort => ${port}) or die "connect: $@"; exit } $s->accept or die; wait; exit $? >> 8'`;
    const there = await enter(`${talk('127.0.0.1', 4711)} && ${talk('::1', 4712)} && echo spoken`, {
      network: 'loopback',
    });
    expect(there).toMatchObject({ code: 0, stdout: 'spoken\n' });
    const none = await enter(talk('127.0.0.1', 4711));
    expect(none.code).not.toBe(0);
    const interfaces = await enter('cat /proc/net/dev', { network: 'loopback' });
    expect(interfaces.stdout.match(/^ *\w+:/gm)!.map((i) => i.trim())).toEqual(['lo:']);
  });
});
