import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  checkPlugins,
  compareVersions,
  parsePlugins,
  pluginTable,
  renderPlugins,
} from '../../ts-src/deploy/plugins.ts';
import { root } from '../e2e/helpers.ts';
import { messages } from './deploy-answers.ts';

describe('plugins.txt', () => {
  it("is complete: each plugin's dependencies are included, new enough, and run on that Jenkins", () => {
    expect(messages(checkPlugins(renderPlugins(), 'plugins.txt', pluginTable.jenkins))).toEqual([]);
    const { plugins } = parsePlugins(renderPlugins(), 'plugins.txt');
    expect(plugins.size).toBe(Object.keys(pluginTable.plugins).length);
    // No plugin is included without being needed.
    const reached = new Set<string>();
    const visit = (id: string): void => {
      if (reached.has(id)) return;
      reached.add(id);
      Object.keys(pluginTable.plugins[id]?.requires ?? {}).forEach(visit);
    };
    Object.keys(pluginTable.roots).forEach(visit);
    expect([...plugins.keys()].filter((id) => !reached.has(id))).toEqual([]);
  });

  it('is refused where a plugin is missing, too old, unpinned, twice, or asks for a newer Jenkins', () => {
    const list = renderPlugins()
      .replace(/^scm-api:.*\n/m, '')
      .replace(/^junit:.*$/m, 'junit')
      .replace(/^(mailer:.*)$/m, '$1\n$1');
    const found = messages(checkPlugins(list, 'plugins.txt', '2.504.1'));
    expect(found).toContain('junit has no version: each start could install a different one');
    expect(found).toContain('mailer is listed twice');
    expect(found.some((m) => /^git needs scm-api .*, which is not in the list$/.test(m))).toBe(true);
    expect(found.some((m) => /^ec2-fleet .* needs Jenkins 2\.541\.3, the image has 2\.504\.1$/.test(m))).toBe(true);
    const old = {
      ...pluginTable,
      plugins: {
        ...pluginTable.plugins,
        structs: { ...pluginTable.plugins.structs, version: '1.0', core: null, requires: {} },
      },
    };
    const older = renderPlugins().replace(/^structs:.*$/m, 'structs:1.0');
    expect(
      messages(checkPlugins(older, 'plugins.txt', pluginTable.jenkins, old)).some((m) =>
        /needs structs .*, the list has 1\.0$/.test(m),
      ),
    ).toBe(true);
    expect(messages(checkPlugins('mine:1.0\n', 'plugins.txt', '2.568.2'))).toEqual([
      'Slipway does not know what mine needs: not checked',
    ]);
  });

  it.each([
    ['5.10.1', '5.9', 1],
    ['1421.v99cb_b_2577709', '1265', 1],
    ['728.vc30dcf7a_0df5', '724.v7d839074eb_5c', 1],
    ['2.42.33-70.vd69c0763fa_60', '2.42.33-70.vd69c0763fa_60', 0],
    ['4.5.14-269.vfa_2321039a_83', '4.5.14-300.v1', -1],
    ['2.568.2', '2.541.3', 1],
  ])('orders %s against %s', (a, b, order) => expect(compareVersions(a, b)).toBe(order));

  it('agrees with docs/jenkins.md, which lists the same plugins with the same reasons', () => {
    const docs = readFileSync(join(root, 'docs/jenkins.md'), 'utf8');
    for (const [id, { title, atLeast, for: why }] of Object.entries(pluginTable.roots)) {
      if (title === undefined || atLeast === undefined) continue;
      const row = docs.split('\n').find((line) => line.split('|')[2]?.trim() === id);
      expect(
        row
          ?.split('|')
          .map((cell) => cell.trim())
          .slice(1, 5),
        id,
      ).toEqual([title, id, atLeast, why]);
      expect(compareVersions(pluginTable.plugins[id]?.version ?? '0', atLeast), id).toBeGreaterThanOrEqual(0);
    }
    // The oldest Jenkins and the pinned one, each named once on the page.
    const versions = docs.match(/\b2\.\d{3}(\.\d)?\b/g);
    expect(versions).toEqual([pluginTable.oldest, pluginTable.jenkins]);
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(`${pluginTable.oldest} LTS and later`);
  });
});
