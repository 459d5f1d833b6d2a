import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { expect, it } from 'vitest';
import { checkDeployment } from '../../ts-src/deploy/check.ts';
import { renderDeployment } from '../../ts-src/deploy/files.ts';
import { environmentFault } from '../../ts-src/io/faults.ts';
import { LeftBehindError } from '../../ts-src/io/untrusted.ts';
import { answersOf, given, scratch } from './deploy-answers.ts';

const bundle = join(__dirname, '../../resources/slipway.cjs');

it.each<[string, (path: string) => void]>([
  ['a file', (path) => writeFileSync(path, 'x')],
  ['a link', (path) => symlinkSync('/etc', path)],
  ['a FIFO', (path) => void execFileSync('mkfifo', [path])],
])('%s in place of a folder of a farm is a finding, and the other checks go on', async (_, place) => {
  const folder = mkdtempSync(join(scratch, 'farm-'));
  for (const [path, text] of Object.entries(renderDeployment(answersOf()))) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  for (const name of ['jcasc', 'ansible']) {
    rmSync(join(folder, name), { recursive: true });
    place(join(folder, name));
  }
  writeFileSync(join(folder, 'README.md'), '<<<<<<< yours\n');
  const { diagnostics } = await checkDeployment(folder);
  expect(diagnostics.filter((d) => d.code === 'deploy-folder').map((d) => d.message.split(' ')[0])).toEqual([
    'ansible',
    'jcasc',
  ]);
  expect(diagnostics.map((d) => d.code)).toContain('deploy-conflict');
});

it('a file that is not what it should be is never an internal error', () => {
  expect(environmentFault(new LeftBehindError('a is a link'))).toBe('a is a link');
});

it('a farm is not written through a link that leads elsewhere', () => {
  const folder = mkdtempSync(join(scratch, 'new-'));
  const other = mkdtempSync(join(scratch, 'other-'));
  symlinkSync(other, join(folder, 'terraform'));
  writeFileSync(join(scratch, 'answers.yaml'), JSON.stringify(given));
  const args = [bundle, 'deploy', 'init', folder, '--yes', '--answers', join(scratch, 'answers.yaml')];
  const ran = spawnSync('node', args, { encoding: 'utf8' });
  expect(ran.stderr).toContain('a link in the folder leads elsewhere: terraform');
  expect(ran.status).toBe(1);
  expect(readdirSync(other)).toEqual([]);
  expect(existsSync(join(folder, 'Dockerfile'))).toBe(false);
});
