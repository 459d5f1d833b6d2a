import { statfsSync } from 'node:fs';
import { totalmem } from 'node:os';
import { expect, it } from 'vitest';
import { writtenLimits } from '../../ts-src/cli/run-options.ts';
import { sizeOf, sizeText } from '../../ts-src/model/sizes.ts';
import { settingsFinder } from '../../ts-src/plan/settings.ts';
import { parseDistro } from '../../ts-src/read/distro.ts';
import { reasonOf } from '../../ts-src/engine/build/environment.ts';
import type { Driver, Entry } from '../../ts-src/sandbox/driver.ts';
import { enterToInstall, whyEnded } from '../../ts-src/sandbox/install-entry.ts';
import { installLimits, taskLimits } from '../../ts-src/sandbox/limits.ts';
import { unshareDriver } from '../../ts-src/sandbox/unshare.ts';

it('sizes are parsed in common notations, and formatted', () => {
  expect(['800M', '1.5G', '64GiB', '2KB', '1024', '1t'].map(sizeOf)).toEqual([
    800 * 2 ** 20,
    1.5 * 2 ** 30,
    64 * 2 ** 30,
    2048,
    1024,
    2 ** 40,
  ]);
  for (const text of ['', '0', '-1', '1X', 'G', '1 G', '1e9', '99999999T', '0.0001K'])
    expect(sizeOf(text), text).toBeUndefined();
  expect([1, 2048, 1.5 * 2 ** 30].map(sizeText)).toEqual(['1 bytes', '2 KiB', '1.5 GiB']);
});

it("a task's limits come from its package, else the machine, else the defaults", () => {
  const distro = parseDistro(
    `organization: acme
distributions: {d: {platforms: [bookworm], folders: [src], ros_version: 1}}
platforms: {bookworm: {os: debian, release: bookworm}}
package_settings:
  '*': {limits: {memory: 2G, disk: 5G}}
  big: {limits: {disk: 6G, minutes: 600, log: 200M, processes: 4000}}
  huge: {limits: {memory: 1000T, disk: 1000T, log: 1000T, temporary: 1000T}}
`,
    'distro.yaml',
  );
  if (!distro.ok) throw new Error(JSON.stringify(distro.diagnostics));
  const of = (name: string, machine = '') =>
    taskLimits('/', writtenLimits(machine || undefined) ?? {}, settingsFinder(distro.value)(name).limits);
  expect(of('small')).toMatchObject({ memory: 2 ** 31, disk: 5 * 2 ** 30, processes: 8192, log: 64 << 20 });
  expect(of('big', 'disk=1G,temporary=1G,processes=100')).toMatchObject({
    memory: 2 ** 31,
    disk: 6 * 2 ** 30,
    temporary: 2 ** 30,
    processes: 4000,
  });
  expect(of('big').cut).toEqual([]);
  const { memory, disk, log, temporary, cut } = of('huge');
  expect(cut).toEqual(['memory', 'disk']);
  expect(Math.max(memory, temporary)).toBeLessThan(totalmem());
  const { blocks, bsize } = statfsSync('/');
  expect(Math.max(disk ?? Infinity, log ?? Infinity)).toBeLessThan(blocks * bsize);
});

it('invalid limits are refused', () => {
  for (const text of ['', 'memory', 'memory=', 'memory=x', 'space=1G', 'disk=1G,disk=2G', 'processes=0', 'memory=1G=2'])
    expect(writtenLimits(text), text).toBeUndefined();
  const distro = parseDistro('package_settings: {x: {limits: {memory: lots, speed: 9}}}\n', 'distro.yaml');
  const told = distro.ok ? '' : distro.diagnostics.map((d) => d.message).join('\n');
  expect(told).toContain('a size such as 800M or 1.5G');
  expect(told).toContain('speed');
});

it('a task that exceeds what the machine has is not told to set more', () => {
  const options = { signal: new AbortController().signal };
  const limit = { signal: new AbortController().signal, minutes: 1, longer: '', done: () => undefined };
  const outcome = { code: 1, signal: null, stdout: '', stderr: '', exceeded: 'memory' } as const;
  const told = (isWhole: boolean) => reasonOf(options, { ...outcome, isWhole }, limit, { log: '', what: 'its build' });
  expect(told(false)).toBe(
    'its build took more memory than a task may have (limits.memory in package_settings gives it more)',
  );
  expect(told(true)).toBe(
    'its build took more memory than a task may have ' +
      '(it got 95% of what this machine has, which is less than limits.memory allows)',
  );
});

const entry: Entry = {
  root: { layers: [] },
  network: false,
  user: 'root',
  work: '',
  env: {},
  binds: [],
  command: [],
};

it('what installs packages may have files in memory larger than the disk, whose limit is told as full', async () => {
  const limits = installLimits('/proc');
  expect(limits.disk).toBe(0);
  expect(limits.file).toBe(limits.temporary);
  const ended = { code: 1, signal: null, stdout: '', stderr: '', exceeded: 'disk' } as const;
  const driver: Driver = { ...unshareDriver(), enter: () => Promise.resolve(ended) };
  expect((await enterToInstall(driver, '/proc', entry)).stderr).toContain('No space left on device');
});

it('says that slipway was stopped, not that packages could not be installed', async () => {
  const stop = new AbortController();
  const driver: Driver = {
    ...unshareDriver(),
    enter: ({ signal }) => {
      stop.abort();
      return Promise.resolve({ code: signal?.aborted ? 137 : 0, signal: 'SIGKILL', stdout: '', stderr: '' });
    },
  };
  const ended = await enterToInstall(driver, '/proc', { ...entry, signal: stop.signal });
  expect(whyEnded(ended)).toBe(': slipway was stopped');
});
