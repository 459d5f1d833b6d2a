import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it, vi } from 'vitest';
import { ended, processOf } from '../../ts-src/io/children.ts';
import { codeOf, environmentFault } from '../../ts-src/io/faults.ts';
import { holdMutex } from '../../ts-src/io/mutex.ts';
import { run } from '../../ts-src/io/process.ts';
import { unshareDriver } from '../../ts-src/sandbox/unshare.ts';

afterEach(() => vi.unstubAllEnvs());

it('programs whose messages Slipway reads print them in English, regardless of the locale', async () => {
  vi.stubEnv('LC_ALL', 'de_DE.UTF-8');
  vi.stubEnv('LANGUAGE', 'de:fr');
  const said = await run('sh', ['-c', 'echo "$LC_ALL/$LANGUAGE/$HOME"']);
  expect(said.stdout.trim()).toBe(`C.UTF-8//${process.env.HOME ?? ''}`);
  const whole = await run('sh', ['-c', 'echo "$LC_ALL"'], { env: { PATH: process.env.PATH, LC_ALL: 'C' } });
  expect(whole.stdout.trim()).toBe('C');
});

it("a lock that can't be created is reported as a system error", async () => {
  vi.stubEnv('LC_ALL', 'de_DE.UTF-8');
  const fault = await holdMutex(join(tmpdir(), 'x'.repeat(300))).catch((e: unknown) => e);
  expect(codeOf(fault)).toBe('ENAMETOOLONG');
});

it('an output that is too long for a text ends the call, not the process', async () => {
  const said = await run('head', ['-c', '540000000', '/dev/zero'], { limit: 1 << 30 }).catch((e: unknown) => e);
  expect(codeOf(said)).toBe('ELARGE');
  expect(environmentFault(said)).toMatch(/^head: the file or output is larger than/);
}, 60_000);

it('a stopped task ends at once: unshare passes no signal on that it could end by', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-stopped-'));
  try {
    const signal = AbortSignal.timeout(1000);
    const begun = performance.now();
    const work = join(folder, 'work');
    await unshareDriver().read({ layers: ['/usr/bin', '/usr/sbin'], work, command: ['sleep', '60'], signal });
    expect(performance.now() - begun).toBeLessThan(3500);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it('a stopped task has ended when its outcome comes: no process of it still changes files', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-stopped-'));
  try {
    // The child ends a second after its parent, and has closed its outputs.
    const slow = 'trap "sleep 1; touch ended; exit" TERM; while :; do sleep 0.05; done > /dev/null 2>&1';
    const child = `setpriv --pdeathsig TERM sh -c '${slow}' > /dev/null 2>&1 & wait`;
    const signal = AbortSignal.timeout(500);
    const outcome = await run('sh', ['-c', child], { cwd: folder, kills: 'entry', signal });
    expect(existsSync(join(folder, 'ended'))).toBe(true);
    expect(outcome).toMatchObject({ code: 128, signal: 'SIGKILL' });
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});

it('killed processes are waited for, but not without end', async () => {
  const begun = performance.now();
  const self = processOf(process.pid);
  await ended(self ? [self] : [], 200);
  expect(performance.now() - begun).toBeGreaterThan(150);
  await ended([{ id: process.pid, begun: 'another' }]);
  expect(performance.now() - begun).toBeLessThan(10_000);
});
