// npm run check: types and lint (oxlint with TypeScript's checker), limits, types of the plain JavaScript, format and
// the bundle, in parallel. Prints problems and exits with 1 if there are any.
import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bin = (name) => join(root, 'node_modules/.bin', name);

/** Runs a program of this repository. */
function run(command, args, input = '') {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: root, stdio: ['pipe', 'pipe', 'pipe'] });
    const ran = { code: 1, stdout: '', stderr: '' };
    child.stdout.setEncoding('utf8').on('data', (text) => (ran.stdout += text));
    child.stderr.setEncoding('utf8').on('data', (text) => (ran.stderr += text));
    child.on('error', reject);
    child.on('close', (code) => resolve({ ...ran, code: code ?? 1 }));
    child.stdin.end(input);
  });
}

async function lint() {
  const ran = await run(bin('oxlint'), ['--type-aware', '--type-check', '--format=json']);
  let diagnostics;
  try {
    ({ diagnostics } = JSON.parse(ran.stdout));
  } catch {
    return [`oxlint: ${ran.stdout}${ran.stderr}`];
  }
  const errors = diagnostics
    .filter((d) => d.severity === 'error')
    .map(({ filename, labels, code, message, help }) => {
      const { line = 1, column = 1 } = labels[0]?.span ?? {};
      return `${filename}:${line}:${column}: ${code}: ${message}${help ? `\n    ${help}` : ''}`;
    });
  return [...errors, ...(await outcomeOf(process.execPath, ['scripts/limits.mjs'], ran.stdout))];
}

async function outcomeOf(command, args, input = '') {
  const ran = await run(command, args, input);
  return ran.code === 0 ? [] : [`${ran.stdout}${ran.stderr}`.trim() || `${command} ended with ${ran.code}`];
}

const faults = await Promise.all([
  lint(),
  outcomeOf(bin('tsc'), ['--project', 'tsconfig.scripts.json']),
  outcomeOf(bin('prettier'), ['--check', '--cache', '--log-level', 'warn', '.']),
  outcomeOf(process.execPath, ['build.mjs', '--check']),
]);
if (faults.flat().length) {
  console.error(faults.flat().join('\n'));
  process.exit(1);
}
