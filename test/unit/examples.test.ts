import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = join(__dirname, '../..');
const folder = join(root, 'examples/jenkinsfiles');
const files = readdirSync(folder).filter((file) => file.endsWith('.Jenkinsfile'));

/** The options that the help of a step describes. */
const optionsOf = (step: string): Set<string> =>
  new Set(
    [...readFileSync(join(root, `vars/${step}.txt`), 'utf8').matchAll(/^([a-zA-Z, ]+?)(?: \(|: as in )/gm)].flatMap(
      ([, names = '']) => names.split(', '),
    ),
  );

describe.each(files)('examples/jenkinsfiles/%s', (file) => {
  const text = readFileSync(join(folder, file), 'utf8');
  it('loads the library and is listed', () => {
    expect(text).toContain("@Library('slipway') _\n");
    expect(readFileSync(join(folder, 'README.md'), 'utf8')).toContain(`(${file})`);
  });
  it('gives only options that the step has', () => {
    for (const [, step = '', body = ''] of text.matchAll(/^(distroPipeline|packagePipeline)\(([^]*?)\)$/gm)) {
      const given = [...body.matchAll(/^ {4}(\w+):/gm)].map(([, name]) => name);
      const known = optionsOf(step);
      expect(known.size).toBeGreaterThan(10);
      expect(given.filter((name) => name !== undefined && !known.has(name))).toEqual([]);
    }
  });
});
