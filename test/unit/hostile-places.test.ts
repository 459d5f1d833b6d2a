import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { environmentFault } from '../../ts-src/io/faults.ts';
import { readRelease } from '../../ts-src/publish/indices.ts';
import { renderJobsCasc } from '../../ts-src/render/jobs.ts';
import { FileBlobs } from '../../ts-src/store/file-blobs.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-places-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('a FIFO in a store or a served folder is an error, and does not block', () => {
  execFileSync('mkfifo', [join(folder, 'InRelease')]);
  return expect(() => new FileBlobs(folder).getTagged('InRelease')).rejects.toMatchObject({ code: 'ENXIO' });
});

it('a served InRelease of hundreds of megabytes is refused', () => {
  expect(readRelease(Buffer.alloc(600 << 20, 'x'))).toMatchObject({ state: undefined, whole: false });
});

it("a repository's address can't read secrets of the controller", () => {
  const script = renderJobsCasc({
    folder: 'acme',
    organization: 'acme',
    distroUrl: 'https://x.test/d.git',
    distroBranch: undefined,
    farmUrl: undefined,
    credentials: undefined,
    keepBranches: 3,
    buildTags: false,
    every: 5,
    repositories: [{ name: 'a', url: 'https://evil.test/${AWS_SECRET}', distributions: ['d'] }],
  });
  expect(script).toContain("'https://evil.test/^${AWS_SECRET}'");
  expect(script.replaceAll('^${', '')).not.toContain('${');
});

it('a folder in place of a file to remove is reported with its path', () => {
  const taken = join(folder, 'package.deb');
  mkdirSync(taken);
  const told = (): string | undefined => {
    try {
      rmSync(taken);
      return 'removed';
    } catch (e) {
      return environmentFault(e);
    }
  };
  expect(told()).toBe(`${taken}: it is a folder, and a file is needed`);
});
