import { abandon, finish, main } from './verbs/cli.ts';

main(process.argv.slice(2)).then(
  (code) => {
    process.exitCode = code;
    finish();
  },
  (e: unknown) => {
    abandon();
    process.stderr.write(`slipway: a fault of its own, please report it\n${e instanceof Error ? (e.stack ?? e.message) : String(e)}\n`);
    process.exitCode = 70;
  },
);
