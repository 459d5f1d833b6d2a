import type { Command, Option } from './command.ts';

const width = 100;

/** Wraps a paragraph at spaces to `columns`. */
export function wrap(text: string, columns: number): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(/\s+/)) {
    if (line && line.length + 1 + word.length > columns) {
      lines.push(line);
      line = '';
    }
    line += `${line ? ' ' : ''}${word}`;
  }
  return [...lines, line];
}

/** A table of two columns. The second is wrapped, and starts on its own line after a long first one. */
function table(rows: readonly (readonly [string, string])[]): string {
  const left = Math.min(30, Math.max(...rows.map(([l]) => l.length)));
  const indent = ' '.repeat(left + 4);
  return rows
    .map(([l, r]) => {
      const lines = wrap(r, width - left - 4);
      const first = l.length > left ? `  ${l}\n${indent}` : `  ${l.padEnd(left)}  `;
      return `${first}${lines.join(`\n${indent}`)}\n`;
    })
    .join('');
}

/** Wraps paragraphs; indented lines are left as they are. */
function prose(text: string): string {
  const paragraphs: string[] = [];
  for (const block of text
    .replace(/^\n+/, '')
    .trimEnd()
    .split(/\n\s*\n/)) {
    let run: string[] = [];
    const flush = () => {
      if (run.length) paragraphs.push(wrap(run.join(' '), width).join('\n'));
      run = [];
    };
    for (const line of block.split('\n')) {
      if (!/^\s/.test(line)) run.push(line);
      else {
        flush();
        paragraphs.push(line);
      }
    }
    flush();
    paragraphs.push('');
  }
  return `${paragraphs.join('\n').trimEnd()}\n`;
}

const quietOption = { type: 'boolean', short: 'q', help: 'print only errors, warnings and results' } as const;

/** Options of a command in the order of help, completion and manual. */
export const optionsOf = (command: Command): [string, Option][] => [
  ...Object.entries(command.options),
  ...(command.plain ? [] : [['quiet', quietOption] satisfies [string, Option]]),
  ['help', { type: 'boolean', short: 'h', help: 'print this help' }],
];

/** Label of an option: `-o, --output DIR`. */
export const optionLabel = (name: string, option: Option): string =>
  `${option.short ? `-${option.short}, ` : '    '}--${name}${option.value ? ` ${option.value}` : ''}`;

export const overview = (commands: Readonly<Record<string, Command>>): string => `\
Slipway turns a distro repository of catkin and ament packages into signed Debian packages.

Usage: slipway COMMAND [OPTION ...] [ARGUMENT ...]

${table(Object.entries(commands).map(([name, c]) => [name, c.summary] as const))}
slipway COMMAND --help prints a command's options and examples.
Exit codes: 0 success, 1 errors in the input or a failed build, 2 usage, 70 internal error.
`;

export function helpOf(name: string, command: Command): string {
  const options = optionsOf(command).map(([key, o]) => [optionLabel(key, o), o.help] as const);
  return [
    prose(`${name}: ${command.summary}`),
    `${wrap(`Usage: slipway ${command.usage}`, width).join('\n    ')}\n`,
    ...(command.details ? [prose(command.details)] : []),
    `Options:\n${table(options)}`,
    `Examples:\n${command.examples.map((e) => `    ${e}\n`).join('')}`,
  ].join('\n');
}
