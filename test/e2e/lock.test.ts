import { execFileSync } from 'node:child_process';
import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../ts-src/model/digest.ts';
import { debs, discard, resultOf, slipway, workspace } from './helpers.ts';

describe('the lock after a history of edits', () => {
  const [folder, other] = [workspace('history'), workspace('history-again')];
  afterAll(() => Promise.all([discard(folder), discard(other)]));
  const write = (path: string, text: string) => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const commit = (name: string) =>
    execFileSync('sh', [
      '-ec',
      'cd "$1"; git init -q -b main; git add -A; git -c user.name=a -c user.email=a@b.org commit -qm x',
      'sh',
      join(folder, 'repositories', name),
    ]);
  const edit = (name: string, text: string, needs: string[] = []) => {
    const at = `repositories/${name}`;
    write(
      `${at}/package.xml`,
      `<package format="3"><name>${name}</name><version>1.0.0</version><description>d</description><maintainer email="a@b.org">m</maintainer><license>BSD</license>${needs.map((n) => `<depend>${n}</depend>`).join('')}<export><build_type>cmake</build_type></export></package>\n`,
    );
    const copies = needs.map((n) => `install(FILES /opt/acme/tiny/share/${n}/${n}.txt DESTINATION share/${name})`);
    write(
      `${at}/CMakeLists.txt`,
      `cmake_minimum_required(VERSION 3.18)\nproject(${name} NONE)\ninstall(FILES ${name}.txt DESTINATION share/${name})\n${copies.join('\n')}\n`,
    );
    write(`${at}/${name}.txt`, `${text}\n`);
    commit(name);
  };
  const bytes = (at: string) => Object.fromEntries(debs(at).map((d) => [basename(d), sha256(readFileSync(d))]));
  const published = () => new Set(resultOf(folder).flatMap((r) => (r.debs ?? []).map((d) => d.name)));

  it('restores every published package from an empty store, byte for byte', async () => {
    writeFileSync(
      join(folder, 'distro.yaml'),
      'organization: acme\ndistributions:\n  tiny: { platforms: [bookworm], repos: [tiny.repos], ros_version: 1 }\nplatforms:\n  bookworm: { os: debian, release: bookworm, architectures: [amd64] }\n',
    );
    writeFileSync(
      join(folder, 'tiny.repos'),
      `repositories:\n${['a', 'b', 'c'].map((n) => `  ${n}: {type: git, url: ./repositories/${n}, version: main}\n`).join('')}`,
    );
    edit('a', 'first');
    edit('b', 'first', ['a']);
    edit('c', 'first');
    const build = async (at: string, ...args: string[]) => {
      const ran = await slipway(['build', ...args], at);
      expect(ran.code, ran.stderr).toBe(0);
    };
    await build(folder);
    for (const [name, text, needs] of [
      ['c', 'second', []],
      ['b', 'second', ['a']],
      ['c', 'third', []],
    ] as const) {
      edit(name, text, [...needs]);
      await build(folder);
    }
    const stamps = new Set(resultOf(folder).map((r) => r.version!.replace(/^.*bookworm\./, '')));
    expect(stamps.size).toBe(3);
    for (const part of ['distro.yaml', 'tiny.repos', 'repositories'])
      cpSync(join(folder, part), join(other, part), { recursive: true });
    await build(other, '--lock', join(folder, 'out/lock.yaml'));
    const [was, now] = [bytes(folder), bytes(other)];
    // The package with setup.sh, which no task builds, is restored, too.
    const environment = Object.keys(was).filter((name) => name.startsWith('acme-tiny-environment_'));
    expect(environment).toHaveLength(1);
    expect(Object.keys(now).sort()).toEqual([...published(), ...environment].sort());
    for (const [name, digest] of Object.entries(now)) expect(was[name], name).toBe(digest);
    const lock = (at: string) => readFileSync(join(at, 'out/lock.yaml'), 'utf8').replaceAll(at, '');
    expect(lock(other)).toBe(lock(folder));
    // All times in a package are that of its version.
    const b = debs(other).find((d) => basename(d).startsWith('acme-tiny-b_'))!;
    const times = execFileSync('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" | TZ=UTC tar -tv --full-time', 'sh', b], {
      encoding: 'utf8',
    });
    expect(
      new Set(
        times
          .trim()
          .split('\n')
          .map((l) => l.split(/\s+/).slice(3, 5).join(' ')),
      ).size,
    ).toBe(1);
  });

  it('finds everything in the store if rosdistro files name the same sources as the .repos file', async () => {
    const before = Object.fromEntries(resultOf(folder).map((r) => [r.name, r.version]));
    write(
      'rosdistro/index-v4.yaml',
      '%YAML 1.1\n---\ndistributions:\n  tiny: {distribution: [tiny/distribution.yaml], distribution_type: ros1, python_version: 3}\ntype: index\nversion: 4\n',
    );
    write(
      'rosdistro/tiny/distribution.yaml',
      `%YAML 1.1\n---\nrepositories:\n${['a', 'b', 'c'].map((n) => `  ${n}: {source: {type: git, url: ./repositories/${n}, version: main}}\n`).join('')}type: distribution\nversion: 2\n`,
    );
    writeFileSync(
      join(folder, 'distro.yaml'),
      'organization: acme\nindex: rosdistro/index-v4.yaml\ndistributions: {tiny: {platforms: [bookworm]}}\nplatforms:\n  bookworm: { os: debian, release: bookworm, architectures: [amd64] }\n',
    );
    const ran = await slipway(['build'], folder);
    expect(ran.code, ran.stderr).toBe(0);
    expect(resultOf(folder).map((r) => r.state)).toEqual(['cached', 'cached', 'cached']);
    expect(Object.fromEntries(resultOf(folder).map((r) => [r.name, r.version]))).toEqual(before);
  });
});
