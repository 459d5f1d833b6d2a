import { existsSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { createInterface } from 'node:readline/promises';
import { before } from '../text/cut.ts';
import { error } from '../model/diagnostics.ts';
import { nearRelease } from '../model/releases.ts';
import { writeWhole, makeFolder } from '../io/files.ts';
import { renderInit } from '../render/init.ts';
import { isQuiet, writeMessage, exit, writeOutput, showDiagnostics, defineCommand, type ValuesOf } from './command.ts';
import { among, ofForm } from './option-checks.ts';

const options = {
  organization: {
    type: 'string',
    value: 'NAME',
    help: "first part of the packages' names (default: name of the folder)",
    check: ofForm(/^[a-z0-9][a-z0-9.+]*$/, 'of lower case letters and digits'),
  },
  os: { type: 'string', value: 'OS', help: 'debian (default) or ubuntu', check: among('debian', 'ubuntu') },
  release: {
    type: 'string',
    value: 'NAME',
    help: 'code name of the release (default: bookworm for debian, noble for ubuntu)',
    check: ofForm(/^[a-z]+$/, 'a code name such as bookworm or noble'),
  },
  yes: { type: 'boolean', short: 'y', help: 'do not ask before writing into a folder that has other files' },
} as const;

interface Answers {
  organization: string;
  os: 'debian' | 'ubuntu';
  release: string;
}

/** Answers from the options; the organization defaults to the folder's name. */
function answersOf(values: ValuesOf<typeof options>, root: string): Answers {
  const named = basename(root)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');
  const organization = values.organization ?? (named || 'acme');
  const os = values.os === 'ubuntu' ? 'ubuntu' : 'debian';
  return { organization, os, release: values.release ?? (os === 'ubuntu' ? 'noble' : 'bookworm') };
}

async function confirm(question: string): Promise<boolean> {
  const terminal = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim());
  } finally {
    terminal.close();
  }
}

/** Whether files may be written into a non-empty folder: asks the user, unless `yes`. */
async function mayWrite(root: string, files: readonly string[], yes: boolean): Promise<boolean> {
  const others = readdirSync(root).filter((name) => name !== '.git');
  if (yes || !others.length) return true;
  if (process.stdin.isTTY && process.stderr.isTTY) {
    writeMessage(`${root} has files already. These would be added:\n${files.map((f) => `    ${f}\n`).join('')}`);
    return confirm('Write them? [y/N] ');
  }
  showDiagnostics([
    error('init-not-empty', `${root} is not empty: nothing was written`, {
      hint: `--yes adds ${files.join(', ')} beside them`,
    }),
  ]);
  return false;
}

export const init = defineCommand({
  summary: 'make a new distro repository with an example package',
  usage: 'init [FOLDER]',
  details: `Writes the files of a distro repository: distro.yaml, a rosdistro index and distribution file, rosdep rules, a
Jenkinsfile, and one package in packages/. The repository can be built as it is. No file is overwritten, and nothing is
committed.`,
  examples: ['slipway init my-distro --organization acme', 'slipway init --os ubuntu --release noble'],
  options,
  async run(values, [folder = '.', ...more]) {
    const root = resolve(folder);
    const answers = answersOf(values, root);
    const meant = nearRelease(answers.os, answers.release);
    if (more.length || meant !== undefined) {
      const wrong = more.length
        ? 'takes one folder'
        : `${answers.os} has no release '${answers.release}'; did you mean ${meant}?`;
      writeMessage(`slipway init: ${wrong}\n`);
      return exit.usage;
    }
    const files = renderInit(answers);
    const names = Object.keys(files);
    makeFolder(root);
    const taken = names.filter((f) => existsSync(join(root, f)));
    if (taken.length) {
      const verb = taken.length > 1 ? 'exist' : 'exists';
      showDiagnostics([
        error('init-exists', `${taken.join(', ')} ${verb} already: nothing was written`, {
          hint: 'name another folder, or move these away',
        }),
      ]);
      return exit.failed;
    }
    if (!(await mayWrite(root, names, values.yes === true))) return exit.failed;
    for (const [path, text] of Object.entries(files)) writeWhole(join(root, path), text);
    const git = existsSync(join(root, '.git')) ? '' : 'git init && ';
    if (isQuiet()) return exit.ok;
    writeOutput(`Wrote a distro repository to ${root}:
${names.map((f) => `    ${f}\n`).join('')}
Build it:
    cd ${folder}
    slipway doctor --install
    slipway build

Then put your own repositories into rosdistro/default/distribution.yaml, and commit:
    ${git}git add ${names
      .map((f) => before(f, '/'))
      .filter((f, i, all) => all.indexOf(f) === i)
      .join(' ')} && git commit
`);
    return exit.ok;
  },
});
