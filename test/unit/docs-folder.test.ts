import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { writeFolder } from '../../ts-src/docs/folder.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-sites-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Writes a site. Returns what lies beside it meanwhile. */
const written = (output: string): Promise<string[]> =>
  writeFolder(output, (write) => {
    write('index.html', Buffer.from('text'));
    return Promise.resolve(readdirSync(dirname(output)).filter((name) => name !== basename(output)));
  });

it('what a killed process left beside a site is removed by a later one, and nothing else', async () => {
  const [name = ''] = await written(join(folder, 'first/site'));
  expect(readdirSync(join(folder, 'first'))).toEqual(['site']);
  // No process has such a number.
  const left = name.replace(`-${process.pid}-`, '-4194305-');
  const long = new Date(Date.now() - 2 * 86_400_000);
  for (const one of [left, 'slipway-site-notes']) {
    mkdirSync(join(folder, 'second', one, 'site'), { recursive: true });
    utimesSync(join(folder, 'second', one), long, long);
  }
  await written(join(folder, 'second/site'));
  expect(readdirSync(join(folder, 'second')).sort()).toEqual(['site', 'slipway-site-notes']);
});
