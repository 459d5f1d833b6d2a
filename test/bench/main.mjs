// npm run bench -- NAME [--json] [options]: prints a table; with --json, a JSON object on the last line.
import { parseArgs } from 'node:util';

const names = {
  build: './build.mjs',
  docs: './docs.mjs',
  image: './image.mjs',
  incremental: './incremental.mjs',
  jenkins: './jenkins.mjs',
  plan: './plan.mjs',
  publish: './publish.mjs',
};
const usage = `Usage: npm run bench -- NAME [--runs N] [--cold] [--json]

NAME is one of ${Object.keys(names).join(', ')}.

  --runs N  runs of each measurement, of which the median counts (default: 3)
  --cold    also what starts from nothing and takes long
  --json    one JSON object on the last line
`;

/** @type {{ values: { json?: boolean, runs?: string, cold?: boolean, help?: boolean }, positionals: string[] }} */
let asked;
try {
  asked = parseArgs({
    allowPositionals: true,
    options: {
      json: { type: 'boolean' },
      runs: { type: 'string', default: '3' },
      cold: { type: 'boolean' },
      help: { type: 'boolean', short: 'h' },
    },
  });
} catch (e) {
  console.error(`${e instanceof Error ? e.message : ''}\n\n${usage}`);
  process.exit(2);
}
const { values, positionals } = asked;
const module = names[positionals[0] ?? ''];
if (values.help) {
  console.log(usage);
  process.exit(0);
}
if (!module || !/^[1-9]\d*$/.test(values.runs ?? '')) {
  console.error(usage);
  process.exit(2);
}
const rows = await (
  await import(module)
).default({ runs: Number(values.runs), cold: values.cold === true, note: (text) => console.error(text) });
const width = Math.max(...rows.map((r) => r.name.length));
for (const r of rows) console.log(`${r.name.padEnd(width)}  ${r.value.toFixed(2).padStart(8)}  ${r.meaning}`);
if (values.json) console.log(JSON.stringify(Object.fromEntries(rows.map((r) => [r.name, Number(r.value.toFixed(3))]))));
