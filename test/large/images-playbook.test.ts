// npm run e2e:images: a playbook of Ansible is an image's hook.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import * as z from 'zod';
import { discard, example, slipway } from '../e2e/helpers.ts';

const manifests = z.array(z.object({ Layers: z.array(z.string()) }));
let folder: string;
let distro: string;
beforeAll(async () => {
  folder = example('images-playbook');
  distro = readFileSync(join(folder, 'distro.yaml'), 'utf8');
  const built = await slipway(['build', '--distribution', 'mini'], folder);
  expect(built.code, built.stderr).toBe(0);
});
afterAll(() => discard(folder));

const playbook = (tasks: string) =>
  `#!/usr/bin/env -S ansible-playbook --connection=local --inventory=localhost,\n- hosts: all\n  gather_facts: true\n  tasks:\n${tasks}`;
const build = (tasks: string) => {
  writeFileSync(join(folder, 'robot.yaml'), playbook(tasks));
  writeFileSync(join(folder, 'distro.yaml'), `${distro}    system: [ansible-core]\n    hook: robot.yaml\n`);
  return slipway(['image', 'build', 'robot', '--local', '--kind', 'docker'], folder);
};

it('configures the root, and fails the build if a task fails', async () => {
  const made = await build(
    '    - copy: {dest: /etc/robot-arm.conf, content: "on {{ ansible_distribution }}\\n", mode: "0640"}\n' +
      '    - user: {name: pilot, system: true}\n',
  );
  expect(made.code, made.stderr).toBe(0);
  const tar = made.stdout.trim();
  const [manifest] = manifests.parse(
    JSON.parse(execFileSync('tar', ['-xOf', tar, 'manifest.json'], { encoding: 'utf8' })),
  );
  const own = (...args: string[]) =>
    execFileSync(
      'sh',
      ['-c', 'tar -xOf "$1" "$2" | tar "$3" - "$4"', 'sh', tar, manifest?.Layers.at(-1) ?? '', ...args],
      {
        encoding: 'utf8',
      },
    );
  expect(own('-xOf', './etc/robot-arm.conf')).toBe('on Debian\n');
  expect(own('-xOf', './etc/passwd')).toContain('pilot:');
  const failed = await build('    - command: /bin/false\n');
  expect(failed.code).toBe(1);
  expect(failed.stderr).toContain('[image-hook]');
});
