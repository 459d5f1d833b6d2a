// Programs from PyPI, each in its own environment, shared by all tests of a machine.
import { execFile } from 'node:child_process';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { exclusively } from '../mutex.mjs';
import { cache, installTools } from '../setup.mjs';

/**
 * Installs packages; returns the path of one of their programs.
 *
 * @param {string} name
 * @param {string[]} packages
 * @param {string} program
 */
export async function pythonTools(name, packages, program) {
  installTools(['python3']);
  const venv = join(cache, name);
  await exclusively(`${venv}.lock`, async () => {
    const made = join(venv, 'made');
    if (existsSync(made)) return;
    const execute = promisify(execFile);
    rmSync(venv, { recursive: true, force: true });
    await execute('python3', ['-m', 'venv', venv]);
    await execute(join(venv, 'bin/pip'), ['install', '--quiet', '--no-cache-dir', ...packages]);
    writeFileSync(made, '');
  });
  return join(venv, 'bin', program);
}

/**
 * A program of Ansible, in the tested versions.
 *
 * @param {string} program
 */
export const ansibleTools = (program) =>
  pythonTools('ansible', ['ansible-core==2.19.*', 'ansible-lint>=25,<27'], program);
