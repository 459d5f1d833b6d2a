// A Docker daemon for the test, with its own data folder.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Starts it. `docker` and `compose` run clients; `stop` ends everything and removes the data.
 *
 * @param {string} folder
 */
export async function startDocker(folder) {
  mkdirSync(folder, { recursive: true });
  const run = mkdtempSync(join(folder, 'docker-'));
  const host = `unix://${join(run, 'docker.sock')}`;
  const hadBridge = existsSync('/sys/class/net/docker0');
  // Published ports use Docker's own proxy, so that the machine's firewall stays unchanged.
  const daemon = spawn(
    'dockerd',
    ['--storage-driver', 'overlay2', '--iptables=false', '--ip-masq=false', '--ip6tables=false', '-H', host].concat([
      '--data-root',
      join(run, 'data'),
      '--exec-root',
      join(run, 'exec'),
      '--pidfile',
      join(run, 'pid'),
    ]),
    { stdio: 'ignore' },
  );
  const env = { ...process.env, DOCKER_HOST: host, DOCKER_BUILDKIT: '0', COMPOSE_DOCKER_CLI_BUILD: '0' };
  /**
   * Runs a program; `told` is its output.
   *
   * @param {string} command
   * @param {string[]} args
   * @returns {Promise<{ code: number; told: string }>}
   */
  const client = (command, args, options = {}) =>
    new Promise((resolve, reject) => {
      const child = spawn(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'], ...options });
      let told = '';
      for (const stream of [child.stdout, child.stderr])
        stream.setEncoding('utf8').on('data', (text) => (told += text));
      child.on('error', reject);
      child.on('close', (code) => resolve({ code: code ?? 128, told }));
    });
  for (let i = 0; i < 120 && (await client('docker', ['info'])).code !== 0; i++) await sleep(500);
  const stop = async () => {
    const ended = new Promise((resolve) => daemon.once('exit', resolve));
    daemon.kill('SIGTERM');
    await Promise.race([ended, sleep(120_000).then(() => daemon.kill('SIGKILL'))]);
    const mounts = readFileSync('/proc/mounts', 'utf8').split('\n');
    for (const at of mounts.map((line) => line.split(' ')[1] ?? '').filter((path) => path.startsWith(run)))
      spawnSync('umount', ['--lazy', at]);
    if (!hadBridge) spawnSync('ip', ['link', 'delete', 'docker0']);
    rmSync(run, { recursive: true, force: true, maxRetries: 10, retryDelay: 200 });
  };
  return {
    host,
    /** @param {...string} args */
    docker: (...args) => client('docker', args),
    /** @param {string} cwd @param {...string} args */
    compose: (cwd, ...args) => client('docker-compose', args, { cwd }),
    /**
     * Makes an image of a root folder.
     *
     * @param {string} root
     * @param {string} tag
     */
    importRoot: (root, tag) =>
      execFileSync('sh', ['-c', 'tar -C "$1" -c . | docker import - "$2"', 'sh', root, tag], { env, stdio: 'pipe' }),
    stop,
  };
}
