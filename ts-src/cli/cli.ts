import { rmSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { environmentFault, internalFaults } from '../io/faults.ts';
import { onSlow } from '../io/slow.ts';
import { nearest } from '../model/diagnostics.ts';
import { beQuiet, writeMessage, writeNote, exit, writeOutput, type Command } from './command.ts';
import { commandNames, loadCommand, loadCommands } from './all.ts';
import { helpOf, optionsOf, overview } from './help.ts';
import { usageFault, valueFault } from './usage.ts';

export { finishDeferred as finish } from '../io/deferred.ts';
export { killAll as abandon } from '../io/process.ts';

/** Finds the command, parses its options and runs it. Returns the process's exit code. */
export async function main(args: string[]): Promise<number> {
  onSlow((text) => writeNote(`${text}\n`));
  const [name, ...rest] = args;
  if (name === undefined || name === '--help' || name === '-h' || name === 'help') {
    if (name === 'help' && rest[0] !== undefined) return main([rest[0], '--help']);
    (name === undefined ? writeMessage : writeOutput)(overview(await loadCommands()));
    return name === undefined ? exit.usage : exit.ok;
  }
  if (name === '--version') {
    writeOutput(`slipway ${SLIPWAY_VERSION}\n`);
    return exit.ok;
  }
  const command = await loadCommand(name);
  if (!command) {
    const option = name.startsWith('-');
    const near = nearest(name, option ? ['--help', '--version'] : commandNames);
    const what = option ? `unknown option ${name}` : `'${name}' is not a command`;
    const hint = option ? 'options of a command stand after its name' : 'slipway --help lists them';
    writeMessage(`slipway: ${what}${near ? `; did you mean ${option ? near : `'${near}'`}?` : ''}\n    ${hint}\n`);
    return exit.usage;
  }
  let parsed;
  try {
    const options = Object.fromEntries(
      optionsOf(command).map(([k, o]) => [
        k,
        {
          type: o.type,
          ...(o.short ? { short: o.short } : {}),
          ...(o.multiple ? { multiple: true } : {}),
        },
      ]),
    );
    parsed = parseArgs({ args: rest, options, allowPositionals: true });
  } catch (e) {
    writeMessage(`slipway ${name}: ${usageFault(e, command)}\n    slipway ${name} --help shows its options\n`);
    return exit.usage;
  }
  if (parsed.values.help) {
    writeOutput(helpOf(name, command));
    return exit.ok;
  }
  const wrong = valueFault(command, parsed.values, parsed.positionals);
  if (wrong !== undefined) {
    writeMessage(`slipway ${name}: ${wrong}\n    slipway ${name} --help shows what it takes\n`);
    return exit.usage;
  }
  if (parsed.values.quiet) beQuiet();
  try {
    if (process.env.SLIPWAY_ERRORS_FILE) rmSync(process.env.SLIPWAY_ERRORS_FILE, { force: true });
    const code = await command.run(parsed.values as Parameters<Command['run']>[0], parsed.positionals);
    // The command itself said what is wrong.
    if (code === exit.usage) writeMessage(`    slipway ${name} --help shows its usage\n`);
    const ours = internalFaults();
    ours.forEach(tellCrash);
    return ours.length ? exit.internal : code;
  } catch (e) {
    const words = environmentFault(e);
    if (words === undefined) throw e;
    writeMessage(`slipway ${name}: ${words}\n`);
    return exit.failed;
  }
}

/** Prints a bug. Its message may quote text from outside. */
export const tellCrash = (e: unknown): void =>
  writeMessage(
    `slipway: internal error, please report it\n${e instanceof Error ? (e.stack ?? e.message) : String(e)}\n`,
  );
