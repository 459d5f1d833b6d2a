// npm run bench -- docs: a site of 2,200 packages in Chromium; with --cold the documentation of the large set of ROS 1,
// and rosdoc2 (from PyPI) on tf2 in the same run. Needs what `npm test` needs.
import { execFileSync } from 'node:child_process';
import { createServer } from 'node:http';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { extname, join, normalize } from 'node:path';
import { build } from 'esbuild';
import { chromium } from 'playwright-core';
import { cache } from '../setup.mjs';
import { fetchTarballs, large, largePackages, noeticSettings, writeDistro } from '../e2e/upstream.mjs';
import { browserScripts } from '../../scripts/client.mjs';
import { textLoaders } from '../../scripts/text-files.mjs';
import { bundle, median, root, timed } from './common.mjs';
import { portOf } from '../port.mjs';

const packages = 2200;
const queries = ['buffer', 'lookupTransform', 'time', 'mapGoal', 'laserScan', 'get', 'PoseTwist', 'clock_timer'];

/** @param {{ runs: number, cold: boolean, note: (text: string) => void }} options */
export default async function ({ runs, cold, note }) {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-docs-'));
  try {
    const rows = await searchRows(folder, runs, note);
    if (cold) rows.push(...(await largeRows(note)));
    return rows;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

async function searchRows(folder, runs, note) {
  const driver = join(folder, 'driver.mjs');
  await build({
    entryPoints: [join(root, 'test/bench/docs-driver.ts')],
    bundle: true,
    platform: 'node',
    format: 'esm',
    outfile: driver,
    loader: textLoaders,
    logLevel: 'error',
    banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    plugins: [browserScripts],
  });
  note(`making a site of ${packages} packages`);
  const made = JSON.parse(timed(process.execPath, [driver, folder, String(packages)]).stdout);
  if (made.dead) throw new Error(`${made.dead} links lead nowhere`);
  let sent = 0;
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(new URL(request.url ?? '/', 'http://x').pathname));
    const file = join(folder, 'site', path);
    if (path.includes('..') || !existsSync(file)) return void response.writeHead(404).end();
    const data = readFileSync(file);
    sent += data.length;
    const type = { '.html': 'text/html', '.css': 'text/css' }[extname(path)] ?? 'text/javascript';
    response.writeHead(200, { 'content-type': `${type}; charset=utf-8` }).end(data);
  });
  await new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const port = portOf(server);
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  const [paints, answers, first] = [[], [], []];
  try {
    for (let n = 0; n < runs; n++) {
      const context = await browser.newContext();
      const page = await context.newPage();
      sent = 0;
      await page.goto(`http://127.0.0.1:${port}/index.html`);
      paints.push(await page.evaluate(() => performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? 0));
      first.push(sent);
      await page.keyboard.press('/');
      for (const query of queries) {
        // The second search finds the files of these words in the cache: it measures the answer itself.
        for (const again of [false, true]) {
          await page.fill('dialog.search input', '');
          await page.fill('dialog.search input', query);
          await page.locator(`dialog.search[data-answered="${query}"]`).waitFor();
          if (again) answers.push(Number(await page.locator('dialog.search').getAttribute('data-milliseconds')));
        }
      }
      await context.close();
    }
  } finally {
    await browser.close();
    server.close();
  }
  return [
    { name: 'docs.site_cpu_s_2200', value: made.cpu, meaning: `CPU seconds: ${made.files} files, links checked` },
    { name: 'docs.first_paint_ms', value: median(paints), meaning: 'index of 2,200 packages, first paint' },
    { name: 'docs.first_mb', value: median(first) / 1e6, meaning: 'MB before the first search, not compressed' },
    { name: 'docs.search_ms', value: median(answers), meaning: `median of ${queries.length} searches` },
    { name: 'docs.search_worst_ms', value: Math.max(...answers), meaning: 'the slowest of them' },
  ];
}

/** CPU seconds of the tools, from the logs of documentation. */
function toolSeconds(logs, only) {
  let sum = 0;
  for (const file of readdirSync(logs, { recursive: true, encoding: 'utf8' })) {
    if (!file.endsWith('.docs.log') || (only && !file.endsWith(`/${only}.docs.log`))) continue;
    for (const [, seconds] of readFileSync(join(logs, file), 'utf8').matchAll(/^== all took ([\d.]+) CPU seconds$/gm))
      sum += Number(seconds);
  }
  return sum;
}

async function largeRows(note) {
  const folder = join(cache, 'bench-docs');
  mkdirSync(folder, { recursive: true });
  const sources = await fetchTarballs(large, join(cache, 'sources'));
  writeDistro(folder, 'noetic', sources, { settings: noeticSettings, distribution: { packages: largePackages } });
  note('building the large set, where it is not built yet, and its documentation');
  const ran = timed('sh', ['-c', 'node "$1" docs --json --rebuild "*" || test $? = 1', 'sh', bundle], { cwd: folder });
  const site = JSON.parse(ran.stdout);
  const documented = site.results.filter((t) => t.kind === 'docs' && ['built', 'cached'].includes(t.state)).length;
  const all = toolSeconds(join(folder, 'docs.out/logs'));
  const tf2 = toolSeconds(join(folder, 'docs.out/logs'), 'tf2');
  const theirs = rosdoc2Seconds(folder, sources.geometry2, note);
  return [
    { name: 'docs.cpu_s_75', value: all, meaning: `CPU seconds of the tools for ${documented} packages` },
    { name: 'docs.tf2_s', value: tf2, meaning: 'of these for tf2' },
    { name: 'docs.rosdoc2_tf2_s', value: theirs, meaning: 'CPU seconds of rosdoc2 for tf2' },
    { name: 'docs.tf2_vs_rosdoc2', value: theirs / tf2, meaning: 'times less' },
    { name: 'docs.links_between', value: Object.values(site.crossing).reduce((a, b) => a + b, 0), meaning: 'links' },
    { name: 'docs.dead_links', value: site.dead.length, meaning: 'links that lead nowhere' },
  ];
}

function rosdoc2Seconds(folder, tarball, note) {
  const venv = join(cache, 'rosdoc2');
  if (!existsSync(join(venv, 'bin/rosdoc2'))) {
    note('installing rosdoc2');
    execFileSync('apt-get', ['install', '-y', '-q', '--no-install-recommends', 'doxygen', 'graphviz', 'python3-venv'], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    execFileSync('python3', ['-m', 'venv', venv]);
    execFileSync(join(venv, 'bin/pip'), ['install', '--quiet', 'rosdoc2']);
  }
  const at = join(folder, 'geometry2');
  rmSync(at, { recursive: true, force: true });
  mkdirSync(at, { recursive: true });
  execFileSync('tar', ['xf', tarball, '--strip-components=1', '-C', at]);
  // rosdoc2 ignores the C++ of catkin packages, so the manifest declares ament.
  const xml = join(at, 'tf2/package.xml');
  execFileSync('sed', ['-i', 's#</package>#<export><build_type>ament_cmake</build_type></export></package>#', xml]);
  const script = 'cd "$2" && PATH="$1/bin:$PATH" rosdoc2 build --package-path tf2 >rosdoc2.log 2>&1; times';
  const times = timed('bash', ['-c', script, 'rosdoc2', venv, at]).stdout.trim().split('\n').at(-1) ?? '';
  if (!statSync(join(at, 'docs_output')).isDirectory()) throw new Error('rosdoc2 made no documentation');
  return [...times.matchAll(/(\d+)m([\d.]+)s/g)].reduce((sum, [, m, s]) => sum + 60 * Number(m) + Number(s), 0);
}
