import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { checkDeployment } from '../../ts-src/deploy/check.ts';
import { renderDeployment } from '../../ts-src/deploy/files.ts';
import { planUpdate } from '../../ts-src/deploy/update.ts';
import { bundle, execute, root } from '../e2e/helpers.ts';
import { scratch, given, answersOf, messages } from './deploy-answers.ts';

const answersFile = join(scratch, 'answers.yaml');

writeFileSync(answersFile, JSON.stringify(given));

const deploy = (...words: string[]) => execute('node', [bundle, 'deploy', ...words], { cwd: scratch });

describe('slipway deploy init', () => {
  it('writes a folder that passes its own check, and changes no other files', async () => {
    const made = await deploy('init', 'farm', '--yes', '--answers', answersFile);
    expect(made.code, made.stderr).toBe(0);
    expect(readdirSync(join(scratch, 'farm')).sort()).toEqual(
      expect.arrayContaining(['.env', '.gitignore', 'Dockerfile', 'README.md', 'compose.yaml', 'jcasc', 'plugins.txt']),
    );
    const checked = await deploy('check', 'farm');
    expect([checked.code, checked.stderr], checked.stdout).toEqual([0, '']);
    expect(checked.stdout).toMatch(/^checked: plugins, jcasc, secrets/);
    const again = await deploy('init', 'farm', '--yes', '--answers', answersFile);
    expect(again.code).toBe(1);
    expect(again.stderr).toContain('nothing was written');
  });

  it('reports every wrong answer at once, and writes only plain values into files', async () => {
    const file = join(scratch, 'bad.yaml');
    writeFileSync(
      file,
      JSON.stringify({
        organization: 'Acme Robots',
        distro: 'https://bob:hunter2@git.acme.example/distro.git',
        port: 70_000,
        regoin: 'eu-west-1',
        branch: 'main"\n',
      }),
    );
    const ran = await deploy('init', 'bad', '--yes', '--answers', file);
    expect(ran.code).toBe(1);
    for (const told of [
      'organization must be',
      'library is missing',
      'port must be',
      'branch must be',
      "did you mean 'region'",
    ])
      expect(ran.stderr).toContain(told);
    expect(ran.stderr).toContain('a URL without a password');
    expect(ran.stderr).not.toContain('hunter2');
  });

  it('names each answer in its help', async () => {
    const ran = await deploy('--help');
    expect(ran.stdout).toMatch(/organization, distro,\s+branch, library, version/);
  });

  it('prints usage for unknown commands', async () => {
    expect((await deploy('destroy')).code).toBe(2);
    expect((await deploy('check', 'nowhere')).stderr).toContain('was not made by `slipway deploy init`');
  });

  it('has every placeholder filled in', () => {
    for (const [path, text] of Object.entries(renderDeployment(answersOf({ domain: 'acme.example' }))))
      if (!path.startsWith('ansible/') && !path.startsWith('packer/')) expect(text, path).not.toMatch(/\{\{/);
  });
});

describe('slipway deploy update', () => {
  const base = { 'a.yaml': 'one\ntwo\nthree\n', 'b.yaml': 'b\n', 'c.yaml': 'c\n', 'd.yaml': '1\n2\n3\n4\n5\n' };
  const next = { 'a.yaml': 'one\ntwo\nthree!\n', 'b.yaml': 'b!\n', 'd.yaml': '1\n2\n3\n4\nfive\n', 'e.yaml': 'e\n' };

  it('takes changes of one side, merges those of both, and leaves conflicts to the operator', async () => {
    const folder = mkdtempSync(join(scratch, 'update-'));
    for (const [path, text] of Object.entries(base)) writeFileSync(join(folder, path), text);
    writeFileSync(join(folder, 'a.yaml'), 'mine\ntwo\nthree?\n');
    writeFileSync(join(folder, 'd.yaml'), 'first\n2\n3\n4\n5\n');
    const changes = await planUpdate(folder, base, next);
    expect(changes.map(({ path, kind }) => [path, kind])).toEqual([
      ['a.yaml', 'conflict'],
      ['b.yaml', 'changed'],
      ['c.yaml', 'removed'],
      ['d.yaml', 'merged'],
      ['e.yaml', 'added'],
    ]);
    expect(changes[0]?.text).toContain('<<<<<<< yours\nthree?\n');
    expect(changes[0]?.text?.startsWith('mine\n')).toBe(true);
    expect(changes[1]?.diff).toBe('--- b.yaml\n+++ b.yaml\n@@ -1 +1 @@\n-b\n+b!\n');
    expect(changes[3]?.text).toBe('first\n2\n3\n4\nfive\n');
  });

  it('keeps what the operator removed or changed if Slipway no longer has the file', async () => {
    const folder = mkdtempSync(join(scratch, 'kept-'));
    writeFileSync(join(folder, 'c.yaml'), 'mine\n');
    const changes = await planUpdate(folder, { 'b.yaml': 'b\n', 'c.yaml': 'c\n' }, { 'b.yaml': 'b!\n' });
    expect(changes.map(({ path, kind, text }) => [path, kind, text])).toEqual([
      ['b.yaml', 'kept', undefined],
      ['c.yaml', 'kept', undefined],
    ]);
  });

  it('shows a diff first, writes with --apply, and then has nothing to do', async () => {
    expect((await deploy('init', 'old', '--yes', '--answers', answersFile)).code).toBe(0);
    const folder = join(scratch, 'old');
    // A state as an older Slipway would have written it, and an operator's edit elsewhere in the same file.
    const record = JSON.parse(readFileSync(join(folder, '.slipway-deploy.json'), 'utf8')) as {
      files: Record<string, string>;
    };
    const now = readFileSync(join(folder, 'compose.yaml'), 'utf8');
    const before = now.replace('stop_grace_period: 1m', 'stop_grace_period: 10s');
    record.files['compose.yaml'] = before;
    writeFileSync(join(folder, '.slipway-deploy.json'), JSON.stringify(record));
    writeFileSync(join(folder, 'compose.yaml'), `# ours\n${before}`);
    const shown = await deploy('update', 'old');
    expect(shown.stdout).toContain('merged compose.yaml');
    expect(shown.stdout).toMatch(/^\+ +stop_grace_period: 1m$/m);
    expect(shown.stdout).toContain('Nothing was written');
    expect(readFileSync(join(folder, 'compose.yaml'), 'utf8')).toContain('10s');
    expect((await deploy('update', 'old', '--apply')).code).toBe(0);
    expect(readFileSync(join(folder, 'compose.yaml'), 'utf8')).toBe(`# ours\n${now}`);
    expect((await deploy('update', 'old')).stdout).toBe('Nothing to change.\n');
  });
});

describe('slipway deploy check', () => {
  const written = (change: (folder: string) => void): string => {
    const folder = mkdtempSync(join(scratch, 'check-'));
    for (const [path, text] of Object.entries(renderDeployment(answersOf()))) {
      mkdirSync(join(folder, path, '..'), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    change(folder);
    return folder;
  };
  const edit = (folder: string, path: string, from: string | RegExp, to: string) =>
    writeFileSync(join(folder, path), readFileSync(join(folder, path), 'utf8').replace(from, to));

  it('finds planted secrets in any file, and does not print them', async () => {
    const folder = written((f) => {
      writeFileSync(join(f, 'secrets/GIT_TOKEN'), 'planted-token-123456\n');
      edit(f, 'compose.yaml', 'AGENT_NAME: local', 'AGENT_NAME: planted-token-123456');
      writeFileSync(join(f, 'terraform/terraform.tfstate'), '{"key": "-----BEGIN OPENSSH PRIVATE KEY-----"}');
      writeFileSync(join(f, '.env'), 'GIT_TOKEN=x\n');
    });
    const { diagnostics } = await checkDeployment(folder);
    expect(
      diagnostics
        .filter((d) => d.code === 'deploy-secret')
        .map((d) => d.file)
        .sort(),
    ).toEqual(['.env', 'compose.yaml', 'terraform/terraform.tfstate']);
    expect(JSON.stringify(diagnostics)).not.toContain('planted-token-123456');
  });

  it('reports all faults of all files at once', async () => {
    const folder = written((f) => {
      edit(f, 'Dockerfile', /^FROM .*$/m, 'FROM jenkins/jenkins:lts-jdk21');
      edit(f, 'plugins.txt', /^structs:.*\n/m, '');
      edit(f, 'jcasc/common/controller.yaml', 'numExecutors: 0', 'numExecutors: 4');
      writeFileSync(join(f, 'agent/start.sh'), '<<<<<<< yours\nx\n=======\ny\n>>>>>>> slipway\n');
    });
    const { diagnostics } = await checkDeployment(folder);
    const told = messages(diagnostics).join('\n');
    for (const fault of ['the Dockerfile names no version of Jenkins', 'needs structs', 'numExecutors', 'not resolved'])
      expect(told).toContain(fault);
  });
});

it('has scripts that their shell can parse', () => {
  const folder = mkdtempSync(join(scratch, 'scripts-'));
  cpSync(join(root, 'deploy'), folder, { recursive: true });
  const scripts = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((f) => f.endsWith('.sh'));
  expect(scripts.length).toBeGreaterThanOrEqual(4);
  for (const script of scripts) {
    expect(statSync(join(folder, script)).isFile()).toBe(true);
    const shell = readFileSync(join(folder, script), 'utf8').startsWith('#!/bin/bash') ? 'bash' : 'sh';
    execFileSync(shell, ['-n', join(folder, script)]);
  }
});
