/// <reference lib="dom" />
/// <reference lib="dom.iterable" />
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { chromium, type Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { TaskState } from '../../ts-src/model/result.ts';
import { renderReport, type ReportTask } from '../../ts-src/render/report.ts';
import { stateColor, taskStates } from '../../ts-src/render/states.ts';
import { portOf } from '../port.mjs';

const hostile = '<script>document.title="taken"</script>"\'&';
const longest = 'a_package_whose_name_is_much_longer_than_the_box_that_it_used_to_stand_in';
const task = (n: number, state: TaskState, more: Partial<ReportTask> = {}): ReportTask => ({
  id: `mini/bookworm-amd64/package_${n}`,
  name: `package_${n}`,
  kind: 'build',
  state,
  reason: 'new or changed inputs',
  scope: 'mini/bookworm-amd64',
  buildType: 'ament_cmake',
  upstream: '1.0.0',
  repository: 'robot',
  needs: n > 1 ? [`package_${n - 1}`, `package_${n >> 1}`] : [],
  tail: [],
  ...more,
});
/** More packages than once fitted into a picture, in every state. */
const tasks = [
  ...Array.from({ length: 92 }, (_, i) => task(i + 1, i < 7 ? taskStates[i]! : 'cached')),
  task(93, 'built', { name: longest, id: longest, needs: ['package_92'], started: 1000, finished: 61_000 }),
  task(94, 'failed', {
    reason: hostile,
    debs: [{ name: `acme-${longest.replaceAll('_', '-')}_1.0.0_amd64.deb`, sha256: '0'.repeat(64), size: 5000 }],
    tail: ['error: no such thing', hostile],
    log: 'logs/package 94.log',
    started: 61_000,
    finished: 62_000,
  }),
  task(95, 'passed', { kind: 'test', needs: ['package_1'] }),
];
const folder = mkdtempSync(join(tmpdir(), 'slipway-report-'));
/** The header with which Jenkins serves artifacts by default. */
const jenkins = "sandbox allow-same-origin; default-src 'none'; img-src 'self'; style-src 'self';";

describe('the report', () => {
  let browser: Browser;
  let server: Server;
  let url: string;
  beforeAll(async () => {
    const notes = ['the agent one got no more tasks: no node'];
    const files = renderReport({ title: 'acme: main', stamp: '20260101', begun: 0, finished: 62_000, notes, tasks });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text);
    const types: Record<string, string> = { html: 'text/html', css: 'text/css', svg: 'image/svg+xml' };
    server = createServer((request, response) => {
      const name = basename(decodeURI(request.url ?? '/'));
      try {
        const body = readFileSync(join(folder, name));
        const type = types[name.split('.').pop() ?? ''] ?? 'text/javascript';
        response.writeHead(200, { 'content-type': type, 'content-security-policy': jenkins }).end(body);
      } catch {
        response.writeHead(404).end();
      }
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${portOf(server)}`;
    browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update'],
    });
  }, 120_000);
  afterAll(async () => {
    await browser?.close();
    server?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  it("is complete under Jenkins' content security policy, without scripts", async () => {
    const page = await browser.newPage();
    const answers = new Map<string, number>();
    page.on('response', (r) => answers.set(basename(r.url()), r.status()));
    await page.goto(`${url}/report.html`);
    expect(await page.title()).toBe('acme: main');
    expect((await page.locator('#counts').textContent())?.trim()).toBe(
      '2 failed 1 stopped 1 blocked 1 waiting 2 built 2 passed 86 cached',
    );
    expect(await page.locator('.notes').textContent()).toBe('the agent one got no more tasks: no node');
    expect(await page.locator('#packages tbody tr').count()).toBe(95);
    const failure = page.locator('.failure', { hasText: 'package_94' });
    expect(await failure.locator('pre').textContent()).toBe(`error: no such thing\n${hostile}`);
    expect(await failure.locator('a').getAttribute('href')).toBe('logs/package%2094.log');
    // The style file is used: each state has its own colour and a chip.
    for (const state of taskStates) {
      const color = await page.locator(`#counts .${state}`).evaluate((e) => getComputedStyle(e).color);
      const [r, g, b] = [1, 3, 5].map((at) => parseInt(stateColor(state).slice(at, at + 2), 16));
      expect(color, state).toBe(`rgb(${r}, ${g}, ${b})`);
    }
    expect(new Set(taskStates.map(stateColor)).size).toBe(taskStates.length);
    const pictures = await page
      .locator('img')
      .evaluateAll((all) => all.map((i) => (i as HTMLImageElement).naturalWidth));
    expect(pictures).toHaveLength(2);
    for (const width of pictures) expect(width).toBeGreaterThan(100);
    expect(await page.locator('#find').count()).toBe(0);
    expect([...answers.values()].filter((status) => status !== 200)).toEqual([]);
    await page.close();
  });

  it('draws every package inside the picture, and every name inside its box', async () => {
    const page = await browser.newPage();
    await page.goto(`${url}/graph-mini_bookworm-amd64.svg`);
    const bounds = await page.locator('svg').evaluate((svg) => {
      const boxes = [...svg.querySelectorAll('g')].map((g) => {
        const [box, text] = [g.querySelector('rect')!.getBBox(), g.querySelector('text')!.getBBox()];
        return [box.x, box.x + box.width, box.y + box.height, text.x, text.x + text.width] as const;
      });
      return { width: Number(svg.getAttribute('width')), height: Number(svg.getAttribute('height')), boxes };
    });
    expect(bounds.boxes).toHaveLength(94);
    for (const [left, right, bottom, begin, end] of bounds.boxes) {
      expect(left).toBeGreaterThanOrEqual(0);
      expect(right).toBeLessThanOrEqual(bounds.width);
      expect(bottom).toBeLessThanOrEqual(bounds.height);
      expect(begin).toBeGreaterThan(left);
      expect(end).toBeLessThan(right);
    }
    await page.close();
  });

  it.each([390, 800, 1100, 1600])('is not wider than a window of %i pixels', async (width) => {
    const page = await browser.newPage({ viewport: { width, height: 800 } });
    await page.goto(`${url}/report.html`);
    const wide = await page.evaluate(() =>
      [...document.querySelectorAll('body *')]
        .filter((e) => e.getBoundingClientRect().right > innerWidth + 0.5 && !e.closest('.scroll a'))
        .map((e) => `${e.tagName} ${e.className}`),
    );
    expect(wide).toEqual([]);
    expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
    await page.close();
  });

  it('searches and filters if scripts are allowed', async () => {
    const page = await browser.newPage();
    const faults: string[] = [];
    page.on('pageerror', (e) => faults.push(e.message));
    page.on('console', (m) => m.type() === 'error' && faults.push(m.text()));
    await page.goto(`file://${join(folder, 'report.html')}`);
    const shown = () => page.locator('#packages tbody tr:visible b').allTextContents();
    await page.fill('#find', 'much_longer');
    expect(await shown()).toEqual([longest]);
    await page.fill('#find', '');
    await page.click('#counts .passed');
    expect((await shown()).sort()).toEqual(['package_6', 'tests of package_95']);
    expect(faults).toEqual([]);
    await page.close();
  });
});
