import { describe, expect, it } from 'vitest';
import { emptyWarning } from '../../ts-src/engine/build/empty.ts';
import type { Member } from '../../ts-src/inspect/members.ts';
import { buildTypes } from '../../ts-src/model/build-types/index.ts';
import { keysOf } from '../../ts-src/model/maps.ts';
import type { BriefRecord } from '../../ts-src/model/result.ts';
import { packIndex, unpackIndex } from '../../ts-src/store/scope-index.ts';
import { renderEvent } from '../../ts-src/render/summary.ts';
import { sourcePackage } from './planned.ts';

const member = (path: string, type: Member['type'] = 'file'): Member => ({ path, type, mode: 0o644, target: '' });
const packed = [
  member('/opt', 'directory'),
  member('/usr/share/doc/acme-d-a', 'directory'),
  member('/usr/share/doc/acme-d-a/copyright'),
];
const warningOf = (tags: [string, string][], members: Member[], extra = '', buildType = 'cmake' as const) => {
  const { manifest } = sourcePackage('a', tags);
  const exports = extra ? [...manifest.exports, { name: extra, attributes: {}, text: '' }] : manifest.exports;
  return emptyWarning({ buildType, debian: 'acme-d-a' }, { ...manifest, exports }, members);
};

describe('a package that installs nothing', () => {
  it('is told with the file and what is missing', () => {
    const told =
      'CMakeLists.txt installs nothing, so the package is empty: add install() rules, such as install(TARGETS NAME); ' +
      'if it only brings other packages, add <metapackage/> to <export> in package.xml';
    expect(warningOf([], packed)).toBe(told);
    expect(warningOf([['depend', 'b']], packed)).toBe(told);
    expect(warningOf([['buildtool_depend', 'cmake']], packed)).toBe(told);
  });

  it('is none if it has any file or link, or is there to bring others', () => {
    expect(warningOf([], [...packed, member('/opt/acme/d/bin/x', 'link')])).toBeUndefined();
    expect(warningOf([], [...packed, member('/usr/share/doc/acme-d-abc/x')])).toBeUndefined();
    expect(warningOf([['depend', 'b']], packed, 'metapackage')).toBeUndefined();
    expect(
      warningOf(
        [
          ['buildtool_depend', 'ament_cmake'],
          ['exec_depend', 'b'],
        ],
        packed,
      ),
    ).toBeUndefined();
  });

  it.each(keysOf(buildTypes))('has advice for the build type %s', (type) => {
    const { manifest } = sourcePackage('a', []);
    expect(emptyWarning({ buildType: type, debian: 'a' }, manifest, [])).toMatch(
      /^(CMakeLists\.txt|meson\.build|setup\.py) installs nothing, so the package is empty: /,
    );
  });

  it('is shown with its warning', () => {
    const result = {
      id: 'd/bookworm-amd64/a',
      name: 'a',
      kind: 'build' as const,
      state: 'built' as const,
      reason: '',
      version: '1.0.0-1',
    };
    expect(renderEvent({ ...result, warning: 'it is empty' }, 1, 2)).toBe(
      '[1/2] built d/bookworm-amd64/a 1.0.0-1\n    warning: it is empty\n',
    );
  });

  it('keeps its warning in the index of a scope', () => {
    const digest = 'a'.repeat(64);
    const record: BriefRecord = {
      schema: 4,
      key: digest,
      package: 'a',
      version: '1.0.0-1',
      debs: [],
      files: { name: 'files.json', sha256: digest, size: 2 },
      systemDepends: [],
      interface: { api: digest, tool: digest, code: digest, full: digest, loads: false, offers: false },
      abi: 'acme-d-a-abi-1',
      requires: [],
      milliseconds: 1,
    };
    for (const kept of [record, { ...record, warning: 'it is empty' }])
      expect([...unpackIndex(packIndex([kept], [])).builds.values()]).toEqual([kept]);
  });
});
