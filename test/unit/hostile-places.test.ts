import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { sourceLink } from '../../ts-src/docs/package-info.ts';
import { readStates } from '../../ts-src/docs/publication.ts';
import { environmentFault } from '../../ts-src/io/faults.ts';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';
import { readRelease } from '../../ts-src/publish/indices.ts';
import { renderReport } from '../../ts-src/render/report.ts';
import { renderJobsCasc } from '../../ts-src/render/jobs.ts';
import { FileBlobs } from '../../ts-src/store/file-blobs.ts';
import { slipway } from '../e2e/helpers.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-places-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('a FIFO in a store or a served folder is an error, and does not block', () => {
  execFileSync('mkfifo', [join(folder, 'InRelease')]);
  return expect(() => new FileBlobs(folder).getTagged('InRelease')).rejects.toMatchObject({ code: 'ENXIO' });
});

it('a served file that is too large to hold several of them is refused', async () => {
  const path = join(folder, 'large');
  writeFileSync(path, '');
  truncateSync(path, 300 << 20);
  await expect(new FolderEndpoint(folder).read('large')).rejects.toMatchObject({ code: 'ELARGE', path });
  rmSync(path);
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

it('no text ends a line of the configuration of jobs, and nothing behind it is read as configuration', () => {
  const script = renderJobsCasc({
    folder: 'acme',
    organization: 'acme',
    distroUrl: "https://x.test/d.git\\u0027'",
    distroBranch: '\ud800',
    farmUrl: undefined,
    credentials: undefined,
    keepBranches: 3,
    buildTags: false,
    every: 5,
    repositories: ['\u0085', '\u2028', '\u2029', '\0', '\r', '\n'].map((end) => ({
      name: `a${end}jenkins: {}`,
      url: `https://evil.test/${end}jenkins: {systemMessage: taken}`,
      distributions: ['d'],
    })),
  });
  expect(script).toMatch(/^[\n\x20-\x7e]*$/);
  expect(script.split('\n').filter((line) => !/^(jobs:|  - script: \||      .*|)$/.test(line))).toEqual([]);
  expect(script).toContain("'https://evil.test/\\u2028jenkins: {systemMessage: taken}'");
});

it('an address of a page has no halves of surrogate pairs, which end encodeURI', () => {
  const at = { url: 'https://git.test/a/b.git', commit: 'c'.repeat(40), path: 'p\ud800' };
  expect(sourceLink(at, 'README\udc00.md#x\ud800')).toBe(
    `https://git.test/a/b/tree/${'c'.repeat(40)}/p%EF%BF%BD/README%EF%BF%BD.md#x%EF%BF%BD`,
  );
});

it('a report links to files only, and shows every text as text', () => {
  const evil = `"'><img src=x onerror=alert(1)></script><script>alert(2)</script>\ud800`;
  const task = {
    id: evil,
    name: evil,
    kind: 'build',
    state: 'failed',
    reason: evil,
    warning: evil,
    version: evil,
  } as const;
  const more = { scope: evil, buildType: evil, upstream: evil, repository: evil, needs: [evil], tail: [evil] };
  for (const log of [evil, 'javascript:alert(1)', 'JavaScript:x/y', 'logs/a.log']) {
    const tasks = [{ ...task, ...more, log }];
    const files = renderReport({ title: evil, stamp: evil, begun: 1, finished: 2, notes: [evil], tasks });
    for (const text of [files['report.html'] ?? '', ...Object.values(files).filter((t) => t.startsWith('<svg'))]) {
      expect(text).not.toMatch(/<img src=x|<script>|href="[a-z]+:/i);
    }
  }
});

it("a place's list of sites is bounded", async () => {
  const state = { name: 'x', digest: 'x', packages: 1, documented: 1, total: 1, warnings: 1 };
  const many = Array.from({ length: 5000 }, (_, i) => ({ ...state, path: `${String(i).padStart(14, '0')}-aaaaaaaa` }));
  const endpoint = new FolderEndpoint(join(folder, 'sites'));
  await endpoint.put('states.json', Buffer.from(JSON.stringify(many)));
  expect((await readStates(endpoint)).states).toHaveLength(1000);
});

it('an update of a farm writes and removes nothing behind a link that its repository has', async () => {
  const [farm, victim] = [join(folder, 'farm'), join(folder, 'victim')];
  mkdirSync(victim);
  const answers = join(folder, 'answers.yaml');
  writeFileSync(answers, 'organization: acme\ndistro: https://x.test/d.git\nlibrary: https://x.test/l.git\n');
  const made = await slipway(['deploy', 'init', farm, '--yes', '--answers', answers], folder);
  expect(made.code, made.stderr).toBe(0);
  for (const part of readdirSync(join(farm, 'jcasc'))) rmSync(join(farm, 'jcasc', part), { recursive: true });
  rmSync(join(farm, 'jcasc'), { recursive: true });
  symlinkSync(victim, join(farm, 'jcasc'));
  writeFileSync(join(victim, 'kept'), 'x');
  const record = join(farm, '.slipway-deploy.json');
  const recorded = readFileSync(record, 'utf8');
  writeFileSync(record, recorded.replace('"files": {', '"files": {"jcasc/kept": "x",'));
  const updated = await slipway(['deploy', 'update', farm, '--apply'], folder);
  expect([updated.code, updated.stderr]).toEqual([1, expect.stringContaining('a link in the folder leads elsewhere')]);
  expect(readdirSync(victim)).toEqual(['kept']);
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
