import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { contentDifference, differencesOf } from '../../ts-src/inspect/differences.ts';

describe('differences between two builds', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-differences-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it('are reported by file: presence, kind, mode, time, target, content', () => {
    const tree = (name: string, make: (at: string) => void) => {
      const at = join(folder, name);
      mkdirSync(join(at, 'same'), { recursive: true });
      writeFileSync(join(at, 'same/file'), 'same\n');
      make(at);
      for (const f of ['same', 'same/file', 'text', 'mode']) utimesSync(join(at, f), 1000, 1000);
      return at;
    };
    const before = tree('before', (at) => {
      writeFileSync(join(at, 'text'), 'a\nb\nc\n');
      writeFileSync(join(at, 'mode'), '');
      writeFileSync(join(at, 'gone'), '');
      writeFileSync(join(at, 'kind'), '');
      writeFileSync(join(at, 'time'), '');
      utimesSync(join(at, 'time'), 1, 1);
      symlinkSync('one', join(at, 'link'));
    });
    const after = tree('after', (at) => {
      writeFileSync(join(at, 'text'), 'a\nB\nc\n');
      writeFileSync(join(at, 'mode'), '');
      chmodSync(join(at, 'mode'), 0o755);
      mkdirSync(join(at, 'kind'));
      writeFileSync(join(at, 'new'), '');
      writeFileSync(join(at, 'time'), '');
      utimesSync(join(at, 'time'), 2, 2);
      symlinkSync('/nowhere/two', join(at, 'link'));
    });
    expect(differencesOf(before, after)).toEqual([
      { path: 'gone', what: 'is missing in the second build' },
      { path: 'kind', what: 'is a file, then a folder' },
      { path: 'link', what: 'leads to one, then to /nowhere/two' },
      { path: 'mode', what: 'has mode 644, then 755' },
      { path: 'new', what: 'is new in the second build' },
      { path: 'text', what: 'line 2: "b", then "B"' },
      { path: 'time', what: 'has time 1970-01-01T00:00:01.000Z, then 1970-01-01T00:00:02.000Z' },
    ]);
  });

  it('are located in a section of a library, and in a member of an archive', () => {
    const compile = (value: string) => {
      const [source, object] = [join(folder, 'x.c'), join(folder, 'x.o')];
      writeFileSync(source, `const char text[] = "${value}";\n`);
      execFileSync('gcc', ['-c', source, '-o', object]);
      rmSync(join(folder, 'x.a'), { force: true });
      execFileSync('ar', ['rcD', join(folder, 'x.a'), object]);
      return { object: readFileSync(object), archive: readFileSync(join(folder, 'x.a')) };
    };
    const [one, two] = [compile('one text'), compile('two text')];
    expect(contentDifference(one.object, two.object)).toMatch(/^byte \d+, in \.rodata$/);
    expect(contentDifference(one.archive, two.archive)).toMatch(/^member x\.o\/, byte \d+$/);
    expect(contentDifference(one.object, one.object)).toBeUndefined();
  });

  it('are found in damaged files, too', () => {
    const elf = Buffer.concat([Buffer.from('7f454c4602010100', 'hex'), Buffer.alloc(80, 0xff)]);
    const cut = Buffer.from(elf);
    cut[70] = 0;
    expect(contentDifference(elf, cut)).toBe('byte 70');
    const archive = Buffer.from(`!<arch>\n${'x'.repeat(60)}\0`);
    expect(contentDifference(archive, Buffer.from(archive).fill('y', 30))).toBe('byte 30');
    expect(contentDifference(Buffer.from('a\0'), Buffer.from('a\0b'))).toBe('byte 2; 2 bytes, then 3');
  });
});
