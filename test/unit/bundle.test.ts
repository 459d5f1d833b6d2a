import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { bundle, digestMark } from '../../scripts/bundle.mjs';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-bundle-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Bundles files, runs the script, and returns it with what it printed. */
async function run(files: Record<string, string>, args: string[] = []) {
  for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
  const define = { DIGEST: JSON.stringify(digestMark) };
  const text = await bundle({ root: folder, entry: 'main.ts', banner: '// A test.', define });
  const script = join(folder, 'script.cjs');
  writeFileSync(script, text);
  return { text, ...spawnSync('node', [script, ...args], { encoding: 'utf8' }) };
}

const shared = `import { basename as nameOf } from 'node:path';
export const stars = /\\**/g;
export let digest: string = DIGEST;
export const blank = \`a\n\n\n\nb\`;
export const told = (text: string) => nameOf(text).replace(stars, '') + ' \\u{1f916} */';
declare const DIGEST: string;`;

it('compiles a module when it is first asked for, and tells its lines', async () => {
  const { text, stdout, stderr } = await run(
    {
      'shared.ts': shared,
      'other.ts': "import { told } from './shared.ts';\nexport const fail = () => { throw new Error(told('b/*c')); };",
      'broken.ts': "import { told } from './shared.ts';\nnull.x; export const no = told;",
      'main.ts': `import { told, digest, blank } from './shared.ts';
console.log(told('a/*b'), digest, JSON.stringify(blank));
if (process.argv[2]) import('./broken.ts'); else import('./other.ts').then((m) => m.fail());`,
    },
    [],
  );
  expect(stdout).toMatch(/^b \u{1f916} \*\/ [0-9a-f]{64} "a\\n\\n\\n\\nb"\n$/u);
  expect(stderr).toContain('Error: c \u{1f916} */');
  const line = Number(/script\.cjs#other\.ts:(\d+)/.exec(stderr)?.[1]);
  expect(text.split('\f//// other.ts')[1]?.split('\n')[line - 1]).toContain('throw new Error(told(');
  // eslint-disable-next-line no-control-regex -- ASCII is meant
  expect(text).toMatch(/^[\0-\x7f]*$/);
});

it.each(['count = count + 1', 'count += 1', 'count++', '--count'])(
  'refuses what constants for imports would change: %s',
  async (change) => {
    const files = {
      'shared.ts': `export let count = 0;\nexport const more = () => { ${change}; };`,
      'other.ts': "import { count } from './shared.ts';\nexport const now = () => count;",
      'main.ts': "import { more } from './shared.ts';\nmore(); import('./other.ts').then((m) => console.log(m.now()));",
    };
    await expect(run(files)).rejects.toThrow('count is exported, and assigned more than once');
  },
);
