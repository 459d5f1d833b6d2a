import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bundle, cache, execute, slipway, workspace, type Ran } from '../e2e/helpers.ts';
import { installTools, plainUser } from '../setup.mjs';
import { startDocker } from './docker.mjs';

/** A repository under attack, and the way in which it is built. */
export interface Attacked {
  folder: string;
  /** Gives files in the folder to the user who builds. */
  own(): void;
  slipway(...args: string[]): Promise<Ran>;
  end(): Promise<void>;
}

const nothing = (): Promise<void> => Promise.resolve();

export function asRoot(): Promise<Attacked> {
  const folder = workspace('hostile');
  return Promise.resolve({ folder, own: () => undefined, slipway: (...args) => slipway(args, folder), end: nothing });
}

/** In user namespaces, with subordinate ids; makes its own base. */
export function asPlainUser(): Promise<Attacked> {
  const { name: user, home } = plainUser;
  if (spawnSync('id', [user]).status !== 0) execFileSync('useradd', ['--create-home', '--home-dir', home, user]);
  if (!readFileSync('/etc/subuid', 'utf8').includes(`${user}:`))
    execFileSync('usermod', ['--add-subuids', '300000-365535', '--add-subgids', '300000-365535', user]);
  const folder = join(home, 'hostile');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const program = join(home, 'slipway.cjs');
  copyFileSync(bundle, program);
  const run = (args: string[]) =>
    execute(
      'setpriv',
      ['--reuid', user, '--regid', user, '--init-groups', 'env', `HOME=${home}`, 'node', program, ...args],
      { cwd: folder },
    );
  return Promise.resolve({
    folder,
    own: () => void execFileSync('chown', ['-R', `${user}:`, home]),
    slipway: (...args) => run(args),
    end: async () => void (await run(['clean', '--all'])),
  });
}

/** With its own docker daemon. */
export async function withDocker(): Promise<Attacked> {
  installTools(['dockerd', 'docker']);
  const daemon = await startDocker(join(cache, 'hostile-docker'));
  const folder = workspace('hostile-docker');
  return {
    folder,
    own: () => undefined,
    slipway: (command, ...args) =>
      slipway([command ?? '', '--driver', 'docker', ...args], folder, { env: { DOCKER_HOST: daemon.host } }),
    end: async () => {
      const left = await daemon.docker('ps', '--all', '--quiet');
      await daemon.stop();
      if (left.told !== '') throw new Error(`containers are left: ${left.told}`);
    },
  };
}
