// The Ansible role in Debian 12 and 13 roots, reached by SSH like machines: it runs twice, and the second run changes
// nothing.
import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { bundle, execute, root as repository } from '../e2e/helpers.ts';
import { installTools } from '../setup.mjs';
import { runIn } from './fresh-root.mjs';
import { ansibleTools } from './python-tools.mjs';
import { startSshRoot, type SshRoot } from './ssh-root.ts';

const folder = mkdtempSync('/var/tmp/slipway-ansible-');
const ansible = join(folder, 'ansible');
const env = { ANSIBLE_HOST_KEY_CHECKING: 'False', ANSIBLE_NOCOLOR: '1', HOME: folder };

beforeAll(() => {
  installTools(['mmdebstrap']);
  cpSync(join(repository, 'deploy/ansible'), ansible, { recursive: true });
  execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-f', join(folder, 'key')]);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('passes ansible-lint', async () => {
  const lint = await ansibleTools('ansible-lint');
  const ran = await execute(lint, ['--offline', '--profile', 'production', '-q'], {
    cwd: ansible,
    env: { ...env, PATH: `${join(lint, '..')}:${process.env.PATH ?? ''}` },
  });
  expect(ran.code, ran.stdout + ran.stderr).toBe(0);
});

describe.each([
  ['bookworm', 22_612],
  ['trixie', 22_613],
])('on %s', (release, port) => {
  let made: SshRoot;
  beforeAll(async () => {
    made = await startSshRoot(release, port, join(folder, 'key'));
  });
  afterAll(() => made?.stop());
  const play = async (...more: string[]) => {
    const playbook = await ansibleTools('ansible-playbook');
    const key = readFileSync(join(folder, 'key.pub'), 'utf8').trim();
    writeFileSync(
      join(folder, `${release}.yaml`),
      JSON.stringify({
        agents: {
          hosts: { [`builder-${release}`]: {} },
          vars: {
            ansible_host: '127.0.0.1',
            ansible_port: port,
            ansible_user: 'root',
            ansible_ssh_private_key_file: join(folder, 'key'),
            ansible_python_interpreter: '/usr/bin/python3',
            slipway_agent_authorized_key: key,
            slipway_agent_controller: 'https://jenkins.acme.example/',
            slipway_agent_secret: 'planted-secret-77',
            slipway_agent_services: false,
            slipway_agent_spot: true,
          },
        },
      }),
    );
    return execute(playbook, ['-i', join(folder, `${release}.yaml`), 'playbook.yaml', ...more], { cwd: ansible, env });
  };

  it('makes an agent, and changes nothing in the second run', async () => {
    const first = await play('--diff');
    expect(first.code, first.stdout + first.stderr).toBe(0);
    expect(first.stdout).not.toContain('planted-secret-77');
    const again = await play();
    expect(again.code, again.stdout).toBe(0);
    expect(again.stdout).toMatch(/changed=0 +unreachable=0 +failed=0/);
    const at = (path: string) => join(made.root, path);
    expect(readFileSync(at('etc/subuid'), 'utf8')).toContain('slipway:1000000:65536');
    expect(statSync(at('etc/slipway-agent.secret')).mode & 0o777).toBe(0o400);
    expect(readFileSync(at('var/lib/slipway-agent/.ssh/authorized_keys'), 'utf8')).toMatch(
      /^no-port-forwarding,.* ssh-ed25519 /,
    );
    expect(readFileSync(at('etc/systemd/system/slipway-agent.service'), 'utf8')).toContain(`-name builder-${release} `);
    const wanted = readlinkSync(at('etc/systemd/system/multi-user.target.wants/slipway-spot.service'));
    expect(readFileSync(at(join('etc/systemd/system/multi-user.target.wants', wanted)), 'utf8')).toContain(
      'ExecStart=/usr/local/lib/slipway-spot\n',
    );
    expect(statSync(at('usr/local/lib/slipway-spot')).mode & 0o777).toBe(0o755);
    expect(readFileSync(at('etc/shadow'), 'utf8')).toMatch(/^slipway:!/m);
  });

  it('installs everything that slipway doctor asks for', async () => {
    cpSync(bundle, join(made.root, 'usr/local/bin/slipway.cjs'));
    mkdirSync(join(made.root, 'var/empty-folder'), { recursive: true });
    const log = join(folder, `${release}-doctor.log`);
    writeFileSync(log, '');
    const code = await runIn(
      made.root,
      '/var/empty-folder',
      ['runuser', '-u', 'slipway', '--', 'node', '/usr/local/bin/slipway.cjs', 'doctor'],
      openSync(log, 'a'),
    );
    const told = readFileSync(log, 'utf8');
    expect(told).not.toMatch(/apt-get install/);
    expect(code, told).toBe(0);
  });
});
