// npm run bench -- NAME [--json] [options]: a table for people; with --json one JSON object on the last line.
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
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: 'boolean' }, runs: { type: 'string', default: '3' }, cold: { type: 'boolean' } },
});
const module = names[positionals[0]];
if (!module) {
  console.error(`name one of ${Object.keys(names).join(', ')}`);
  process.exit(2);
}
const rows = await (
  await import(module)
).default({ runs: Number(values.runs), cold: values.cold === true, note: (text) => console.error(text) });
const width = Math.max(...rows.map((r) => r.name.length));
for (const r of rows) console.log(`${r.name.padEnd(width)}  ${r.value.toFixed(2).padStart(8)}  ${r.meaning}`);
if (values.json) console.log(JSON.stringify(Object.fromEntries(rows.map((r) => [r.name, Number(r.value.toFixed(3))]))));
