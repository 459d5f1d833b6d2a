import { existsSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { checkDeployment } from '../deploy/check.ts';
import { checkAnswers, questions, type Answers } from '../deploy/answers.ts';
import { renderDeployment } from '../deploy/files.ts';
import { readRecord, recordName, writeRecord } from '../deploy/record.ts';
import { planUpdate, type Change } from '../deploy/update.ts';
import { readIf, writeWhole } from '../io/files.ts';
import { leadsOut } from '../io/links.ts';
import { bad, error, isError, type Result } from '../model/diagnostics.ts';
import { parseYaml } from '../read/yaml.ts';
import { agentImages, imageOptions } from './deploy-image.ts';
import { defineCommand, exit, showDiagnostics, writeMessage, writeOutput, type ValuesOf } from './command.ts';

const options = {
  answers: { type: 'string', value: 'FILE', help: 'init, update: YAML file with the answers' },
  yes: {
    type: 'boolean',
    short: 'y',
    help: 'init: ask nothing, and use the defaults of answers that the file does not have',
  },
  apply: { type: 'boolean', help: 'update: write the changes instead of only showing them' },
  ...imageOptions,
} as const;
type Values = ValuesOf<typeof options>;

export const deploy = defineCommand({
  summary: "write and check the folder of a build farm: Jenkins' image, compose, Terraform, Ansible",
  usage: 'deploy init|update|check [FOLDER] | deploy image list|use|try|back|prune|due|toolset [AMI]',
  details: `  init           make the folder from the answers to a few questions; commit it and change it
  update         show what this version of Slipway would change; --apply merges it with your changes
  check          check plugins, configuration as code and secrets, without network; run terraform,
                 hadolint and ansible-lint if they are installed
  image list     list the images from which agents on AWS start
  image use AMI  let new agents start from this image
  image try AMI  start an instance of this image, and check that it starts
  image back     let new agents start from the former image
  image prune    remove old images that nothing uses
  image due      say whether a new image should be made, and why
  image toolset  print a digest of the files that Packer makes the image from

Answers: ${questions.map((q) => q.name).join(', ')}.`,
  examples: [
    'slipway deploy init farm',
    'slipway deploy init farm --yes --answers farm.yaml',
    'slipway deploy update farm',
  ],
  options,
  async run(values, [what, ...words]) {
    if (what === 'image') return agentImages(words, values);
    const [folder = '.', ...more] = words;
    const root = resolve(folder);
    if (more.length === 0 && what === 'init') return init(root, folder, values);
    if (more.length === 0 && what === 'update') return update(root, values);
    if (more.length === 0 && what === 'check') return check(root);
    writeMessage('slipway deploy: init, update or check, and one folder; or image\n');
    return exit.usage;
  },
});

/** Combines a file of answers with prompts for what the file lacks. */
async function gather(values: Values): Promise<Result<Answers>> {
  let given: Record<string, unknown> = {};
  if (values.answers !== undefined) {
    const text = readIf(resolve(values.answers));
    if (text === undefined) return bad(error('deploy-answers', `${values.answers} does not exist`));
    const parsed = parseYaml(text, values.answers);
    if (!parsed.ok) return parsed;
    if (typeof parsed.value !== 'object' || parsed.value === null || Array.isArray(parsed.value))
      return checkAnswers(parsed.value ?? {}, values.answers);
    given = { ...parsed.value };
  }
  if (values.yes !== true && process.stdin.isTTY && process.stderr.isTTY) await ask(given);
  return checkAnswers(given, values.answers);
}

async function ask(given: Record<string, unknown>): Promise<void> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    for (const q of questions.filter((question) => !Object.hasOwn(given, question.name))) {
      const fallback = q.fallback === undefined ? '' : ` [${q.fallback}]`;
      const said = (await terminal.question(`${q.help}${q.needed ? '' : ' (may be empty)'}${fallback}: `)).trim();
      if (said !== '') given[q.name] = said;
    }
  } finally {
    terminal.close();
  }
}

async function init(root: string, folder: string, values: Values): Promise<number> {
  const answers = await gather(values);
  if (!answers.ok) {
    showDiagnostics(answers.diagnostics);
    return exit.failed;
  }
  const files = renderDeployment(answers.value);
  const taken = [recordName, ...Object.keys(files)].filter((path) => existsSync(join(root, path)));
  if (taken.length) {
    showDiagnostics([
      error('deploy-exists', `${taken.slice(0, 5).join(', ')} already exist: nothing was written`, {
        hint: 'name another folder, or update the existing one with `slipway deploy update`',
      }),
    ]);
    return exit.failed;
  }
  if (refusesLinks(root, Object.keys(files))) return exit.failed;
  for (const [path, text] of Object.entries(files)) writeWhole(join(root, path), text, { sync: false });
  writeRecord(root, { slipway: SLIPWAY_VERSION, answers: answers.value, files });
  writeOutput(`Wrote the farm of ${answers.value.organization} to ${root}: ${Object.keys(files).length} files.

On one machine with Docker:
    cd ${folder}
    docker compose up -d --build
    docker compose logs controller | grep 'password of'

Elsewhere: README.md there. Commit the folder; secrets/ stays out of git.
`);
  return exit.ok;
}

async function update(root: string, values: Values): Promise<number> {
  const record = readRecord(root);
  const answers = record.ok && values.answers !== undefined ? await gather({ ...values, yes: true }) : undefined;
  if (!record.ok || answers?.ok === false) {
    showDiagnostics(record.ok ? (answers?.diagnostics ?? []) : record.diagnostics);
    return exit.failed;
  }
  const wanted = answers?.value ?? record.value.answers;
  const files = renderDeployment(wanted);
  if (refusesLinks(root, [...Object.keys(record.value.files), ...Object.keys(files)])) return exit.failed;
  const changes = await planUpdate(root, record.value.files, files);
  for (const change of changes) show(change);
  if (!changes.length) writeOutput('Nothing to change.\n');
  if (values.apply !== true) {
    if (changes.length) writeOutput(`Nothing was written: --apply does it.\n`);
    return exit.ok;
  }
  for (const change of changes) write(root, change);
  writeRecord(root, { slipway: SLIPWAY_VERSION, answers: wanted, files });
  const conflicts = changes.filter((change) => change.kind === 'conflict').map((change) => change.path);
  if (!conflicts.length) return exit.ok;
  showDiagnostics([
    error('deploy-conflict', `you and Slipway changed the same lines of ${conflicts.join(', ')}`, {
      hint: 'both versions are in the files, between <<<<<<< and >>>>>>>: keep the right lines',
    }),
  ]);
  return exit.failed;
}

/** Reports a path that leads out of the folder; false if there is none. */
function refusesLinks(root: string, paths: readonly string[]): boolean {
  const out = paths.find((path) => passesLink(root, path));
  if (out === undefined) return false;
  showDiagnostics([
    error('deploy-folder', `a link in the folder leads elsewhere: ${out} would be written or removed there`, {
      hint: 'replace the link with a folder',
    }),
  ]);
  return true;
}

/** Whether a part of a path, which may not exist yet, is a link out of the folder. */
const passesLink = (root: string, path: string): boolean =>
  path.split('/').some((_, i, parts) => leadsOut(root, parts.slice(0, i + 1).join('/')));

function show(change: Change): void {
  writeOutput(`${change.kind} ${change.path}${change.note === undefined ? '' : `: ${change.note}`}\n${change.diff}`);
  if (change.diff !== '' && !change.diff.endsWith('\n')) writeOutput('\n');
}

function write(root: string, change: Change): void {
  if (change.kind === 'removed') rmSync(join(root, change.path), { force: true });
  else if (change.text !== undefined) writeWhole(join(root, change.path), change.text);
}

async function check(root: string): Promise<number> {
  const record = readRecord(root);
  if (!record.ok) {
    showDiagnostics(record.diagnostics);
    return exit.failed;
  }
  const { diagnostics, ran, missing } = await checkDeployment(root);
  showDiagnostics(diagnostics);
  writeOutput(`checked: ${ran.join(', ')}\n`);
  if (missing.length) writeOutput(`not checked, not installed: ${missing.join(', ')}\n`);
  return diagnostics.some(isError) ? exit.failed : exit.ok;
}
