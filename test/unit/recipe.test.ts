import { describe, expect, it } from 'vitest';
import { keyText, ownInputs } from '../../ts-src/engine/keys.ts';
import type { Scope, Target, PlannedPackage } from '../../ts-src/model/plan.ts';
import { parseDistro } from '../../ts-src/read/distro.ts';
import { parseManifest } from '../../ts-src/read/manifest/manifest.ts';
import { renderRecipe } from '../../ts-src/render/debian.ts';

const good = <T>(result: { ok: true; value: T } | { ok: false }): T => {
  if (!result.ok) throw new Error('it is not read');
  return result.value;
};
const distro = good(
  parseDistro(
    'organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 2}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\n',
    'distro.yaml',
  ),
);
const manifest = (more = '') =>
  good(
    parseManifest(
      `<package format="3"><name>p</name><version>1.2.3</version><description>d</description><maintainer email="a@b.org">m</maintainer><license>BSD</license>${more}</package>\n`,
      'package.xml',
    ),
  );
const target: Target = { platform: 'bookworm', os: 'debian', release: 'bookworm', architecture: 'amd64', variant: '' };
const scope: Scope = {
  distribution: 'd',
  platform: 'bookworm',
  rosVersion: 2,
  prefix: '/opt/acme/d',
  underlayPrefixes: [],
  targets: [target],
  packages: [],
};
const planned: PlannedPackage = {
  name: 'p',
  repository: 'r',
  version: '1.2.3',
  buildType: 'cmake',
  source: { url: 'https://example.org/r.git', commit: 'a'.repeat(40), tree: 'b'.repeat(40), path: '' },
  debian: 'acme-d-p',
  why: { named: true },
  build: [],
  run: [],
  test: [],
  tools: [],
  systemBuild: [],
  systemRun: [],
  systemTest: [],
  bounds: {},
  depth: 0,
};

const keyOf = (p: PlannedPackage) =>
  keyText(
    ownInputs({
      scope,
      target,
      package: p,
      distro,
      settings: {},
      environment: {},
      variant: undefined,
      templates: '',
      patches: '',
      manifest: '',
      base: '',
    }),
  );
const recipeOf = (p: PlannedPackage, more?: string) =>
  renderRecipe({
    package: p,
    manifest: manifest(more),
    version: '1.2.3-0bookworm.20261101.000000',
    stamp: '20261101000000',
    release: 'bookworm',
    prefix: scope.prefix,
    underlayPrefixes: [],
    cmakeArgs: [],
    environment: {},
    externalLibraries: [],
    buildDepends: [],
    maintainer: undefined,
    licenseText: undefined,
    rosVersion: 1,
    distribution: 'd',
    notices: ['2020 A'],
  });

describe('the recipe of a package', () => {
  const { source } = planned;
  const others: Record<string, Partial<PlannedPackage>> = {
    'another name of its repository': { repository: 'other' },
    'another URL': { source: { ...source, url: 'ssh://git@example.org/fork.git' } },
    'a URL with a password': { source: { ...source, url: 'https://u:p@example.org/r.git' } },
    'a folder of this machine': { source: { ...source, url: '/srv/r' } },
    'another commit of the same tree': { source: { ...source, commit: 'c'.repeat(40) } },
    'a tag': { source: { ...source, ref: 'v1' } },
    'another folder of its repository': { source: { ...source, path: 'p' } },
    'another reason to be built': { why: { neededBy: 'q' }, depth: 3 },
    'other tests': { test: ['q'], systemTest: ['x'], impliedTest: ['y'] },
  };
  it.each(Object.entries(others))('is the same if the key is the same: %s', (_, more) => {
    const other = { ...planned, ...more };
    expect(keyOf(other)).toBe(keyOf(planned));
    expect(recipeOf(other)).toEqual(recipeOf(planned));
  });

  it.each<[string, Partial<PlannedPackage>]>([
    ['name', { debian: 'acme-d-q' }],
    ['version', { version: '1.2.4' }],
    ['source tree', { source: { ...source, tree: 'd'.repeat(40) } }],
  ])('of another %s is another', (_, more) => {
    const other = { ...planned, ...more };
    expect(keyOf(other)).not.toBe(keyOf(planned));
    expect(recipeOf(other)).not.toEqual(recipeOf(planned));
  });

  it("has the source's URL from the manifest, without logins", () => {
    const copyright = (more: string) => recipeOf(planned, more).copyright?.split('\n').slice(1, 4);
    const [website, repository] = ['https://example.org/p', 'https://git.example.org/p'];
    expect(copyright('')).toEqual(['Upstream-Name: p', '', 'Files: *']);
    expect(copyright(`<url>${website}</url>`)).toEqual(['Upstream-Name: p', `Source: ${website}`, '']);
    expect(copyright(`<url>${website}</url><url type="repository">${repository}</url>`)?.[1]).toBe(
      `Source: ${repository}`,
    );
    expect(copyright('<url type="repository">https://u:p@example.org/p</url>')?.[1]).toBe('');
    expect(copyright('<url type="repository">git@example.org:p</url>')?.[1]).toBe('');
  });
});
