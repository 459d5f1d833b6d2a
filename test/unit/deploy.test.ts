import { execFileSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { checkAnswers } from '../../ts-src/deploy/answers.ts';
import { checkDeployment } from '../../ts-src/deploy/check.ts';
import { renderDeployment } from '../../ts-src/deploy/files.ts';
import { checkCasc } from '../../ts-src/deploy/jcasc.ts';
import {
  checkPlugins,
  compareVersions,
  parsePlugins,
  pluginTable,
  renderPlugins,
} from '../../ts-src/deploy/plugins.ts';
import { toolsetOf, whyDue } from '../../ts-src/deploy/toolset.ts';
import { planUpdate } from '../../ts-src/deploy/update.ts';
import { parseDistro } from '../../ts-src/read/distro.ts';
import { bundle, execute, root } from '../e2e/helpers.ts';

const scratch = mkdtempSync(join(tmpdir(), 'slipway-deploy-test-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));
const given = {
  organization: 'acme',
  distro: 'https://git.acme.example/distro.git',
  library: 'git@git.acme.example:tools/slipway.git',
};
const answersOf = (more: object = {}) => {
  const checked = checkAnswers({ ...given, ...more }, undefined);
  if (!checked.ok) throw new Error(JSON.stringify(checked.diagnostics));
  return checked.value;
};
const answersFile = join(scratch, 'answers.yaml');
writeFileSync(answersFile, JSON.stringify(given));
const deploy = (...words: string[]) => execute('node', [bundle, 'deploy', ...words], { cwd: scratch });
const messages = (found: readonly { message: string }[]) => found.map((d) => d.message);

describe('slipway deploy init', () => {
  it('writes a folder that its own check finds nothing in, and no file of others is touched', async () => {
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

  it('tells every wrong answer at once, and lets nothing into files that is more than a value', async () => {
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

  it('gives usage for what is no command of it', async () => {
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

  it('takes what one side changed, merges what both did, and leaves what it can not', async () => {
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

  it('keeps what the operator removed or changed where Slipway has no file any more', async () => {
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
    // As an older Slipway would have written it, and an operator's edit elsewhere in the same file.
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

describe("the agents' image", () => {
  const pool = { organization: 'acme', architecture: 'amd64' };
  const tags = { farm: 'acme', 'slipway-agent': 'amd64', 'slipway-toolset': 'abc' };
  const image = (more: object = {}) => ({ id: 'ami-1', created: '2026-11-20T00:00:00.000Z', tags, ...more });
  const why = (given: ReturnType<typeof image> | undefined, now: string) =>
    whyDue('ami-1', given, pool, 'abc', 7, Date.parse(now));

  it('is due when it is gone, of others, made from other files, or old', () => {
    expect(why(image(), '2026-11-26T23:00:00Z')).toBe(undefined);
    expect(why(image(), '2026-11-27T00:00:01Z')).toBe('ami-1 is 7 days old');
    expect(why(undefined, '2026-11-21T00:00:00Z')).toBe('ami-1 is not there any more');
    expect(why(image({ tags: {} }), '2026-11-21T00:00:00Z')).toContain('is no image of this farm');
    const other = image({ tags: { ...tags, 'slipway-toolset': 'abd' } });
    expect(why(other, '2026-11-21T00:00:00Z')).toContain('have changed since');
    // One of distro.yaml is made from that, and only its age counts.
    const own = image({ tags: { farm: 'acme', 'slipway-agent': 'amd64', 'slipway:image': 'agent' } });
    expect(why(own, '2026-11-21T00:00:00Z')).toBe(undefined);
    expect(why(own, '2026-12-21T00:00:00Z')).toContain('31 days old');
  });

  it('can be an image of distro.yaml', () => {
    const files = renderDeployment(answersOf());
    const base = `organization: acme
distributions: {mini: {platforms: [trixie], folders: [src], ros_version: 2}}
platforms: {trixie: {os: debian, release: trixie, architectures: [amd64, arm64]}}
`;
    const read = parseDistro(base + (files['image/agent.yaml'] ?? ''), 'distro.yaml');
    expect(read.ok ? [] : messages(read.diagnostics)).toEqual([]);
    const agent = read.ok ? read.value.images.agent : undefined;
    expect(agent?.ami?.parameter).toBe('/acme/agents/{architecture}/image');
    expect(agent?.ami?.tags).toEqual({ farm: 'acme', 'slipway-agent': '{architecture}' });
    // What it names is in the folder, to be copied as its first lines say.
    for (const from of [agent?.hook, ...(agent?.files ?? []).map((f) => f.from)]) {
      const name = (from ?? '').replace('agent/', '');
      expect(Object.keys(files)).toContainEqual(
        expect.stringMatching(new RegExp(`^(image|ansible/roles/slipway_agent/files)/${name}$`)),
      );
    }
    // All that the role installs is in it, but what every machine has.
    const role = files['ansible/roles/slipway_agent/tasks/main.yaml'] ?? '';
    const names = [...role.matchAll(/^ {6}- ([a-z0-9-]+)$/gm)].map((m) => m[1] ?? '');
    const lacking = names.filter((n) => !agent?.system.includes(n) && !['dpkg', 'mount', 'util-linux'].includes(n));
    expect(lacking).toEqual([]);
  });

  it('has another toolset for each change of a file or a name', () => {
    const farm = mkdtempSync(join(scratch, 'toolset-'));
    const told = () => {
      const digest = toolsetOf(farm);
      return digest.ok ? digest.value : '';
    };
    expect(told()).toBe('');
    for (const part of ['ansible', 'packer']) cpSync(join(root, 'deploy', part), join(farm, part), { recursive: true });
    const first = told();
    expect(first).toMatch(/^[0-9a-f]{16}$/);
    writeFileSync(join(farm, 'packer/.cache'), '');
    expect(told()).toBe(first);
    renameSync(join(farm, 'packer/image.yaml'), join(farm, 'packer/picture.yaml'));
    expect(told()).not.toBe(first);
  });
});

describe('plugins.txt', () => {
  it('is closed: each plugin that another needs is there, new enough, and runs on that Jenkins', () => {
    expect(messages(checkPlugins(renderPlugins(), 'plugins.txt', pluginTable.jenkins))).toEqual([]);
    const { plugins } = parsePlugins(renderPlugins(), 'plugins.txt');
    expect(plugins.size).toBe(Object.keys(pluginTable.plugins).length);
    // Nothing is carried along that nobody asks for.
    const reached = new Set<string>();
    const visit = (id: string): void => {
      if (reached.has(id)) return;
      reached.add(id);
      Object.keys(pluginTable.plugins[id]?.requires ?? {}).forEach(visit);
    };
    Object.keys(pluginTable.roots).forEach(visit);
    expect([...plugins.keys()].filter((id) => !reached.has(id))).toEqual([]);
  });

  it('is refused where a plugin is missing, too old, unpinned, twice, or asks for a newer Jenkins', () => {
    const list = renderPlugins()
      .replace(/^scm-api:.*\n/m, '')
      .replace(/^junit:.*$/m, 'junit')
      .replace(/^(mailer:.*)$/m, '$1\n$1');
    const found = messages(checkPlugins(list, 'plugins.txt', '2.504.1'));
    expect(found).toContain('junit has no version: every start could bring another');
    expect(found).toContain('mailer stands there twice');
    expect(found.some((m) => /^git needs scm-api .*, which is not in the list$/.test(m))).toBe(true);
    expect(found.some((m) => /^ec2-fleet .* needs Jenkins 2\.541\.3, the image has 2\.504\.1$/.test(m))).toBe(true);
    const old = {
      ...pluginTable,
      plugins: {
        ...pluginTable.plugins,
        structs: { ...pluginTable.plugins.structs, version: '1.0', core: null, requires: {} },
      },
    };
    const older = renderPlugins().replace(/^structs:.*$/m, 'structs:1.0');
    expect(
      messages(checkPlugins(older, 'plugins.txt', pluginTable.jenkins, old)).some((m) =>
        /needs structs .*, the list has 1\.0$/.test(m),
      ),
    ).toBe(true);
    expect(messages(checkPlugins('mine:1.0\n', 'plugins.txt', '2.568.2'))).toEqual([
      'Slipway does not know what mine needs: not checked',
    ]);
  });

  it.each([
    ['5.10.1', '5.9', 1],
    ['1421.v99cb_b_2577709', '1265', 1],
    ['728.vc30dcf7a_0df5', '724.v7d839074eb_5c', 1],
    ['2.42.33-70.vd69c0763fa_60', '2.42.33-70.vd69c0763fa_60', 0],
    ['4.5.14-269.vfa_2321039a_83', '4.5.14-300.v1', -1],
    ['2.568.2', '2.541.3', 1],
  ])('orders %s against %s', (a, b, order) => expect(compareVersions(a, b)).toBe(order));

  it('agrees with docs/jenkins.md, which has the same plugins with the same reasons', () => {
    const docs = readFileSync(join(root, 'docs/jenkins.md'), 'utf8');
    for (const [id, { title, atLeast, for: why }] of Object.entries(pluginTable.roots)) {
      if (title === undefined || atLeast === undefined) continue;
      const row = docs.split('\n').find((line) => line.split('|')[2]?.trim() === id);
      expect(
        row
          ?.split('|')
          .map((cell) => cell.trim())
          .slice(1, 5),
        id,
      ).toEqual([title, id, atLeast, why]);
      expect(compareVersions(pluginTable.plugins[id]?.version ?? '0', atLeast), id).toBeGreaterThanOrEqual(0);
    }
    // The oldest Jenkins and the pinned one, each said once on the page.
    const versions = docs.match(/\b2\.\d{3}(\.\d)?\b/g);
    expect(versions).toEqual([pluginTable.oldest, pluginTable.jenkins]);
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(`${pluginTable.oldest} LTS and later`);
  });
});

describe('configuration as code', () => {
  const files = Object.entries(renderDeployment(answersOf())).filter(([path]) => path.startsWith('jcasc/'));

  it('has the form that the plugins document', () => {
    expect(files.length).toBeGreaterThanOrEqual(8);
    for (const [path, text] of files) expect(checkCasc(text, path), path).toEqual([]);
  });

  it.each([
    ['jenkins: {numExecutor: 0}', "unknown key 'numExecutor' in jenkins"],
    ['jenkins: {numExecutors: 2}', 'jenkins.numExecutors: zero: the controller builds nothing'],
    ['jenkins: {securityRealm: {local: {allowsSignup: true, users: []}}}', 'nobody makes an account'],
    [
      'jenkins: {securityRealm: {local: {allowsSignup: false, users: [{id: admin, password: hunter2}]}}}',
      'not a secret itself',
    ],
    [
      'jenkins: {authorizationStrategy: {globalMatrix: {entries: [{group: {name: anonymous, permissions: [Job/Read]}}]}}}',
      'anonymous',
    ],
    ['unclassified: {prometheusConfiguration: {useAuthenticatedEndpoint: false}}', 'useAuthenticatedEndpoint'],
    [
      'credentials: {system: {domainCredentials: [{credentials: [{usernamePassword: {scope: GLOBAL, id: a, username: b, password: c, idd: d}}]}]}}',
      "unknown key 'idd'",
    ],
    ['jenkins: [', 'not valid YAML'],
  ])('is refused: %s', (text, told) => expect(messages(checkCasc(text, 'x.yaml')).join('\n')).toContain(told));

  it('sizes fleets as the issues of their plugin taught', () => {
    const text = files.find(([path]) => path === 'jcasc/aws/agents.yaml')?.[1] ?? '';
    expect(text).not.toMatch(/idleMinutes: 0/);
    for (const setting of [
      'disableTaskResubmit: true',
      'noDelayProvision: true',
      'addNodeOnlyIfRunning: true',
      'restrictUsage: true',
    ])
      expect(text.split(setting).length - 1, setting).toBe(2);
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

  it('finds planted secrets wherever they stand, and does not show them', async () => {
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

  it('tells all faults of all files at once', async () => {
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
