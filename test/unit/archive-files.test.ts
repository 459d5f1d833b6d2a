import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { sha256File } from '../../ts-src/io/files.ts';
import { fetchArchive } from '../../ts-src/read/git/git.ts';
import { unpackArchive } from '../../ts-src/read/git/unpack.ts';
import { renderDiagnostics } from '../../ts-src/render/diagnostics.ts';
import { containing } from './containing.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-archive-files-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each(['.gitignore', '.gitattributes', '.gitmodules', '.git', 'sub/.gitignore', 'x'])(
  'an archive with a FIFO as %s fails, and stops no other',
  async (name) => {
    const content = mkdtempSync(join(folder, 'content-'));
    mkdirSync(join(content, 'a/sub'), { recursive: true });
    writeFileSync(join(content, 'a/package.xml'), '<x/>');
    execFileSync('mkfifo', [join(content, 'a', name)]);
    const file = `${content}.tar`;
    execFileSync('tar', ['-C', content, '-cf', file, 'a']);
    const got = fetchArchive({ type: 'tar', url: file, sha256: await sha256File(file) }, file, join(folder, 'state'));
    expect(await got).toMatchObject({
      ok: false,
      diagnostics: [{ code: 'source-archive', message: containing(`contains a/${name}, which is no file`) }],
    });
  },
  20_000,
);

it("an archive's folders without rights can be read and removed by a user who is not root", async () => {
  const content = mkdtempSync(join(folder, 'content-'));
  mkdirSync(join(content, 'a/deep/er'), { recursive: true });
  execFileSync('tar', ['-C', content, '-cf', `${content}.tar`, '--mode=a-rwx', 'a']);
  const got = await unpackArchive(`${content}.tar`, 'tar', 'http://h/a', `${content}-out`);
  if (!got.ok) throw new Error(renderDiagnostics(got.diagnostics));
  for (const path of ['', 'deep', 'deep/er']) expect(statSync(join(got.value, path)).mode & 0o700, path).toBe(0o700);
});
