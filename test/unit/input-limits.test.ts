import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { environmentFault } from '../../ts-src/io/faults.ts';
import { readIf } from '../../ts-src/io/files.ts';
import { parseDistro } from '../../ts-src/read/distro.ts';
import { readFolder } from '../../ts-src/read/folders.ts';
import { parseManifest } from '../../ts-src/read/manifest/manifest.ts';
import { layerRosdep } from '../../ts-src/read/rosdep.ts';
import { lineOf, parseYaml } from '../../ts-src/read/yaml.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-input-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const manifest = (dependencies: string): string =>
  '<package format="2"><name>a</name><version>1.0.0</version><description>d</description>' +
  `<maintainer email="a@b.org">a</maintainer><license>BSD</license>\n${dependencies}</package>\n`;
const told = (read: {
  diagnostics: readonly { file?: string | undefined; line?: number | undefined; message: string }[];
}) => read.diagnostics.map((d) => `${d.file}:${d.line ?? ''} ${d.message}`);

it('a manifest has at most 10,000 dependencies, and the number of reported faults is limited', () => {
  const many = Array.from({ length: 150_000 }, (_, i) => `<depend>dep${i}</depend>\n`).join('');
  expect(told(parseManifest(manifest(many), 'package.xml'))).toEqual([
    'package.xml:10002 the manifest has more than 10000 dependencies',
  ]);
  const wrong = parseManifest(manifest('<odd/>\n'.repeat(200_000)), 'package.xml');
  expect(wrong.diagnostics.length).toBeLessThanOrEqual(1000);
});

it('a manifest is read up to its size limit only', () => {
  mkdirSync(join(folder, 'src/a'), { recursive: true });
  writeFileSync(join(folder, 'src/a/package.xml'), `${manifest('')}${' '.repeat(5 << 20)}`);
  expect(told(readFolder(folder, 'src'))).toEqual(['src/a/package.xml: the manifest is larger than 4 MiB']);
});

it('a rosdep file has at most 100,000 keys and 8 MiB', () => {
  const keys = (n: number) => Array.from({ length: n }, (_, i) => `k${i}: {debian: [lib${i}]}\n`).join('');
  const read = (text: string, wanted?: Set<string>) => layerRosdep([{ file: 'r.yaml', text }], wanted);
  for (const wanted of [undefined, new Set(['k1'])])
    expect(told(read(keys(100_001), wanted))).toEqual(['r.yaml:100001 the file has more than 100000 keys']);
  expect(told(read(keys(300_000)))).toEqual(['r.yaml: the file is larger than 8 MiB']);
  const flow = `{${Array.from({ length: 100_001 }, (_, i) => `k${i}: {}`).join(', ')}}`;
  expect(told(read(flow))).toEqual(['r.yaml:1 the file has more than 100000 keys']);
});

it('YAML is nested at most 100 deep, and a distro file has at most 4 MiB and a bounded list of faults', () => {
  expect(told(parseYaml(`a: ${'['.repeat(200_000)}`, 'y.yaml'))[0]).toMatch(/^y\.yaml:1 .*nesting/);
  expect(told(parseYaml(Array.from({ length: 500 }, (_, i) => `${' '.repeat(i)}a:\n`).join(''), 'y.yaml'))[0]).toMatch(
    /^y\.yaml:100 .*nesting/,
  );
  expect(told(parseDistro(' '.repeat(5 << 20), 'distro.yaml'))).toEqual(['distro.yaml: the file is larger than 4 MiB']);
  const distro = (n: number) => parseDistro(`rosdep: [${'0,'.repeat(n)}0]\n`, 'distro.yaml');
  expect(told(distro(200_000))).toEqual(['distro.yaml: the file has more than 50000 entries']);
  expect(distro(40_000).diagnostics.length).toBeLessThan(2000);
  expect(parseDistro('store: "file:a\\0b"\n', 'distro.yaml').ok).toBe(false);
});

it('a FIFO, a device or a folder in place of a file is reported, without blocking', () => {
  const fifo = join(folder, 'fifo');
  execFileSync('mkfifo', [fifo]);
  for (const [path, words] of [
    [fifo, /it is a pipe or a device/],
    ['/dev/zero', /it is a pipe or a device/],
    [folder, /it is a folder/],
  ] as const) {
    let fault: unknown;
    try {
      readIf(path);
    } catch (e) {
      fault = e;
    }
    expect(environmentFault(fault)).toMatch(words);
  }
  expect(readIf('/proc/self/status')).toContain('Pid:');
});

it('the lines of as many faults as a file may have entries are found in seconds', () => {
  const file = join(folder, 'many.yaml');
  const count = 40_000;
  const names = Array.from({ length: count }, (_, i) => `p${i}`);
  writeFileSync(
    file,
    `list:\n${names.map((n) => `  - ${n}\n`).join('')}map:\n${names.map((n) => `  ${n}: 1\n`).join('')}`,
  );
  const begun = performance.now();
  for (const i of names.keys()) {
    expect(lineOf(file, ['list', i])).toBe(i + 2);
    expect(lineOf(file, ['map', `p${i}`, 'deeper'])).toBe(count + i + 3);
  }
  expect(performance.now() - begun).toBeLessThan(10_000);
  writeFileSync(file, '# changed\na: 1\na: {b: 2}\n');
  expect([lineOf(file, ['a', 'b']), lineOf(file, ['b']), lineOf(join(folder, 'none'), [])]).toEqual([2, 1, undefined]);
});

it('a rosdep file in which everything is wrong is reported in seconds', () => {
  const text = Array.from({ length: 50_000 }, (_, i) => `k${i}: {debian: [-x]}\nj${i}: 5\n`).join('');
  const begun = performance.now();
  const read = layerRosdep([{ file: 'r.yaml', text }]);
  expect(read.diagnostics.length).toBe(1001);
  expect(read.diagnostics[999]).toMatchObject({ file: 'r.yaml', line: 1000 });
  expect(performance.now() - begun).toBeLessThan(10_000);
});
