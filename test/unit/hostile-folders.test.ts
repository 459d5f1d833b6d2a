import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { filesOf } from '../../ts-src/farm/run-files.ts';
import { snapshotFolder } from '../../ts-src/read/git/git.ts';
import { missingPatches } from '../../ts-src/read/patches.ts';
import { readWorkspace } from '../../ts-src/read/workspace.ts';
import { slipway } from '../e2e/helpers.ts';

/** Folders of the user's own, in which a program left what is no file. */

const root = mkdtempSync(join(tmpdir(), 'slipway-folders-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const fifo = (path: string): void => void execFileSync('mkfifo', [path]);
const repository = (at: string): void => {
  mkdirSync(join(at, '.git/refs'), { recursive: true });
  mkdirSync(join(at, '.git/objects'));
};
let number = 0;
function folderWith(fill: (at: string) => void): string {
  const at = join(root, String(number++));
  mkdirSync(join(at, 'package'), { recursive: true });
  writeFileSync(join(at, 'package/file'), 'x');
  fill(at);
  return at;
}

describe('a folder of sources', () => {
  const endless: Record<string, (at: string) => void> = {
    'package/.gitignore': (at) => fifo(join(at, 'package/.gitignore')),
    '.gitattributes': (at) => fifo(join(at, '.gitattributes')),
    'package/.git/HEAD': (at) => {
      repository(join(at, 'package'));
      fifo(join(at, 'package/.git/HEAD'));
    },
    'a/.git/HEAD': (at) => {
      repository(join(at, 'a'));
      symlinkSync('/dev/zero', join(at, 'a/.git/HEAD'));
    },
  };
  for (const [name, fill] of Object.entries(endless))
    it(`fails with a name if git would read without end: ${name}`, async () => {
      const read = await snapshotFolder(folderWith(fill), join(root, 'state'));
      expect(read).toMatchObject({ ok: false, diagnostics: [{ code: 'source-folder' }] });
      expect(read.ok ? '' : read.diagnostics[0]?.message).toContain(`: ${name} is a FIFO, a socket or a device`);
    }, 20_000);

  it('may have others, which git leaves out', async () => {
    const plain = await snapshotFolder(
      folderWith(() => undefined),
      join(root, 'state'),
    );
    const more = await snapshotFolder(
      folderWith((at) => {
        fifo(join(at, 'package/fifo'));
        repository(join(at, 'package/empty'));
      }),
      join(root, 'state'),
    );
    expect(plain.ok && more.ok && more.value.tree === plain.value.tree).toBe(true);
  });
});

describe('a distro repository', () => {
  const distro = (at: string): void =>
    writeFileSync(
      join(at, 'distro.yaml'),
      `organization: acme
distributions: {d: {platforms: [p], folders: [src], ros_version: 1}}
platforms: {p: {os: debian, release: bookworm}}
package_settings: {a: {patches: [a.patch]}}
`,
    );

  it('names a patch that is a FIFO, and does not wait for it', async () => {
    const at = folderWith((folder) => {
      distro(folder);
      fifo(join(folder, 'a.patch'));
      mkdirSync(join(folder, 'src'));
    });
    const workspace = await readWorkspace(join(at, 'distro.yaml'), undefined);
    if (!workspace.ok) throw new Error('the distro file is wrong');
    expect(missingPatches(workspace.value).map((d) => d.message)).toEqual([
      "package_settings of 'a' names the patch a.patch, which is no file",
    ]);
    const read = filesOf(workspace.value.distro, at);
    expect(read.diagnostics.map((d) => d.code)).toEqual(['file-missing']);
    const validated = await slipway(['validate'], at);
    expect([validated.code, validated.stderr]).toEqual([1, expect.stringContaining('which is no file')]);
  }, 20_000);
});
