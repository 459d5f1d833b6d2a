import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { distroJsonSchema } from '../../ts-src/model/distro.ts';
import { parseDistro } from '../../ts-src/read/distro.ts';
import { renderDiagnostics } from '../../ts-src/render/diagnostics.ts';

const said = (text: string): string => renderDiagnostics(parseDistro(text, 'distro.yaml').diagnostics);

describe('distro.yaml', () => {
  it('is short where the defaults are enough', () => {
    const read = parseDistro(
      'organization: acme\nindex: index-v4.yaml\ndistributions: {jazzy: {platforms: [bookworm]}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\n',
      'distro.yaml',
    );
    expect(read.ok && read.value).toMatchObject({
      organization: 'acme',
      rosdep: [],
      store: 'file:.slipway/store',
      naming: { package: '{organization}-{distribution}-{name}', prefix: '/opt/{organization}/{distribution}' },
      distributions: { jazzy: { packages: ['*'], sources: 'source', underlay: [], variants: [] } },
      platforms: { bookworm: { architectures: ['amd64'], underlays: {} } },
    });
  });

  it('reports all faults at once, with line and advice', () => {
    const text = said(`organisation: acme
organization: Acme
index: ../index.yaml
distributions:
  jazzy:
    platforms: [bookworm]
    sources: sources
    pakages: [a]
platforms:
  bookworm:
    os: debain
    architectures: [amd65]
`);
    expect(text.split('\n').sort()).toEqual(
      `
distro.yaml:1: error: unknown key 'organisation' [distro-invalid]
    did you mean 'organization'?
distro.yaml:2: error: organization must be lower case letters and digits, not 'Acme' [distro-invalid]
distro.yaml:3: error: index must be a path inside the distro repository, not '../index.yaml' [distro-invalid]
distro.yaml:7: error: distributions.jazzy.sources must be one of source, release, not 'sources' [distro-invalid]
    did you mean 'source'?
distro.yaml:8: error: unknown key 'pakages' in distributions.jazzy [distro-invalid]
    did you mean 'packages'?
distro.yaml:11: error: platforms.bookworm.os must be one of debian, ubuntu, not 'debain' [distro-invalid]
    did you mean 'debian'?
distro.yaml:10: error: platforms.bookworm.release is missing [distro-invalid]
    add \`release:\` with a text
distro.yaml:12: error: platforms.bookworm.architectures[0] must be one of amd64, arm64, armhf, i386, ppc64el, riscv64, s390x, not 'amd65' [distro-invalid]
    did you mean 'amd64'?
`
        .split('\n')
        .slice(1)
        .sort(),
    );
  });

  it('checks references between its parts', () => {
    expect(
      said(
        'organization: acme\nindex: i.yaml\ndistributions:\n  jazzy:\n    platforms: [bookwrom]\n    variants: [gcc]\n    underlay: [ros2]\nplatforms:\n  bookworm: {os: debian, release: bookworm, underlays: {ros: {uri: "http://x/y"}}}\n',
      ),
    )
      .toBe(`distro.yaml:5: error: distributions.jazzy.platforms names the platform 'bookwrom', which is not defined [distro-reference]
    did you mean 'bookworm'?
distro.yaml:6: error: distributions.jazzy.variants names the variant 'gcc', which is not defined [distro-reference]
    define it under variants
distro.yaml:9: error: platforms.bookworm.underlays.ros is an archive without a key [archive-trust]
    set \`key:\` to its public key; for a repository that only you can write, set \`trusted: true\`
distro.yaml:9: error: platforms.bookworm.underlays.ros.suite is missing [distro-invalid]
    an underlay with \`uri\` needs \`suite\`
`);
  });

  it('refuses values that would reach a shell, a path or apt unchecked', () => {
    const base = (extra: string) =>
      said(
        `organization: acme\nindex: i.yaml\ndistributions: {jazzy: {platforms: [b]}}\nplatforms: {b: {os: debian, release: bookworm}}\n${extra}\n`,
      );
    for (const extra of [
      'rosdep: [/etc/passwd]',
      'rosdep: [a/../../b]',
      'package_settings: {a: {build_depends: ["x; rm -rf /"]}}',
      'package_settings: {a: {environment: {"A B": c}}}',
      'package_settings: {a: {cmake_args: ["a\\nb"]}}',
      'naming: {prefix: "/opt/$(id)"}',
      'naming: {package: "{name}; x"}',
      'package_settings: {"a/b": {skip: true}}',
      'signing_key: "--foo"',
    ]) {
      expect(base(extra), extra).toMatch(/error/);
    }
  });

  it('installs to no folder of the system, where a package could replace programs', () => {
    const withPrefix = (prefix: string, organization = 'acme') =>
      said(
        `organization: ${organization}\nindex: i.yaml\ndistributions: {jazzy: {platforms: [b]}}\n` +
          `platforms: {b: {os: debian, release: bookworm}}\nnaming: {prefix: "${prefix}"}\n`,
      );
    const folders = ['/', '/usr', '/usr/', '/usr/local', '/usr/bin/x', '/etc/cron.d', '/lib64', '/usr/lib', '/var'];
    for (const prefix of [...folders, '/usr/lib/x86_64-linux-gnu', '/lib/x', '/dev/shm', '/slipway', '/build/x'])
      expect(withPrefix(prefix), prefix).toMatch(/^distro.yaml:5: error: naming.prefix: .* is a folder of the system/);
    expect(withPrefix('/{organization}', 'usr')).toContain('/usr is a folder of the system');
    for (const prefix of ['/opt', '/opt/acme', '/usr/local/acme', '/usr/lib/acme', '/srv/etc', '/home/robot'])
      expect(withPrefix(prefix), prefix).toBe('');
  });

  it('has a JSON schema for editors from the same definition', () => {
    const schema = distroJsonSchema() as { properties: Record<string, unknown>; additionalProperties: boolean };
    expect(schema.additionalProperties).toBe(false);
    expect(Object.keys(schema.properties)).toEqual(
      expect.arrayContaining(['organization', 'distributions', 'platforms', 'package_settings', 'store']),
    );
  });

  it('survives hostile YAML', () => {
    expect(
      said(
        'a: &a [x,x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c,*c,*c,*c,*c,*c]\n',
      ),
    ).toMatch(/unknown key 'a'/);
    expect(said('organization: [1\n')).toMatch(/distro\.yaml:\d+: error: not valid YAML/);
    expect(said('a: &a {b: *a}\n')).toMatch(/error/);
    expect(said('__proto__: {x: 1}\n')).toMatch(/the name '__proto__' in the file is not allowed/);
  });
});

it('the documentation shows every key, and a file that holds what it shows of tracks and tests is valid', () => {
  const folder = join(__dirname, '../../docs');
  const docs = readFileSync(join(folder, 'distro.md'), 'utf8');
  const pages = readdirSync(folder).filter((file) => file.endsWith('.md'));
  const all = pages.map((file) => readFileSync(join(folder, file), 'utf8'));
  const keys = Object.keys((distroJsonSchema() as { properties: Record<string, unknown> }).properties);
  expect(keys.length).toBeGreaterThan(10);
  expect(keys.filter((key) => !all.some((text) => new RegExp(`^ *${key}:`, 'm').test(text)))).toEqual([]);
  const shown = /^ {4}tests: [^]*?(?=^ {4}signing_key)/m.exec(docs)?.[0] ?? '';
  expect(shown).toContain('tracks:');
  const read = parseDistro(
    `organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 2}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\n${shown.replace(/^ {4}/gm, '')}`,
    'distro.yaml',
  );
  expect(renderDiagnostics(read.diagnostics)).toBe('');
  expect(read.ok && read.value.tests.minutes).toBe(60);
  expect(read.ok && read.value.tracks[0]).toMatchObject({ branch: 'main', channel: 'nightly', keep: 14 });
});
