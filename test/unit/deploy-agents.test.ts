import { cpSync, mkdtempSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { renderDeployment } from '../../ts-src/deploy/files.ts';
import { checkCasc } from '../../ts-src/deploy/jcasc.ts';
import { toolsetOf, whyDue } from '../../ts-src/deploy/toolset.ts';
import { parseDistro } from '../../ts-src/read/distro.ts';
import { root } from '../e2e/helpers.ts';
import { scratch, answersOf, messages } from './deploy-answers.ts';

describe("the agents' image", () => {
  const wanted = { organization: 'acme', architecture: 'amd64', toolset: 'abc', days: 7 };
  const tags = { farm: 'acme', 'slipway-agent': 'amd64', 'slipway-toolset': 'abc' };
  const image = (more: object = {}) => ({ id: 'ami-1', created: '2026-11-20T00:00:00.000Z', tags, ...more });
  const why = (given: ReturnType<typeof image> | undefined, now: string) =>
    whyDue('ami-1', given, wanted, Date.parse(now));

  it('is due when it is missing, foreign, made from other files, or old', () => {
    expect(why(image(), '2026-11-26T23:00:00Z')).toBe(undefined);
    expect(why(image(), '2026-11-27T00:00:01Z')).toBe('ami-1 is 7 days old');
    expect(why(undefined, '2026-11-21T00:00:00Z')).toBe('ami-1 is not there any more');
    expect(why(image({ tags: {} }), '2026-11-21T00:00:00Z')).toContain('is no image of this farm');
    const other = image({ tags: { ...tags, 'slipway-toolset': 'abd' } });
    expect(why(other, '2026-11-21T00:00:00Z')).toContain('have changed since');
    // For an image from distro.yaml only the age counts.
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
    // All files that it names are in the folder, to be copied as its first lines say.
    for (const from of [agent?.hook, ...(agent?.files ?? []).map((f) => f.from)]) {
      const name = (from ?? '').replace('agent/', '');
      expect(Object.keys(files)).toContainEqual(
        expect.stringMatching(new RegExp(`^(image|ansible/roles/slipway_agent/files)/${name}$`)),
      );
    }
    // It contains everything that the role installs, except what every machine has.
    const role = files['ansible/roles/slipway_agent/tasks/main.yaml'] ?? '';
    const names = [...role.matchAll(/^ {6}- ([a-z0-9-]+)$/gm)].map((m) => m[1] ?? '');
    const lacking = names.filter((n) => !agent?.system.includes(n) && !['dpkg', 'mount', 'util-linux'].includes(n));
    expect(lacking).toEqual([]);
  });

  it('has another toolset after each change of a file or a name', () => {
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

  it('sizes fleets to avoid known issues of the plugin', () => {
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
