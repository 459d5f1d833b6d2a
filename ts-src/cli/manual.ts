import { exit, writeMessage, writeOutput, type Command } from './command.ts';
import { optionLabel, optionsOf } from './help.ts';

/** Escapes text for troff: no line begins with a control character; backslashes and dashes are literal. */
const troff = (text: string): string =>
  text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');

/** The manual page slipway(1), generated from the commands' definitions. */
export function manualPage(all: Readonly<Record<string, Command>>, version: string): string {
  const lines = [
    `.TH SLIPWAY 1 "" "slipway ${version}"`,
    '.SH NAME',
    'slipway \\- build farm for robot software',
    '.SH SYNOPSIS',
    '.B slipway',
    '.I COMMAND',
    '[\\fIOPTION\\fR ...] [\\fIARGUMENT\\fR ...]',
    '.SH COMMANDS',
  ];
  for (const [name, command] of Object.entries(all)) {
    lines.push(`.SS ${troff(name)}`, troff(`slipway ${command.usage}`), '.PP', troff(`${command.summary}.`));
    if (command.details) lines.push('.PP', '.nf', troff(command.details.trimEnd()), '.fi');
    for (const [key, option] of optionsOf(command))
      lines.push('.TP', `.B ${troff(optionLabel(key, option).trim())}`, troff(option.help));
    lines.push('.PP', 'Examples:', '.nf', ...command.examples.map((e) => troff(`    ${e}`)), '.fi');
  }
  lines.push(
    '.SH EXIT STATUS',
    '0 success; 1 errors in the input, or a failed build; 2 usage; 70 internal error in Slipway.',
    '.SH ENVIRONMENT',
    '.TP',
    '.B NO_COLOR',
    'Where it is set and not empty, nothing is coloured.',
    '.TP',
    '.B SLIPWAY_STATE',
    troff('State folder of all commands, unless --state or --state-folder names another one.'),
    '.TP',
    '.B SLIPWAY_STATE_SIZE',
    'Size to which the state folder is cut after a run, such as 20G.',
  );
  return `${lines.join('\n')}\n`;
}

/** `commands` is a function because the list of commands includes this one. */
export const manualOf = (commands: () => Promise<Readonly<Record<string, Command>>>): Command => ({
  summary: 'print the manual page',
  usage: 'manual',
  examples: ['slipway manual | man -l -'],
  plain: true,
  options: {},
  async run(_, positionals) {
    if (positionals.length) {
      writeMessage('slipway manual: takes no argument\n');
      return exit.usage;
    }
    writeOutput(manualPage(await commands(), SLIPWAY_VERSION));
    return exit.ok;
  },
});
