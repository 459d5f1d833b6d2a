import { existsSync } from 'node:fs';
import { relative, resolve } from 'node:path';
import { appendFile } from '../io/write.ts';
import { isError, type Diagnostic } from '../model/diagnostics.ts';
import { redacted } from '../model/urls.ts';
import { paint } from '../render/colour.ts';
import { shortened } from '../text/cut.ts';
import { printable, printableJson } from '../text/printable.ts';
import { countFaults, renderDiagnostics } from '../render/diagnostics.ts';
import type { Selection } from '../plan/select.ts';

/** Exit codes: success; a user error or a failed build; wrong usage; an internal error. */
export const exit = { ok: 0, failed: 1, usage: 2, internal: 70 } as const;

export interface Option {
  type: 'string' | 'boolean';
  short?: string;
  multiple?: boolean;
  value?: string;
  help: string;
  /** Validates a value. Returns the end of a sentence that begins with the value; undefined if it is valid. */
  check?(value: string): string | undefined;
}

/** Options by their name on the command line. */
export type OptionTable = Readonly<Record<string, Option>>;

type ValueOf<O extends Option> = Option extends O
  ? string | boolean | string[]
  : O extends { type: 'boolean' }
    ? boolean
    : O extends { multiple: true }
      ? string[]
      : string;

/** The parsed values of a table of options; an option that was not given is undefined. */
export type ValuesOf<Table extends OptionTable> = { readonly [Name in keyof Table]?: ValueOf<Table[Name]> | undefined };

interface CommandOf<Table extends OptionTable> {
  summary: string;
  usage: string;
  /** Longer text of `slipway VERB --help`. */
  details?: string;
  /** Command lines that show its use. */
  examples: readonly string[];
  /** Allowed values of the first argument. */
  words?: readonly string[];
  /** The command prints only its result, so it has no --quiet. */
  plain?: true;
  options: Table;
  run(values: ValuesOf<Table>, positionals: string[]): Promise<number>;
}

/** A command with its option types erased, for the list of commands. */
export type Command = CommandOf<OptionTable>;

/** Declares a command. `run` gets each value with the type of its option. */
export const defineCommand = <const Table extends OptionTable>(command: CommandOf<Table>): CommandOf<Table> => command;

export const distroOptions = {
  distro: {
    type: 'string',
    short: 'd',
    value: 'FILE',
    help: 'the distro file (default: distro.yaml in this folder or a parent)',
  },
  state: {
    type: 'string',
    value: 'DIR',
    help:
      'folder for sources, base systems and roots (default: SLIPWAY_STATE, else ' +
      '.slipway beside the distro file); the store stays where distro.yaml says',
  },
  lock: { type: 'string', value: 'FILE', help: 'use the commits of this lockfile' },
  override: {
    type: 'string',
    multiple: true,
    value: 'NAME=DIR',
    help:
      'use the files in DIR for repository NAME; NAME@REF: use a branch, tag or ' +
      'commit; NAME#N: use the merge commit of pull request N (repeatable)',
  },
} as const satisfies Record<string, Option>;

export type DistroValues = ValuesOf<typeof distroOptions>;

/** The state folder of `--state`, else of the environment. Without either it depends on the command. */
export const namedState = (values: { readonly state?: string | undefined }): string | undefined =>
  values.state || process.env.SLIPWAY_STATE || undefined;

export const selectionOptions = {
  above: {
    type: 'string',
    multiple: true,
    value: 'GLOB',
    help: 'only these packages and all that need them to build, run or test (repeatable)',
  },
  repository: {
    type: 'string',
    multiple: true,
    value: 'GLOB',
    help: 'only packages of these repositories (repeatable)',
  },
  'changed-since': {
    type: 'string',
    value: 'COMMIT',
    help: 'only packages that are new or planned differently since this commit of the distro repository',
  },
  distribution: { type: 'string', multiple: true, value: 'NAME', help: 'only this distribution (repeatable)' },
  platform: { type: 'string', multiple: true, value: 'NAME', help: 'only this platform (repeatable)' },
  architecture: { type: 'string', multiple: true, value: 'NAME', help: 'only this architecture (repeatable)' },
  variant: {
    type: 'string',
    multiple: true,
    value: 'NAME',
    help: 'only this variant; `default` is the one without changes',
  },
  only: { type: 'boolean', help: 'only the named packages, without their dependencies' },
} as const satisfies Record<string, Option>;

export type SelectionValues = ValuesOf<typeof selectionOptions>;

/** Text for a terminal or a console, with control characters made visible and secrets in URLs hidden. */
const shown = (text: string): string =>
  /^\s*[[{]/.test(text) ? printableJson(redacted(text)) : printable(redacted(text));

/** Whether a stream is a terminal with colours. Follows no-color.org. */
const shows = (stream: NodeJS.WriteStream): boolean =>
  stream.isTTY && !process.env.NO_COLOR && process.env.TERM !== 'dumb';

export const writeOutput = (text: string): void => {
  const safe = shown(text);
  process.stdout.write(shows(process.stdout) && !/^\s*(\{|\[[\s{["\]])/.test(safe) ? paint(safe) : safe);
};
export const writeMessage = (text: string): void => {
  const safe = shown(text);
  process.stderr.write(shows(process.stderr) ? paint(safe) : safe);
};

let quiet = false;
/** Suppresses `writeNote` from now on. */
export const beQuiet = (): void => {
  quiet = true;
};
export const isQuiet = (): boolean => quiet;
/** Progress information for people; `--quiet` suppresses it. */
export const writeNote = (text: string): void => {
  if (!quiet) writeMessage(text);
};
/** Writes control sequences of our own; text from elsewhere in it must have passed `printable`. */
export const writeControl = (text: string): void => void process.stderr.write(text);

export function showDiagnostics(diagnostics: readonly Diagnostic[]): void {
  if (!diagnostics.length) return;
  writeMessage(`${renderDiagnostics(diagnostics)}${countFaults(diagnostics)}\n`);
  noteErrors(diagnostics.filter(isError));
}

/** Errors that the file for Jenkins' steps still takes. */
let notable = 20;

/** Text from outside in one line of limited length: it can't look like a line of another error. */
const inLine = (text: string, most: number): string => shortened(text.replace(/\s+/g, ' ').trim(), most);

/**
 * Writes errors to the file that Jenkins' steps read: they show the text, look for codes at the ends of lines, and pass
 * it on as an argument of a command, which has at most 128 KiB.
 */
function noteErrors(errors: readonly Diagnostic[]): void {
  const file = process.env.SLIPWAY_ERRORS_FILE;
  if (!file) return;
  const noted = errors.slice(0, notable).map((d) => ({
    ...d,
    message: inLine(d.message, 600),
    ...(d.file === undefined ? {} : { file: inLine(d.file, 200) }),
    ...(d.hint === undefined ? {} : { hint: inLine(d.hint, 300) }),
  }));
  if (!noted.length) return;
  notable -= noted.length;
  appendFile(file, printable(renderDiagnostics(noted)));
}

/** The distro file: the named one, or distro.yaml in this folder or a parent. */
export function findDistro(values: Pick<DistroValues, 'distro'>): string {
  if (values.distro !== undefined) return shorten(resolve(values.distro));
  for (let at = process.cwd(); ; at = resolve(at, '..')) {
    if (existsSync(resolve(at, 'distro.yaml'))) return shorten(resolve(at, 'distro.yaml'));
    if (at === '/') return 'distro.yaml';
  }
}

const shorten = (path: string): string => {
  const short = relative(process.cwd(), path);
  return short.startsWith('..') ? path : short;
};

export function selectionOf(values: SelectionValues, packages: string[]): Selection {
  const { above, repository, distribution, platform, architecture, variant, only } = values;
  return {
    ...(packages.length ? { packages } : {}),
    ...(only ? { only } : {}),
    ...(above ? { above } : {}),
    ...(repository ? { repositories: repository } : {}),
    ...(distribution ? { distributions: distribution } : {}),
    ...(platform ? { platforms: platform } : {}),
    ...(architecture ? { architectures: architecture } : {}),
    ...(variant ? { variants: variant } : {}),
  };
}
