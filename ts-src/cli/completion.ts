import { exit, writeMessage, writeOutput, type Command } from './command.ts';
import { optionsOf } from './help.ts';

interface Entry {
  name: string;
  summary: string;
  options: { name: string; short: string | undefined; takesValue: boolean; help: string }[];
}

const entriesOf = (commands: Readonly<Record<string, Command>>): Entry[] =>
  Object.entries(commands).map(([name, command]) => ({
    name,
    summary: command.summary,
    options: optionsOf(command).map(([key, o]) => ({
      name: key,
      short: o.short,
      takesValue: o.type === 'string',
      help: o.help,
    })),
  }));

/** Quotes text for a POSIX shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", `'\\''`)}'`;

const bash = (all: Entry[]): string => `\
# bash completion for slipway
_slipway() {
  local current=\${COMP_WORDS[COMP_CWORD]} command=\${COMP_WORDS[1]} words=
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='${all.map((e) => e.name).join(' ')}'
  else
    case $command in
${all.map((e) => `    ${e.name}) words='${e.options.map((o) => `--${o.name}`).join(' ')}' ;;`).join('\n')}
    esac
    case $current in -*) ;; *) words= ;; esac
  fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$current")
  [ \${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$current")
}
complete -F _slipway slipway
`;

/** Escapes a description for `_arguments`, where brackets, colons and quotes are syntax. */
const zshText = (text: string): string => text.replace(/[[\]:\\]/g, '\\$&').replaceAll("'", `'\\''`);

const zsh = (all: Entry[]): string => `\
#compdef slipway
_slipway() {
  local -a commands
  commands=(
${all.map((e) => `    '${e.name}:${zshText(e.summary)}'`).join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  case $words[2] in
${all
  .map((e) => {
    const options = e.options.map(
      (o) => `      '--${o.name}[${zshText(o.help)}]${o.takesValue ? ':value:_files' : ''}'`,
    );
    return `    ${e.name})\n      _arguments \\\n${[...options, "      '*:argument:_files'"].join(' \\\n')} ;;`;
  })
  .join('\n')}
  esac
}
if [ "$funcstack[1]" = _slipway ]; then _slipway "$@"; else compdef _slipway slipway; fi
`;

const fish = (all: Entry[]): string => `\
# fish completion for slipway
${all.map((e) => `complete -c slipway -n __fish_use_subcommand -f -a ${e.name} -d ${quoted(e.summary)}`).join('\n')}
${all
  .flatMap((e) =>
    e.options.map((o) => {
      const short = o.short ? ` -s ${o.short}` : '';
      const value = o.takesValue ? ' -r' : '';
      return `complete -c slipway -n '__fish_seen_subcommand_from ${e.name}' -l ${o.name}${short}${value} -d ${quoted(o.help)}`;
    }),
  )
  .join('\n')}
`;

const shells: Record<string, (all: Entry[]) => string> = { bash, zsh, fish };

/** `commands` is a function because the list of commands includes this one. */
export const completionOf = (commands: () => Promise<Readonly<Record<string, Command>>>): Command => ({
  summary: 'print completion for bash, zsh or fish',
  usage: 'completion bash|zsh|fish',
  plain: true,
  words: Object.keys(shells),
  examples: [
    'slipway completion bash > ~/.local/share/bash-completion/completions/slipway',
    'slipway completion zsh > "${fpath[1]}/_slipway"',
    'slipway completion fish > ~/.config/fish/completions/slipway.fish',
  ],
  options: {},
  async run(_, [shell = '', ...more]) {
    const script = Object.hasOwn(shells, shell) ? shells[shell] : undefined;
    if (!script || more.length) {
      writeMessage('slipway completion: takes one of bash, zsh and fish\n');
      return exit.usage;
    }
    writeOutput(script(entriesOf(await commands())));
    return exit.ok;
  },
});
