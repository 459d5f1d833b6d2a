import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { allowedPaths } from '../../ts-src/inspect/members.ts';
import { Packages, type OwnPackage } from '../../ts-src/sandbox/package-layers.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import { containing } from './containing.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-clash-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("conflicts of a symlink or file with another package's folder are reported by name", async () => {
  const store = await openStore(`file:${folder}/store`, folder, folder, undefined);
  const packages = new Packages(folder, store);
  /** `files`: by path below the prefix the target of a link, or an empty text for a file. */
  const own = async (name: string, files: Record<string, string>): Promise<OwnPackage> => {
    const tree = join(folder, name);
    mkdirSync(join(tree, 'DEBIAN'), { recursive: true });
    writeFileSync(
      join(tree, 'DEBIAN/control'),
      `Package: acme-d-${name}\nVersion: 1\nArchitecture: amd64\nMaintainer: a <a@b.org>\nDescription: d\n`,
    );
    for (const [path, target] of Object.entries(files)) {
      const at = join(tree, 'opt/acme/d', path);
      mkdirSync(dirname(at), { recursive: true });
      if (target) symlinkSync(target, at);
      else writeFileSync(at, name);
    }
    const file = join(folder, `acme-d-${name}_1_amd64.deb`);
    execFileSync('dpkg-deb', ['--root-owner-group', '-Zgzip', '--build', tree, file]);
    const debian = `acme-d-${name}`;
    return {
      deb: await store.put(file),
      policy: { package: debian, allowed: allowedPaths(debian, '/opt/acme/d', []) },
    };
  };
  const status = join(folder, 'status');
  writeFileSync(status, 'Package: base\nStatus: install ok installed\n');
  const link = await own('link', { 'lib/a': '', lib64: 'lib' });
  const inside = await own('inside', { 'lib64/b': '' });
  const other = await own('other', { 'lib/c': '' });
  const plain = await own('plain', { 'lib/c/d': '' });
  const compose = (target: string, ...all: OwnPackage[]) => packages.compose(all, status, join(folder, target));
  const words = {
    clash: containing("'acme-d-link' ships /opt/acme/d/lib64 as a file or link, 'acme-d-inside' ships"),
  };
  expect(await compose('one', link, inside)).toEqual(words);
  expect(await compose('two', inside, link)).toEqual(words);
  expect(await compose('three', other, plain)).toHaveProperty('clash');
  expect(await compose('four', link, other)).toBeUndefined();
  expect(existsSync(join(folder, 'four/opt/acme/d/lib/c'))).toBe(true);
});
