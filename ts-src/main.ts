import { setFlagsFromString } from 'node:v8';
import { abandon, finish, main, tellCrash } from './cli/cli.ts';

// No file may be writable for everyone, whatever the caller's umask.
process.umask(process.umask() | 0o002);

// Runs are short. Hot loops call small functions that are compiled separately, so on-stack replacement costs more time
// here than it saves; and code that is optimized twice as late is optimized once: a plan takes a sixth less CPU time.
// Flags of the garbage collector must not change here: on Debian 13 a collection has begun by now,
// and without incremental marking one of 130 runs crashed in it.
setFlagsFromString('--no-use-osr');
setFlagsFromString('--interrupt-budget=264000');

main(process.argv.slice(2)).then(
  (code) => {
    finish();
    // Exits as soon as the output is flushed. A natural exit would tear down the heap, which takes a twentieth of a
    // plan's time.
    process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
  },
  (e: unknown) => {
    abandon();
    tellCrash(e);
    process.exitCode = 70;
  },
);
