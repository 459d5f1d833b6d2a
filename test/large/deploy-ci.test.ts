// The examples for other CI servers: validated by the schemas of GitHub and GitLab (from check-jsonschema), and their
// commands by the program's help.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { bundle, execute, root } from '../e2e/helpers.ts';
import { pythonTools } from './python-tools.mjs';

const folder = join(root, 'docs/ci');
const schemas: Record<string, string> = { 'github.yaml': 'vendor.github-workflows', 'gitlab.yaml': 'vendor.gitlab-ci' };

it.each(readdirSync(folder))('%s is valid for its server', async (name) => {
  const check = await pythonTools('check-jsonschema', ['check-jsonschema==0.39.0'], 'check-jsonschema');
  const words = ['--builtin-schema', schemas[name] ?? '', '--traceback-mode', 'short'];
  // GitLab's references are YAML tags that need this transformation.
  if (name === 'gitlab.yaml') words.push('--data-transform', 'gitlab-ci');
  const ran = await execute(check, [...words, join(folder, name)]);
  expect(ran.code, ran.stdout + ran.stderr).toBe(0);
});

it.each(readdirSync(folder))('%s calls the program correctly', async (name) => {
  const text = readFileSync(join(folder, name), 'utf8').replace(/>-\n +/g, ' ');
  const calls = [...text.matchAll(/\$SLIPWAY (\w+)((?:[^\n]|\n {10,})*)/g)];
  expect(calls.map((c) => c[1]).sort()).toEqual(['build', 'doctor']);
  for (const [, command = '', rest = ''] of calls) {
    const help = (await execute('node', [bundle, command, '--help'])).stdout;
    for (const [, option] of rest.matchAll(/(--[a-z-]+)/g)) expect(help, `${name}: ${command}`).toContain(`${option} `);
  }
});

it('names each of them on its page', () => {
  const page = readFileSync(join(root, 'docs/ci.md'), 'utf8');
  for (const name of readdirSync(folder)) expect(page).toContain(`(ci/${name})`);
});
