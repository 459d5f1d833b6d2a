import fc from 'fast-check';
import { dump } from 'js-yaml';
import { describe, expect, it } from 'vitest';
import { resolveRosdep } from '../../ts-src/plan/rosdep.ts';
import { parseCache, parseEntries, splitCache } from '../../ts-src/read/cache-file.ts';
import { layerRosdep } from '../../ts-src/read/rosdep.ts';
import { first } from '../../ts-src/model/lists.ts';

describe('reading a part', () => {
  const word = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/);

  it('of a cache gives the same as reading all, regardless of its notation', () => {
    const texts = fc.dictionary(
      word,
      fc.oneof(
        fc.string({ unit: fc.constantFrom('a', ' ', '\n', ':', '"', "'", '#', '-', '<', '&', '  b: ', 'é') }),
        fc.constant('<package>\n  <name>a</name>\n</package>\n'),
      ),
      { minKeys: 1, maxKeys: 6, noNullPrototype: true },
    );
    fc.assert(
      fc.property(
        texts,
        fc.constantFrom({}, { lineWidth: 20 }, { quotingType: '"' as const, forceQuotes: true }),
        (manifests, style) => {
          const text = dump(
            {
              distribution_file: [{ repositories: {}, type: 'distribution', version: 2 }],
              name: 'd',
              release_package_xmls: manifests,
              type: 'cache',
              version: 2,
            },
            style,
          );
          const whole = parseCache(text, 'f');
          if (!whole.ok) throw new Error(first(whole.diagnostics).message);
          const pieces = splitCache(text);
          // Returns undefined if it is not sure.
          if (!pieces) return;
          const rest = parseCache(pieces.rest, 'f');
          expect([rest.ok && rest.value.distributionFiles, [...pieces.entries.keys()].sort()]).toEqual([
            whole.value.distributionFiles,
            Object.keys(whole.value.manifests).sort(),
          ]);
          for (const [name, entry] of pieces.entries) {
            const one = parseEntries([entry], 'f');
            expect(one.ok && one.value).toEqual({ [name]: whole.value.manifests[name] });
          }
        },
      ),
      { numRuns: 600 },
    );
  });

  it("of rosdep's files gives the same as reading all", () => {
    const rule = fc.oneof(
      fc.array(word),
      fc.dictionary(fc.constantFrom('bookworm', '*', 'noble'), fc.oneof(fc.array(word), fc.constant(null)), {
        noNullPrototype: true,
      }),
      word,
      fc.record({ pip: fc.record({ packages: fc.array(word) }) }),
    );
    const file = fc.dictionary(
      word,
      fc.dictionary(fc.constantFrom('debian', 'ubuntu', 'fedora'), rule, { noNullPrototype: true }),
      { maxKeys: 8, noNullPrototype: true },
    );
    fc.assert(
      fc.property(
        file,
        file,
        fc.array(word, { maxLength: 4 }),
        fc.constantFrom({}, { flowLevel: 1 }, { flowLevel: 2, lineWidth: 30 }),
        (a, b, more, style) => {
          const files = [
            { file: 'a', text: dump(a, style) },
            { file: 'b', text: `# more\n\n${dump(b, style)}` },
          ];
          const keys = [...new Set([...Object.keys(a), ...Object.keys(b)])].sort();
          const wanted = new Set([...keys.filter((_, i) => i % 2 === 0), ...more]);
          const whole = layerRosdep(files);
          const part = layerRosdep(files, wanted);
          expect([whole.ok, part.ok]).toEqual([true, true]);
          if (!whole.ok || !part.ok) return;
          expect([...part.value.keys].sort()).toEqual([...whole.value.keys].sort());
          for (const key of wanted)
            for (const target of [
              { os: 'debian', release: 'bookworm' },
              { os: 'ubuntu', release: 'noble' },
            ])
              expect(resolveRosdep(part.value, key, target)).toEqual(resolveRosdep(whole.value, key, target));
        },
      ),
      { numRuns: 400 },
    );
  });
});
