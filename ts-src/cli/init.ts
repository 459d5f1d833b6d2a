import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { basename, join, resolve } from 'node:path';
import { error } from '../model/diagnostics.ts';
import { writeWhole } from '../io/files.ts';
import { run } from '../io/process.ts';
import { renderInit } from '../render/init.ts';
import { writeMessage, exit, writeOutput, showDiagnostics, type Command } from './command.ts';

export const init: Command = {
  summary: 'make a distro repository to start from, that builds as it is',
  usage: 'init [FOLDER]',
  options: {
    organization: {
      type: 'string',
      value: 'NAME',
      help: "first part of the packages' names (default: the folder's name)",
    },
    os: { type: 'string', value: 'OS', help: 'debian (default) or ubuntu' },
    release: { type: 'string', value: 'NAME', help: 'code name of its release (default: bookworm, or noble)' },
  },
  async run(values, [folder = '.', ...more]) {
    const root = resolve(folder);
    const organization =
      (values.organization as string | undefined) ??
      (basename(root)
        .toLowerCase()
        .replace(/[^a-z0-9]/g, '') ||
        'acme');
    const os = (values.os as string | undefined) ?? 'debian';
    const release = (values.release as string | undefined) ?? (os === 'ubuntu' ? 'noble' : 'bookworm');
    if (
      more.length ||
      !/^[a-z0-9][a-z0-9.+]*$/.test(organization) ||
      (os !== 'debian' && os !== 'ubuntu') ||
      !/^[a-z]+$/.test(release)
    ) {
      writeMessage(
        'slipway init: takes one folder; --organization has lower case letters and digits, --os is debian or ubuntu, --release a code name\n',
      );
      return exit.usage;
    }
    const files = renderInit({ organization, os, release });
    mkdirSync(root, { recursive: true });
    const taken = Object.keys(files).filter((f) => existsSync(join(root, f)));
    if (taken.length) {
      showDiagnostics([
        error(
          'init-exists',
          `${taken.join(', ')} ${taken.length > 1 ? 'are' : 'is'} there already: nothing was written`,
          { hint: 'name an empty folder' },
        ),
      ]);
      return exit.failed;
    }
    for (const [path, text] of Object.entries(files)) writeWhole(join(root, path), text);
    if (!existsSync(join(root, '.git'))) {
      const identity =
        (await run('git', ['config', 'user.email'], { cwd: root })).code === 0
          ? []
          : ['-c', 'user.name=slipway', '-c', 'user.email=slipway@localhost'];
      for (const args of [
        ['init', '--quiet', '--initial-branch=main'],
        ['add', '--all'],
        [...identity, 'commit', '--quiet', '--message', 'A distro repository'],
      ]) {
        const done = await run('git', args, { cwd: root });
        if (done.code !== 0) {
          showDiagnostics([
            error(
              'init-git',
              `git ${args[0]} failed: ${done.stderr.trim()}`,
              done.code === 127 ? { hint: 'install git' } : {},
            ),
          ]);
          return exit.failed;
        }
      }
    }
    writeOutput(
      `A distro repository is in ${root}: ${readdirSync(root)
        .filter((f) => f !== '.git')
        .sort()
        .join(
          ', ',
        )}\n\nBuild it:\n    cd ${folder}\n    slipway doctor --install\n    slipway build\n\nThen put your own repositories into rosdistro/default/distribution.yaml.\n`,
    );
    return exit.ok;
  },
};
