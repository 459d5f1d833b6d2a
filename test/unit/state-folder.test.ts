import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { loadCommands } from '../../ts-src/cli/all.ts';
import { farmState } from '../../ts-src/cli/farm/work.ts';
import { manualPage } from '../../ts-src/cli/manual.ts';
import { openWorkspace } from '../../ts-src/cli/planning.ts';

const commands = await loadCommands();

describe('the state folder', () => {
  const before = process.env.SLIPWAY_STATE;
  afterEach(() => {
    if (before === undefined) delete process.env.SLIPWAY_STATE;
    else process.env.SLIPWAY_STATE = before;
  });

  it('is that of --state, else of the environment, else the one beside the distro file', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-state-'));
    const distro = join(folder, 'distro.yaml');
    mkdirSync(join(folder, 'src'));
    writeFileSync(
      distro,
      'organization: acme\ndistributions:\n  d: {platforms: [bookworm], folders: [src], ros_version: 2}\nplatforms:\n  bookworm: {os: debian, release: bookworm}\n',
    );
    const found = async (state?: string) => {
      const opened = await openWorkspace({ distro, state });
      return opened.ok ? opened.value.state : opened.diagnostics;
    };
    process.env.SLIPWAY_STATE = join(folder, 'env');
    expect(await found()).toBe(join(folder, 'env'));
    expect(await found(join(folder, 'named'))).toBe(join(folder, 'named'));
    expect([farmState({}), farmState({ state: '/t' })]).toEqual([join(folder, 'env'), '/t']);
    process.env.SLIPWAY_STATE = '';
    expect(await found()).toBe(join(folder, '.slipway'));
    rmSync(folder, { recursive: true });
  });

  it('is described the same way in the help of every command that has one', () => {
    const silent: string[] = [];
    let options = 0;
    for (const [name, command] of Object.entries(commands))
      for (const [option, { value, help }] of Object.entries(command.options)) {
        if (!['state', 'state-folder'].includes(option) || value !== 'DIR') continue;
        options++;
        if (!help.includes('(default: SLIPWAY_STATE, else ')) silent.push(name);
      }
    expect(options).toBeGreaterThan(20);
    expect(silent).toEqual([]);
    expect(manualPage(commands, '1.0.0')).toContain('.B SLIPWAY_STATE\n');
  });
});
