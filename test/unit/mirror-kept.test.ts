import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { surveyStore } from '../../ts-src/collect/reach.ts';
import { sha256 } from '../../ts-src/model/digest.ts';
import { PackageMirror, mirrorStates } from '../../ts-src/sandbox/package-mirror.ts';
import { openStore } from '../../ts-src/store/open-store.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-mirror-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const day = 86_400_000;
const archiveOf = (letter: string): string => letter.repeat(64);

describe('mirrored packages', () => {
  it('are found by version, stay while machines build on them, and otherwise expire by age', async () => {
    const store = await openStore('file:store', folder, join(folder, 'state'), undefined);
    const text = (name: string, of: string): string => {
      writeFileSync(join(folder, name), of);
      return join(folder, name);
    };
    for (const letter of ['a', 'b']) {
      const mirror = new PackageMirror(store, archiveOf(letter));
      text('lib_1%3a2.0-1_amd64.deb', `lib of ${letter}`);
      await mirror.keep(['lib=1:2.0-1', 'other=1.0'], folder);
      expect(await mirror.hasSet(['lib=1:2.0-1'])).toBe(true);
      expect(await mirror.hasSet(['other=1.0'])).toBe(false);
      const tar = await store.put(text('base.tar.gz', `base of ${letter}`));
      const lists = await store.put(text('lists.tar.gz', `lists of ${letter}`));
      const name = `bases/${archiveOf('d')}-${archiveOf(letter).slice(0, 16)}.json`;
      await store.writeJson(name, { tar, lists, packages: [], made: 0 });
    }
    const shared = { digest: archiveOf('d'), archive: archiveOf('a'), made: 0 };
    await store.writeJson(`bases/shared/${archiveOf('e')}.json`, shared);
    await store.writeJson('mirror/underlays/0123.json', { lib: '1.0' });
    expect(await mirrorStates(store)).toMatchObject([{ packages: 1 }, { packages: 1 }]);

    const survey = await surveyStore({ store, now: Date.now() + 400 * day, days: 30, grace: 0 });
    const going = survey.things.map((t) => t.name).filter((n) => /^(mirror|bases)/.test(n));
    expect(going.sort()).toEqual([
      `bases/${archiveOf('d')}-${'b'.repeat(16)}.json`,
      `mirror/${'b'.repeat(16)}/lib_1%3a2.0-1.json`,
    ]);

    rmSync(join(folder, 'lib_1%3a2.0-1_amd64.deb'));
    const brought = new PackageMirror(store, archiveOf('a'));
    const [file, content] = ['lib_1%3a2.0-1_amd64.deb', sha256('lib of a')];
    await brought.bring(['lib=1:2.0-1', 'absent=1'], folder, {
      has: (name, digest) => name === file && digest !== content,
    });
    expect(await brought.hasSet(['lib=1:2.0-1'])).toBe(false);
    expect(existsSync(join(folder, file))).toBe(false);
    await brought.bring(['lib=1:2.0-1', 'absent=1'], folder, {
      has: (name, digest) => name === file && digest === content,
    });
    expect(await brought.hasSet(['lib=1:2.0-1'])).toBe(true);
  });
});
