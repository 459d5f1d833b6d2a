import { messageOf } from '../io/faults.ts';
import { nearest } from '../model/diagnostics.ts';
import type { Command } from './command.ts';
import { optionsOf } from './help.ts';
import { among } from './option-checks.ts';

/** Explains an error of Node's parseArgs for a command. */
export function usageFault(thrown: unknown, command: Command): string {
  const text = messageOf(thrown);
  const options = optionsOf(command);
  // Node's message has the option as written, or both of its forms: '-d, --distro <value>'.
  const written = /'(?:-\w, )?(--?[^' =]+)/.exec(text)?.[1] ?? '';
  const name = written.replace(/^--?/, '');
  const [long = name, option] = options.find(([k, o]) => (written.startsWith('--') ? k : o.short) === name) ?? [];
  if (!option) {
    const near = nearest(
      name,
      options.map(([k]) => k),
    );
    return `unknown option ${written}${near ? `; did you mean --${near}?` : ''}`;
  }
  if (option.type === 'boolean') return `--${long} takes no value`;
  const value = option.value ?? 'VALUE';
  return `--${long} needs a value: --${long} ${value}${
    text.includes('ambiguous') ? `\n    a value that starts with '-' is written --${long}=${value}` : ''
  }`;
}

/** Whether a command's usage has nothing but its name and options. */
const takesNone = ({ usage }: Command): boolean => /^\S+$/.test(usage.replace(/ \[--[^\]]*\]| --\S+ \S+/g, ''));

/** The error for the first invalid value or argument of a command. */
export function valueFault(
  command: Command,
  values: Readonly<Record<string, unknown>>,
  [word]: readonly string[],
): string | undefined {
  if (word !== undefined && takesNone(command)) return `takes no argument, not '${word}'`;
  for (const [name, { check }] of optionsOf(command)) {
    const given = values[name];
    for (const value of Array.isArray(given) ? given : [given]) {
      const wrong = check && typeof value === 'string' ? check(value) : undefined;
      if (wrong !== undefined) return `--${name} '${String(value)}' ${wrong}`;
    }
  }
  const wrong = word !== undefined && command.words ? among(...command.words)(word) : undefined;
  return wrong === undefined ? undefined : `'${word}' ${wrong}`;
}
