import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterAll, expect, it } from 'vitest';
import { bad, Faults, isError, warning } from '../../ts-src/model/diagnostics.ts';
import { parseRepos } from '../../ts-src/read/repos-file.ts';
import { parseDistributionFile } from '../../ts-src/read/rosdistro.ts';
import { readDistribution } from '../../ts-src/read/distribution.ts';
import { readWorkspace } from '../../ts-src/read/workspace.ts';
import { parseYaml } from '../../ts-src/read/yaml.ts';
import { portOf } from '../port.mjs';
import { planOf, sourcePackage } from './planned.ts';

/** Texts with more faults or entries than anybody writes by mistake: they are faults, and end no run. */
const folder = mkdtempSync(join(tmpdir(), 'slipway-many-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function planned(distribution: string): Promise<string[]> {
  const file = join(folder, 'distro.yaml');
  writeFileSync(
    file,
    `organization: acme\nindex: index.yaml\ndistributions: {d: {platforms: [p], ros_version: 2, ${distribution}}}\n` +
      'platforms: {p: {os: debian, release: bookworm}}\n',
  );
  const workspace = await readWorkspace(file, join(folder, 'state'));
  if (!workspace.ok) throw new Error(JSON.stringify(workspace.diagnostics));
  const read = await readDistribution(workspace.value, 'd', undefined, new Map(), {});
  return read.diagnostics.map((d) => `${d.code}: ${d.message}`);
}

it('the faults of a folder of packages are told up to a limit', async () => {
  writeFileSync(join(folder, 'index.yaml'), 'version: 4\ndistributions: {d: {distribution: [d.yaml]}}\n');
  writeFileSync(join(folder, 'd.yaml'), 'version: 2\nrepositories: {}\n');
  for (let i = 0; i < 300; i++) {
    mkdirSync(join(folder, `src/p${i}`), { recursive: true });
    writeFileSync(join(folder, `src/p${i}/package.xml`), `<package format="2">\n${'<o/>\n'.repeat(1000)}</package>\n`);
  }
  const told = await planned('folders: [src]');
  expect(told).toHaveLength(1001);
  expect(told.at(-1)).toBe('manifest-invalid: the folder src has 299000 more faults like these');
});

it('no list of faults is too long to be added to another, and errors are not lost among warnings', () => {
  const many = Array.from({ length: 500_000 }, () => warning('odd', 'odd'));
  expect(bad(many).diagnostics).toHaveLength(500_000);
  const faults = new Faults('it');
  faults.add(many);
  expect(faults.some).toBe(false);
  faults.add([{ severity: 'error', code: 'wrong', message: 'wrong' }]);
  expect(faults.some).toBe(true);
  expect(faults.all().filter(isError)).toHaveLength(1);
  expect(faults.all()).toHaveLength(1002);
});

it('the names that a repository needs and that are not to be had are told up to a limit', () => {
  const needs = (p: string) => Array.from({ length: 900 }, (_, i): [string, string] => ['depend', `${p}x${i}`]);
  const told = planOf(
    ['a', 'b', 'c'].map((name) => ({ ...sourcePackage(name, needs(name)), repository: 'r' })),
  ).diagnostics;
  expect(told).toHaveLength(1001);
  expect(told.filter((d) => d.message === "the repository 'r' has 1700 more faults like these")).toHaveLength(1);
});

it('so are those of lists of repositories', () => {
  const entries = Array.from({ length: 200_000 }, (_, i) => `r${i}: 1`).join(', ');
  expect(parseDistributionFile(`repositories: {${entries}}`, 'd.yaml').diagnostics).toHaveLength(1001);
  expect(parseRepos(`repositories: {${entries}}`, 'r.repos').diagnostics).toHaveLength(1001);
});

it('YAML has at most two million entries', () => {
  for (const text of [`[${'[],'.repeat(3e6)}0]`, `{${'a,'.repeat(3e6)}a}`, '- 0\n'.repeat(3e6), 'a: 0\n'.repeat(3e6)])
    expect(parseYaml(text, 'y').diagnostics.map((d) => d.message)).toEqual([
      'the file has more than 2 million entries',
    ]);
  const long = parseYaml(`a: "${'x'.repeat(10 << 20)}"\nb: |\n${'  a:b-c [not so many]\n'.repeat(500_000)}`, 'y');
  expect(long.diagnostics).toEqual([]);
});

it('a cache of a server is limited before it is decoded', async () => {
  let body = Buffer.alloc(0);
  const server = createServer((_, response) => response.end(body));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${portOf(server)}/c.gz`;
  writeFileSync(
    join(folder, 'index.yaml'),
    `version: 4\ndistributions: {d: {distribution: [d.yaml], distribution_cache: "${url}"}}\n`,
  );
  const told = async (text: string | Buffer): Promise<string[]> => {
    body = gzipSync(text, { level: 1 });
    return planned('sources: release');
  };
  const head = 'type: cache\nversion: 2\nname: d\n';
  try {
    // A text of so many bytes is longer than any string.
    expect(await told(Buffer.alloc(512 << 20, 'a'))).toEqual([
      expect.stringMatching(/^cache-invalid: can't unpack it/),
    ]);
    expect(await told(`${head}distribution_file: [${'0,'.repeat(500_000)}0]\n`)).toEqual([
      'cache-invalid: it was made from more than 100 distribution files',
    ]);
    const named = Array.from({ length: 300_000 }, (_, i) => `r${i}: 1`).join(', ');
    const faults = await told(`${head}distribution_file: {repositories: {${named}}}\n`);
    expect(faults).toHaveLength(1001);
    expect(faults.at(-1)).toMatch(/ has 299000 more faults like these$/);
    expect(await told(head)).toEqual(['distribution-invalid: the distribution file is not a map']);
  } finally {
    server.close();
  }
}, 60_000);
