import { createHash } from 'node:crypto';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { chromium, type Browser, type Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { faulty, files } from './docs-files.ts';
import { discard, slipway, workspace, type Ran } from './helpers.ts';

interface Site {
  dead: { page: string; link: string }[];
  crossing: Record<string, number>;
  results: { name: string; kind: string; state: string; reason: string }[];
}
const answer = (ran: Ran): Site => JSON.parse(ran.stdout) as Site;
const documented = (ran: Ran): Record<string, string> =>
  Object.fromEntries(answer(ran).results.flatMap((t) => (t.kind === 'docs' ? [[t.name, t.state]] : [])));

function writeAll(folder: string, files: Record<string, string>): void {
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
}

/** Digest of every file in a tree, with versions on pages stripped of the build time. */
function digests(root: string): Record<string, string> {
  const files = readdirSync(root, { recursive: true, encoding: 'utf8' }).filter((f) =>
    statSync(join(root, f)).isFile(),
  );
  return Object.fromEntries(
    files.sort().map((f) => {
      const text = readFileSync(join(root, f), 'latin1').replace(/(-0bookworm)\.\d{8}\.\d{6}/g, '$1');
      return [f, createHash('sha256').update(text).digest('hex')];
    }),
  );
}

describe('documentation of packages that refer to each other', () => {
  const folder = workspace('docs');
  const docs = (...args: string[]) => slipway(['docs', '--json', ...args], folder);
  const page = (path: string) => readFileSync(join(folder, 'docs', path), 'utf8');
  let first: Ran;
  beforeAll(async () => {
    writeAll(folder, files);
    first = await docs();
  });
  afterAll(() => discard(folder));

  it('documents what is installed, without dead links', () => {
    expect(first.code, first.stderr).toBe(0);
    expect(documented(first)).toEqual({ base: 'built', user: 'built' });
    expect(answer(first).dead).toEqual([]);
    expect(page('d/base/index.html')).toContain('Times and <strong>durations</strong>');
    expect(page('d/base/api/overview.html')).toContain('A moment of the robot');
    expect(page('d/base/doc/python/base_py.html')).toContain('Gives the time now.');
    expect(page('d/base/changelog.html')).toContain('Times can be added');
    // rosdoc2.yaml names the folder of the guides.
    expect(page('d/user/doc/index.html')).toContain('How to use it');
    expect(first.stderr).toMatch(/\d+ pages, \d+ links, \d+ of them between packages, 0 lead nowhere/);
  });

  it('links lead to the classes, modules and messages of declared dependencies, and are relative', () => {
    expect(page('d/user/api/classuser_1_1Clock.html')).toContain('href="../../base/api/classbase_1_1Time.html');
    expect(page('d/user/doc/index.html')).toContain('href="../../base/doc/python/base_py.html#base_py.now"');
    expect(page('d/user/msg/Tick.html')).toContain('<a href="../../base/msg/Moment.html">base/Moment[]</a>');
    expect(page('d/base/msg/Moment.html')).toContain('user/Tick');
    expect(answer(first).crossing['d/user → d/base']).toBeGreaterThan(2);
  });

  it("remakes one package's pages after an edit of a comment, and those of referring packages after a new function", async () => {
    const header = join(folder, 'src/base/include/base/time.h');
    writeFileSync(header, readFileSync(header, 'utf8').replace('A moment of the robot', 'A moment of any robot'));
    const comment = await docs();
    expect(documented(comment)).toEqual({ base: 'built', user: 'cached' });
    expect(page('d/base/api/overview.html')).toContain('A moment of any robot');
    appendFileSync(header, 'namespace base { /** More. */ void more(); }\n');
    expect(documented(await docs())).toEqual({ base: 'built', user: 'built' });
    expect(documented(await docs())).toEqual({ base: 'cached', user: 'cached' });
  });

  it('gives the same bytes on another machine', async () => {
    const other = workspace('docs-other');
    try {
      for (const part of ['distro.yaml', 'rosdep.yaml', 'src'])
        cpSync(join(folder, part), join(other, part), { recursive: true });
      const ran = await slipway(['docs', '--json'], other);
      expect(ran.code, ran.stderr).toBe(0);
      expect(digests(join(other, 'docs'))).toEqual(digests(join(folder, 'docs')));
    } finally {
      await discard(other);
    }
  });

  it('publishes states, one of them as the latest', async () => {
    const site = join(folder, 'published/nightly');
    expect((await docs('--publish', 'nightly')).code).toBe(0);
    const state = readlinkSync(join(site, 'latest'));
    expect(state).toMatch(/^\d{14}-[0-9a-f]{8}$/);
    expect(existsSync(join(site, state, 'd/base/index.html'))).toBe(true);
    const again = await docs('--publish', 'nightly');
    expect(again.stderr).toContain(`has this documentation already (${state})`);
    appendFileSync(join(folder, 'src/base/README.md'), '\nMore.\n');
    expect((await docs('--publish', 'nightly')).code).toBe(0);
    const next = readlinkSync(join(site, 'latest'));
    expect(next).not.toBe(state);
    const states = JSON.parse(readFileSync(join(site, 'states.json'), 'utf8')) as { path: string; total: number }[];
    expect(states.map((s) => s.path)).toEqual([next, state]);
    expect(states[0]?.total).toBeGreaterThan(3);
    // The coverage is remembered, and shown after it changed.
    const header = join(folder, 'src/base/include/base/time.h');
    expect(page('d/base/index.html')).not.toContain('class="trend"');
    writeFileSync(header, readFileSync(header, 'utf8').replace('  int plain;', '  /** Told. */\n  int plain;'));
    expect((await docs('--publish', 'nightly')).code).toBe(0);
    expect(page('d/base/index.html')).toMatch(
      /<svg class="trend"[^>]*aria-label="Described: (\d+) % on \S+, (?!\1)\d+ % on /,
    );
  });

  describe('in a browser', () => {
    const axe = readFileSync(createRequire(__filename).resolve('axe-core/axe.min.js'), 'utf8');
    let browser: Browser;
    beforeAll(async () => {
      browser = await chromium.launch({
        executablePath: '/usr/bin/chromium',
        args: ['--no-sandbox', '--allow-file-access-from-files'],
      });
    });
    afterAll(() => browser.close());
    async function open(path: string, options: { dark?: boolean; width?: number } = {}): Promise<Page> {
      const context = await browser.newContext({
        viewport: { width: options.width ?? 1280, height: 800 },
        colorScheme: options.dark ? 'dark' : 'light',
      });
      const shown = await context.newPage();
      await shown.goto(`file://${join(folder, 'docs', path)}`);
      return shown;
    }

    it('has pages without accessibility faults (axe) in light and dark mode, which fit a phone', async () => {
      const pages = ['index.html', 'd/base/index.html', 'd/base/api/classbase_1_1Time.html', 'd/user/msg/Tick.html'];
      const more = ['d/base/api/overview.html', 'd/base/doc/python/base_py.html', 'd/base/changelog.html'];
      for (const path of [...pages, ...more])
        for (const options of pages.includes(path) ? [{}, { dark: true }, { width: 390 }] : [{}]) {
          const shown = await open(path, options);
          await shown.evaluate(axe);
          const found = await shown.evaluate<{ violations: { id: string; nodes: { html: string }[] }[] }>(
            'axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]})',
          );
          const told = found.violations.map((v) => `${path} ${v.id}: ${v.nodes[0]?.html}`);
          expect(told).toEqual([]);
          expect(await shown.evaluate('document.documentElement.scrollWidth <= innerWidth')).toBe(true);
          await shown.context().close();
        }
    });

    it('has a search that can be opened, used and closed by keyboard, also from file://', async () => {
      const shown = await open('d/user/index.html');
      await shown.keyboard.press('/');
      await shown.keyboard.type('secondsOf');
      const found = shown.locator('dialog.search [role=option]').first();
      await found.waitFor();
      expect(await found.innerText()).toContain('base::Time::secondsOf');
      expect(Number(await shown.locator('dialog.search').getAttribute('data-milliseconds'))).toBeLessThan(1000);
      await shown.keyboard.press('Enter');
      await shown.waitForURL(/\/d\/base\/api\/classbase_1_1Time\.html#/);
      await shown.keyboard.press('Control+k');
      await shown.keyboard.type('Moment');
      await shown.locator('dialog.search [role=option]', { hasText: 'base/Moment' }).first().waitFor();
      await shown.keyboard.press('Escape');
      expect(await shown.locator('dialog.search').isVisible()).toBe(false);
      await shown.context().close();
    });
  });
});

it('reports every fault, and contains hostile documentation', async () => {
  const folder = workspace('docs-faults');
  try {
    writeAll(folder, faulty);
    const ran = await slipway(['docs', '--json'], folder);
    expect(ran.code).toBe(1);
    const reasons = Object.fromEntries(
      answer(ran).results.flatMap((t) =>
        t.kind === 'docs' ? [[t.name, `${t.state}: ${t.reason.split('\n')[0]}`]] : [],
      ),
    );
    expect(reasons.no_page).toBe('failed: it installs headers, but its Doxyfile makes no API page');
    expect(reasons.no_import).toMatch(/^failed: Python can't import no_import: .*no_import/);
    expect(reasons.warns).toMatch(/^failed: 2 warnings, 0 are allowed: include\/warns\/a\.h:2: .*nothing/);
    expect(reasons.leaves_link).toMatch(/^failed: it left what can't be taken: .*passwd\.html is a link, not a file/);
    expect(reasons.ends_badly).toBe('failed: conf.py ended with 1: doc/conf.py:1: RuntimeError: not today');
    expect(existsSync(join(folder, 'docs/d/ends_badly/doc/index.html'))).toBe(true);
    expect(reasons.escapes).toBe('built: new or changed inputs');
    expect(existsSync('/tmp/slipway-docs-escaped')).toBe(false);
    const readme = readFileSync(join(folder, 'docs/d/escapes/index.html'), 'utf8');
    expect(readme).toContain('&lt;script&gt;alert(1)&lt;/script&gt;');
    expect(readme).not.toMatch(/href="javascript:/i);
    expect(readFileSync(join(folder, 'docs/d/no_page/index.html'), 'utf8')).toContain('makes no API page');
    expect(readFileSync(join(folder, 'docs.out/report.html'), 'utf8')).toContain('documentation of ');
    // Dependencies from doc_depend are installed for documentation only.
    expect(reasons.extended).toBe('built: new or changed inputs');
    expect(readFileSync(join(folder, 'docs/d/extended/doc/index.html'), 'utf8')).toContain('Said by an extension.');
    // Pages load nothing from other hosts, such as badges.
    for (const page of ['index.html', 'doc/index.html']) {
      const html = readFileSync(join(folder, 'docs/d/extended', page), 'utf8');
      expect(html).toContain('<span class="elsewhere" title="https://badges.example.org/');
      expect(html).not.toContain('src="https:');
      expect(html).toContain('<meta http-equiv="Content-Security-Policy"');
    }
    const junit = readFileSync(join(folder, 'docs.out/junit/d/bookworm-amd64.xml'), 'utf8');
    expect(junit).toMatch(/<testcase classname="\S*warns" name="docs"[^>]*>\s*<failure message="2 warnings, 0 are/);
    // There is no network, and nothing of the host is visible.
    expect(
      ran.stdout + readFileSync(join(folder, 'docs.out/logs/d/bookworm-amd64/escapes.docs.log'), 'utf8'),
    ).toContain('no way out');
  } finally {
    await discard(folder);
  }
});
