import { setFlagsFromString } from 'node:v8';
import { abandon, finish, main } from './cli/cli.ts';

// Nothing that we make may be changed by everybody, whatever the caller's umask.
process.umask(process.umask() | 0o002);

// A run is short, and its loops call small functions that are compiled on their own: compiling a loop while it runs
// costs more than it gives, and so does marking what lives a little at a time, which spares a server its pauses.
setFlagsFromString('--no-use-osr');
setFlagsFromString('--no-incremental-marking');

main(process.argv.slice(2)).then(
  (code) => {
    finish();
    // Once what was printed is out; taking the heap apart, as at a natural end, would cost a twentieth of a plan.
    process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
  },
  (e: unknown) => {
    abandon();
    process.stderr.write(
      `slipway: internal error, please report it\n${e instanceof Error ? (e.stack ?? e.message) : String(e)}\n`,
    );
    process.exitCode = 70;
  },
);
