import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { z } from 'zod';
import { distro, install, manifest } from './docs-files.ts';
import { discard, slipway, workspace, type Ran } from './helpers.ts';

/** Packages whose documentation is made to harm that of others: files below `src/NAME`. */
const packages: Record<string, Record<string, string>> = {
  endless_readme: {
    'CMakeLists.txt': install('endless_readme', ''),
    'README.md': '# endless_readme\n',
    'doc/conf.py': "open('/build/docs/readme.html', 'w').write('<!--' * (4 << 20))\n",
    'doc/index.rst': 'Own\n===\n\nText.\n',
  },
  long_name: {
    'CMakeLists.txt': install('long_name', 'install(DIRECTORY msg DESTINATION share/long_name)'),
    [`msg/A${'b'.repeat(209)}.msg`]: 'int64 x\n',
  },
  many_plugins: {
    'CMakeLists.txt': install('many_plugins', 'install(DIRECTORY xml DESTINATION share/many_plugins)'),
    ...Object.fromEntries(
      Array.from({ length: 11 }, (_, i) => [`xml/${i}.xml`, `<library>${'<class type="a"/>'.repeat(1000)}</library>`]),
    ),
  },
  pages_as_xml: {
    'CMakeLists.txt': install('pages_as_xml', ''),
    'doc/conf.py': "html_extra_path = ['extra']\n",
    'doc/index.rst': 'Own\n===\n\nText.\n',
    'doc/extra/a.xhtml': '<script xmlns="http://www.w3.org/1999/xhtml">1</script></meta>',
    'doc/extra/B.XHT': '<a/>',
    'doc/extra/c.html': '\u00a0<!DOCTYPE html><p>Text.</p>',
  },
  long_setting: {
    'CMakeLists.txt': install('long_setting', ''),
    'rosdoc2.yaml': `settings:\n  ? "${'k'.repeat(2 << 20)}"\n  : 1\n`,
  },
};
const depends: Record<string, string> = { user: 'long_name', reader: 'many_plugins' };

const folder = workspace('hostile-docs');
let ran: Ran;
const answer = z.object({
  refused: z.array(z.unknown()),
  lost: z.array(z.unknown()),
  results: z.array(z.object({ name: z.string(), kind: z.string(), state: z.string(), reason: z.string() })),
});
const told = () => answer.parse(JSON.parse(ran.stdout));
const states = (): Record<string, string> =>
  Object.fromEntries(
    told()
      .results.filter((t) => t.kind === 'docs')
      .map((t) => [t.name, `${t.state}: ${t.reason}`]),
  );

beforeAll(async () => {
  const files: Record<string, string> = { 'distro.yaml': distro(), 'rosdep.yaml': '{}\n' };
  for (const [name, own] of Object.entries(packages)) {
    files[`src/${name}/package.xml`] = manifest(name);
    for (const [path, text] of Object.entries(own)) files[`src/${name}/${path}`] = text;
  }
  for (const [name, need] of Object.entries(depends)) {
    files[`src/${name}/package.xml`] = manifest(name, `<depend>${need}</depend>`);
    files[`src/${name}/CMakeLists.txt`] = install(name, '');
  }
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  ran = await slipway(['docs', '--json'], folder);
});
afterAll(() => discard(folder));

it('fails for names that no reader takes, and the documentation of others is made', () => {
  const why =
    "failed: it left what can't be taken: its messages, files or names are too many or too long for a documentation";
  const made = 'built: new or changed inputs';
  expect(states()).toEqual({
    endless_readme: made,
    long_name: why,
    long_setting: made,
    many_plugins: why,
    pages_as_xml: made,
    reader: made,
    user: made,
  });
  expect(told()).toMatchObject({ lost: [], refused: [] });
  expect(readFileSync(join(folder, 'docs/d/user/index.html'), 'utf8')).toContain('The package user.');
  expect(readFileSync(join(folder, 'docs/d/endless_readme/doc/index.html'), 'utf8')).toContain('Text.');
});

it('has no pages that browsers read as XML, and the policy is the first in all others', () => {
  const own = join(folder, 'docs/d/pages_as_xml/doc');
  expect(readdirSync(own).filter((name) => /^.\.x?ht/i.test(name))).toEqual(['c.html']);
  expect(readFileSync(join(own, 'c.html'), 'utf8')).toMatch(
    /^<!DOCTYPE html><meta http-equiv="Content-Security-Policy" [^>]*>\u00a0<!DOCTYPE html><p>/,
  );
});

it('is cached, whatever its settings are', async () => {
  ran = await slipway(['docs', '--json', 'long_setting'], folder);
  expect(states()).toEqual({ long_setting: 'cached: unchanged' });
});
