import { createReadStream, lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { error, nearest } from '../model/diagnostics.ts';
import { printable } from '../text/printable.ts';
import { exit, showDiagnostics, writeMessage, writeOutput, defineCommand } from './command.ts';
import { outputFolder, outputOptions } from './output-folder.ts';

interface Log {
  package: string;
  test: boolean;
  scope: string;
  path: string;
  modified: number;
}

/** Build logs in an output folder, newest first. */
function logsIn(output: string): Log[] {
  const root = join(output, 'logs');
  const found: Log[] = [];
  let entries: string[];
  try {
    entries = readdirSync(root, { recursive: true }).map(String);
  } catch {
    return [];
  }
  for (const entry of entries) {
    const [, scope, name, test] = /^(.*)\/([A-Za-z0-9_.+-]+?)(\.test)?\.log$/.exec(entry) ?? [];
    if (scope === undefined || name === undefined) continue;
    const path = join(root, entry);
    const status = lstatSync(path);
    if (!status.isFile()) continue;
    found.push({ scope, package: name, test: test !== undefined, path, modified: status.mtimeMs });
  }
  return found.sort((a, b) => b.modified - a.modified);
}

/** Prints a file as a stream, with control characters made visible. */
async function printFile(path: string): Promise<void> {
  for await (const chunk of createReadStream(path, { encoding: 'utf8' })) writeOutput(printable(String(chunk)));
}

export const logs = defineCommand({
  summary: "print the log of a package's last build or test on this machine",
  usage: 'logs [PACKAGE]',
  details: 'Without PACKAGE, lists all logs, newest first.',
  examples: ['slipway logs nav2_util', 'slipway logs nav2_util --test', 'less "$(slipway logs nav2_util --path)"'],
  options: {
    ...outputOptions,
    test: { type: 'boolean', help: "print the log of the package's tests" },
    path: { type: 'boolean', help: 'print the path of the log, not its text' },
    json: { type: 'boolean', help: 'print the list of logs as JSON' },
  },
  async run(values, [name, ...more]) {
    if (more.length) {
      writeMessage('slipway logs: takes one package\n');
      return exit.usage;
    }
    const output = outputFolder(values);
    if (!output.ok) {
      showDiagnostics(output.diagnostics);
      return exit.failed;
    }
    const all = logsIn(output.value);
    if (name === undefined || values.json) {
      const listed = all.filter((l) => name === undefined || l.package === name);
      if (values.json) {
        writeOutput(`${JSON.stringify(listed)}\n`);
        return listed.length ? exit.ok : exit.failed;
      }
      for (const log of all) writeOutput(`${log.package}${log.test ? ' (tests)' : ''}\t${printable(log.path)}\n`);
      if (!all.length)
        writeMessage(`there are no logs in ${join(output.value, 'logs')}: \`slipway build\` writes them\n`);
      return exit.ok;
    }
    const log = all.find((l) => l.package === name && l.test === (values.test === true));
    if (!log) {
      const near = nearest(
        name,
        all.map((l) => l.package),
      );
      const what = values.test === true ? 'log of the tests' : 'build log';
      showDiagnostics([
        error('log-missing', `there is no ${what} of '${name}' in ${join(output.value, 'logs')}`, {
          hint:
            near !== undefined && near !== name
              ? `did you mean '${near}'?`
              : `\`slipway logs\` lists all; what came from the store was not ${values.test === true ? 'tested' : 'built'} here: \`slipway ${
                  values.test === true ? `test ${name}` : 'build'
                } --rebuild ${name}\` makes a log`,
        }),
      ]);
      return exit.failed;
    }
    if (values.path === true) writeOutput(`${log.path}\n`);
    else await printFile(log.path);
    return exit.ok;
  },
});
