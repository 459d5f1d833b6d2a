// The farm of `slipway deploy init` on one machine: its compose.yaml, Dockerfiles and scripts in a real Docker. Only
// the controller's base image is a stand-in (test/large/controller): it checks how Jenkins is started, with which user,
// environment and volumes, and how the agent connects; it does not check what Jenkins does with them.
import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { copyExample } from '../e2e/edits.mjs';
import { bundle, execute, root } from '../e2e/helpers.ts';
import { installTools } from '../setup.mjs';
import { initFarm } from './farm-folder.ts';
import { startDocker } from './docker.mjs';
import { makeRoot } from './fresh-root.mjs';

interface State {
  uid: number;
  environment: Record<string, string>;
  readable: string[];
  agent?: string;
  starts: number;
  plugins: number;
}

const planted = 'planted-secret-2b7d';
const port = 18_480;
const address = `http://127.0.0.1:${port}`;
const folder = mkdtempSync('/var/tmp/slipway-deploy-');
const farm = join(folder, 'farm');
let made: ReturnType<typeof makeRoot>;
let engine: Awaited<ReturnType<typeof startDocker>>;
const state = async () => (await (await fetch(`${address}/state`)).json()) as State;
/** Runs a command in the agent's container like a task of the controller; returns exit code and output. */
const task = async (command: string) => {
  const answer = await (await fetch(`${address}/task`, { method: 'POST', body: command })).text();
  const end = answer.indexOf('\n');
  return { code: Number(answer.slice(0, end)), told: answer.slice(end + 1) };
};

beforeAll(async () => {
  installTools(['dockerd', 'docker', 'docker-compose', 'javac', 'mmdebstrap']);
  await initFarm(folder, { port });
  writeFileSync(join(farm, 'secrets', 'SIGNING_KEY'), `${planted}\n`);
  // Images are built with this machine's network; containers have their own.
  writeFileSync(
    join(farm, 'docker-compose.override.yml'),
    'services: {controller: {build: {context: ., network: host}}, agent: {build: {context: agent, network: host}}}\n',
  );
  engine = await startDocker(folder);
  made = makeRoot('trixie', []);
  engine.importRoot(made.root, 'debian:trixie-slim');
  const context = join(folder, 'controller');
  cpSync(join(root, 'test/large/controller'), context, { recursive: true });
  execFileSync('javac', ['--release', '17', '-d', 'classes', 'Agent.java'], { cwd: context });
  execFileSync('jar', ['--create', '--file', 'agent.jar', '--main-class', 'Agent', '-C', 'classes', '.'], {
    cwd: context,
  });
  const tag = /^FROM (.*)$/m.exec(readFileSync(join(farm, 'Dockerfile'), 'utf8'))?.[1] ?? '';
  const base = await engine.docker('build', '--network=host', '--tag', tag, context);
  expect(base.code, base.told).toBe(0);
});

afterAll(async () => {
  if (engine) {
    await engine.compose(farm, 'down', '--volumes', '--timeout', '5');
    await engine.stop();
  }
  made?.remove();
  rmSync(folder, { recursive: true, force: true });
});

describe('docker compose up in the folder that init wrote', () => {
  let password = '';

  it('gives a healthy controller and a connected agent', async () => {
    const up = await engine.compose(
      farm,
      '-f',
      'compose.yaml',
      '-f',
      'docker-compose.override.yml',
      'up',
      '-d',
      '--build',
    );
    expect(up.code, up.told).toBe(0);
    for (let i = 0; i < 120 && (await state()).agent === undefined; i++) await new Promise((r) => setTimeout(r, 1000));
    const s = await state();
    expect(s).toMatchObject({
      uid: 1000,
      agent: 'local',
      starts: 1,
      readable: ['ADMIN_PASSWORD_FILE', 'PROMETHEUS_PASSWORD_FILE', 'SEED_PASSWORD_FILE'],
      environment: {
        SLIPWAY_ORGANIZATION: 'acme',
        JAVA_OPTS: '-Djenkins.install.runSetupWizard=false',
        JENKINS_URL: `http://localhost:${port}/`,
      },
    });
    expect(s.plugins).toBeGreaterThan(80);
  });

  it('shows the password of admin once, and keeps it in the volume', async () => {
    const logs = async () => (await engine.compose(farm, 'logs', '--no-color', 'controller')).told;
    const shown = /The password of "admin", shown this once: ([A-Za-z0-9_-]{24})/.exec(await logs());
    expect(shown).not.toBeNull();
    password = shown?.[1] ?? '';
    expect((await engine.compose(farm, 'restart', 'controller')).code).toBe(0);
    for (let i = 0; i < 60; i++) {
      const s = await state().catch(() => undefined);
      if (s?.starts === 2 && s.agent === 'local') break;
      await new Promise((r) => setTimeout(r, 1000));
    }
    expect((await state()).starts).toBe(2);
    expect((await logs()).match(/shown this once/g)).toHaveLength(1);
    const kept = await engine.compose(
      farm,
      'exec',
      '-T',
      'controller',
      'sh',
      '-c',
      'cat "$ADMIN_PASSWORD_FILE" || cat /var/jenkins_home/secrets/slipway/ADMIN_PASSWORD',
    );
    expect(kept.told).toContain(password);
  });

  it('puts no secret into the environment, the images or the folder', async () => {
    expect(JSON.stringify((await state()).environment)).not.toContain(password);
    for (const image of ['slipway-jenkins', 'slipway-agent'])
      for (const words of [
        ['history', '--no-trunc', image],
        ['inspect', image],
      ])
        expect((await engine.docker(...words)).told).not.toContain(password);
    // Files of secrets/ are not copied into images.
    for (const image of ['slipway-jenkins', 'slipway-agent']) {
      const search = 'grep -rlF -- "$1" /etc /home /opt /root /srv /usr /var; echo searched';
      const words = ['run', '--rm', '--user', 'root', '--entrypoint', 'sh', image, '-c', search, 'sh', planted];
      expect(await engine.docker(...words), image).toEqual({ code: 0, told: 'searched\n' });
    }
    const grep = await execute('grep', ['-r', '--', password, farm]);
    expect(grep.code, grep.stdout).toBe(1);
  });

  it('gives the agent SYS_ADMIN and no more, and no socket of Docker to anybody', async () => {
    const inspect = async (service: string) => {
      const id = (await engine.compose(farm, 'ps', '-q', service)).told.trim();
      const [found] = JSON.parse((await engine.docker('inspect', id)).told) as {
        HostConfig: { Privileged: boolean; CapAdd: string[] | null; CapDrop: string[] | null };
        Mounts: { Source: string; Destination: string }[];
        Config: { User: string };
      }[];
      if (!found) throw new Error(`no container of ${service}`);
      return found;
    };
    const [controller, agent] = [await inspect('controller'), await inspect('agent')];
    expect(agent.HostConfig).toMatchObject({ Privileged: false, CapAdd: ['SYS_ADMIN'] });
    expect(controller.HostConfig).toMatchObject({ Privileged: false, CapAdd: null, CapDrop: ['ALL'] });
    expect(controller.Config.User).toBe('jenkins');
    for (const mount of [...controller.Mounts, ...agent.Mounts]) expect(mount.Source).not.toContain('docker.sock');
    expect(agent.Mounts.map((m) => m.Destination).sort()).toEqual([
      '/run/slipway-agent',
      '/srv/slipway',
      '/var/lib/slipway',
    ]);
  });

  it('gives an agent without findings of slipway doctor', async () => {
    const id = (await engine.compose(farm, 'ps', '-q', 'agent')).told.trim();
    mkdirSync(join(folder, 'example'));
    copyExample(join(folder, 'example', 'robot'));
    const copies: [string, string][] = [
      [bundle, '/srv/slipway/slipway.cjs'],
      [join(folder, 'example', 'robot'), '/srv/slipway/robot'],
    ];
    for (const [from, to] of copies) expect((await engine.docker('cp', from, `${id}:${to}`)).code).toBe(0);
    const doctor = await task('cd /srv/slipway/robot && node ../slipway.cjs doctor');
    expect(doctor.told).toContain('this machine has all that builds need');
    expect(doctor.code, doctor.told).toBe(0);
  });
});

it('builds the example in the agent image, with the rights and volumes of compose.yaml', async () => {
  // User networks of this daemon have no access to the outside, so this container uses the machine's network.
  const id = (await engine.compose(farm, 'ps', '-q', 'agent')).told.trim();
  const ran = await engine.docker(
    'run',
    '--rm',
    '--network=host',
    '--cap-add',
    'SYS_ADMIN',
    '--security-opt',
    'apparmor:unconfined',
    '--init',
    '--volumes-from',
    id,
    '--workdir',
    '/srv/slipway/robot',
    '--entrypoint',
    'sh',
    'slipway-agent',
    '-c',
    // The image has no apt lists; with them the agent can use its own mirror for bookworm.
    'apt-get update -q && ./repositories.sh &&\n' +
      '{ node ../slipway.cjs build --distribution mini --platform bookworm || { cat .slipway/slipway.log; exit 1; }; }',
  );
  expect(ran.code, ran.told).toBe(0);
  expect(ran.told).toMatch(/8 packages in .*: 8 built/);
});

it('restores a backup of its home on a machine that has only the folder', async () => {
  const file = join(folder, 'home.tar.gz');
  const script = (name: string, ...words: string[]) =>
    execute('bash', [join(farm, name), ...words], { env: { DOCKER_HOST: engine.host } });
  const password = async () => {
    const words = ['exec', '-T', 'controller', 'cat', '/var/jenkins_home/secrets/slipway/ADMIN_PASSWORD'];
    return (await engine.compose(farm, ...words)).told.trim();
  };
  const started = async () => {
    for (let i = 0; i < 120; i++) {
      const s = await state().catch(() => undefined);
      if (s) return s;
      await new Promise((r) => setTimeout(r, 1000));
    }
    throw new Error('the controller did not start');
  };
  const [before, secret] = [await started(), await password()];
  expect(secret).toMatch(/^\S{24}$/);
  const saved = await script('backup.sh', file);
  expect(saved.code, saved.stderr).toBe(0);
  expect(statSync(file).mode & 0o077).toBe(0);
  // It runs again, and backups are never overwritten.
  expect((await started()).starts).toBe(before.starts + 1);
  expect((await script('backup.sh', file)).stderr).toContain('is there already');
  // A mistake must not lose data of a home.
  expect((await script('restore.sh', file)).stderr).toContain('nothing was changed');
  expect((await state()).starts).toBe(before.starts + 1);
  const whole = readFileSync(file);
  writeFileSync(join(folder, 'half.tar.gz'), whole.subarray(0, whole.length / 2));
  expect((await script('restore.sh', '--replace', join(folder, 'half.tar.gz'))).code).toBe(1);
  expect(await password()).toBe(secret);
  expect((await engine.compose(farm, 'down', '--volumes', '--timeout', '5')).code).toBe(0);
  const restored = await script('restore.sh', file);
  expect(restored.code, restored.stderr).toBe(0);
  expect((await started()).starts).toBe(before.starts + 1);
  expect(await password()).toBe(secret);
  const replaced = await script('restore.sh', '--replace', file);
  expect(replaced.code, replaced.stderr).toBe(0);
  expect((await started()).starts).toBe(before.starts + 1);
});

it('starts with docker run alone, and the answers of the folder', async () => {
  const run = await engine.docker(
    'run',
    '-d',
    '--name',
    'alone',
    '-p',
    `127.0.0.1:${port + 1}:8080`,
    '-v',
    'alone:/var/jenkins_home',
    'slipway-jenkins',
  );
  expect(run.code, run.told).toBe(0);
  try {
    let alone: State | undefined;
    for (let i = 0; i < 60 && alone === undefined; i++) {
      await new Promise((r) => setTimeout(r, 500));
      alone = await fetch(`http://127.0.0.1:${port + 1}/state`).then(
        (r) => r.json() as Promise<State>,
        () => undefined,
      );
    }
    expect(alone).toMatchObject({ uid: 1000, environment: { SLIPWAY_ORGANIZATION: 'acme' }, readable: { length: 3 } });
  } finally {
    await engine.docker('rm', '--force', '--volumes', 'alone');
  }
});
