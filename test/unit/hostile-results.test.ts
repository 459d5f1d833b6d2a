import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { junitOf, shortCase, type TestRun } from '../../ts-src/engine/build/tests.ts';
import { elfRoom, readElf } from '../../ts-src/inspect/elf.ts';
import { describe as describeFiles } from '../../ts-src/inspect/interface.ts';
import { sha256 } from '../../ts-src/model/digest.ts';
import { memberFaults } from '../../ts-src/inspect/members.ts';
import { copyrightNotices } from '../../ts-src/inspect/notices.ts';
import { readXml } from '../../ts-src/inspect/result-xml.ts';
import { stagedMembers } from '../../ts-src/inspect/staged.ts';
import { parseResults, readResults } from '../../ts-src/inspect/test-results.ts';
import { Patience, withinTime } from '../../ts-src/io/bounded.ts';
import { LeftBehindError } from '../../ts-src/io/untrusted.ts';
import { knownCause } from '../../ts-src/render/log.ts';
import { readLeftRun } from './left-results.ts';

/** CPU seconds of this process, independent of other load. */
function seconds(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
/** Quadratic algorithms would take minutes or hours for these inputs. */
const most = 5;
const long = (text: string, bytes = 8_000_000): string => text.repeat(Math.floor(bytes / text.length));

let root = '';
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'slipway-hostile-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

describe('result files', () => {
  it("follow XML's rules for entities, CDATA, comments and both kinds of quotes", () => {
    const text =
      '\ufeff<?xml version="1.0"?><!-- a > b --><testsuites name="all">\n<testsuite name=\'s "1"\'>' +
      '<testcase name="a&lt;b&#33;&#x21;&unknown;" time="1.5"><skipped message="why"/></testcase>' +
      '<testcase name="c" classname="k"><failure message="1 &gt; 2">one<![CDATA[<two> &amp;]]>three</failure>' +
      '<error>four</error><system-out> out </system-out><system-err>err</system-err></testcase>' +
      '<testsuite><testcase name="d" status="notrun"/></testsuite></testsuite></testsuites>\n';
    const one = { seconds: 0, message: '', output: '' };
    expect(parseResults(text, 'x')).toEqual([
      { ...one, suite: 's "1"', name: 'd', result: 'skipped' },
      { ...one, suite: 's "1"', name: 'a<b!!&unknown;', result: 'skipped', seconds: 1.5, message: 'why' },
      {
        ...one,
        suite: 'k',
        name: 'c',
        result: 'failed',
        message: '1 > 2\none<two> &amp;three\nfour',
        output: 'out\nerr',
      },
    ]);
  });

  it('that are not well-formed, or contain declarations, are ignored', () => {
    for (const text of [
      '',
      'x',
      '<a>',
      '<a></b>',
      '<a/><b/>',
      'x<a/>',
      '<a/>x',
      '<a b="1" b="2"/>',
      '<a b=1/>',
      '<a b/>',
      '<a',
      '<a b="',
      '<!-- <a/>',
      '<a><![CDATA[</a>',
      '<?x',
      '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
      '</a>',
      '<1/>',
    ])
      expect(readXml(text), text).toBeUndefined();
    expect(readXml('<__proto__ constructor="1"><a/></__proto__>')).toMatchObject({ name: '__proto__' });
  });

  const texts: Record<string, string> = {
    cases: `<testsuite>${long('<testcase/>')}</testsuite>`,
    suites: long('<testsuite>'),
    attributes: `<testsuite><testcase ${Array.from({ length: 500_000 }, (_, i) => `a${i}=""`).join(' ')}/></testsuite>`,
    blanks: `<testsuite><testcase${long(' ')}x/></testsuite>`,
    quotes: `<testsuite><testcase name="${long('x')}`,
    entities: `<testsuite><testcase name="${long('&amp;')}"/></testsuite>`,
    comments: `<testsuite>${long('<!--')}`,
    sections: `<testsuite>${long('<![CDATA[')}`,
    output: `<testsuite><testcase><system-out>${long('x')}</system-out></testcase></testsuite>`,
  };
  it.each(Object.keys(texts))('with many %s are read or refused in linear time', (name) => {
    expect(seconds(() => parseResults(texts[name] ?? '', 'x'))).toBeLessThan(most);
  });

  it('with too many cases fail the test, and nothing else', async () => {
    for (const attempt of ['1', '2']) {
      mkdirSync(join(root, 'results', attempt), { recursive: true });
      writeFileSync(join(root, 'results', attempt, 'exit'), '0\n');
      writeFileSync(
        join(root, 'results', attempt, 'a.xml'),
        `<testsuite>${'<testcase name="x"/>'.repeat(150_000)}</testsuite>`,
      );
    }
    const all = await readResults(root, 'results/1');
    expect([all.cases.length, all.damaged]).toEqual([150_000, []]);
    const run = await readRun();
    expect(run.outcome).toBe('failed');
    expect(run.cases.at(-1)?.message).toBe("its results can't be read: results/2 holds more than 200000 test cases");
  });

  const cases = (count: number, name = 'x') => `<testcase name='${name}'><failure/></testcase>`.repeat(count);
  it.each([
    ['one long name for many cases', `<testsuite name="${long('A')}">${cases(2000)}</testsuite>`, 8],
    ['one long name for too many', `<testsuite name="${long('A')}">${cases(100_000)}</testsuite>`, 1],
    ['characters that JSON escapes', `<testsuite>${cases(1, long('\u0001', 15_000_000))}</testsuite>`, 8],
    ['characters that XML escapes', `<testsuite>${cases(1, long('"', 15_000_000))}</testsuite>`, 8],
    ['short names', `<testsuite>${cases(20_000, '"'.repeat(120))}</testsuite>`, 8],
  ])('with %s are told in texts of bounded length', async (_, text, files) => {
    const folder = join(root, 'results/1');
    mkdirSync(folder, { recursive: true });
    for (let i = 0; i < files; i++) writeFileSync(join(folder, `${i}.xml`), text);
    const begun = process.cpuUsage();
    const run = await readRun();
    const { user, system } = process.cpuUsage(begun);
    expect((user + system) / 1e6).toBeLessThan(4 * most);
    expect(run.outcome).toBe('failed');
    expect(JSON.stringify(run.cases.map(shortCase)).length).toBeLessThan(100_000_000);
    expect(junitOf('p', run.cases).length).toBeLessThan(400_000_000);
  });
});

/** Reads the results that tests left, with an empty log. */
function readRun(): Promise<TestRun> {
  writeFileSync(join(root, 'log'), '');
  return readLeftRun(root);
}

describe('links that a build installs', () => {
  it('have targets of bounded length, and are followed in time that does not grow with it', () => {
    const folders = ['/opt/a'];
    const allowed = { folders, targets: [], links: new Map<string, string>() };
    const link = (path: string, target: string) => ({
      path: `/opt/a/${path}`,
      type: 'link' as const,
      mode: 0o777,
      target,
    });
    expect(memberFaults([link('l', 'x'.repeat(1001))], allowed)).toEqual([
      { text: '/opt/a/l is a link to a path of more than 1000 bytes' },
    ]);
    // Each leads through 35 others, and further down with each.
    const chain = Array.from({ length: 35 }, (_, i) =>
      link(`${'d/'.repeat(6 * i)}l`, i < 34 ? `${'e/../'.repeat(190)}${'d/'.repeat(6)}l` : `${'z/'.repeat(490)}end`),
    );
    const all = [...chain, ...Array.from({ length: 300 }, (_, i) => link(`m${i}`, 'l'))];
    expect(seconds(() => expect(memberFaults(all, allowed)).toEqual([]))).toBeLessThan(most);
    const loop = [link('a', 'b/'.repeat(400)), link('b', `${'c/'.repeat(400)}../a`)];
    expect(memberFaults(loop, allowed)).toEqual([]);
    expect(memberFaults([link('a', `${'b/'.repeat(490)}${'../'.repeat(5)}x`)], allowed)).toEqual([]);
    expect(memberFaults([link('a', `${'b/'.repeat(240)}${'../'.repeat(150)}${'../'.repeat(2)}x`)], allowed)).toEqual(
      [],
    );
    expect(memberFaults([link('a', `${'b/'.repeat(150)}${'../'.repeat(151)}x`)], allowed)).toMatchObject([
      { text: expect.stringContaining('outside of the package') as unknown },
    ]);
  });

  it('and all paths of a package are of bounded length together', () => {
    for (let i = 0; i < 20; i++) symlinkSync('x'.repeat(900), join(root, `l${i}`));
    expect(stagedMembers(root, 10_000)).toBe('the paths that it installed are longer than 9.8 KiB together');
    symlinkSync('y/'.repeat(600), join(root, 'a'));
    expect(stagedMembers(root)).toBe('it installed /a, which is a link to a path of more than 1000 bytes');
  });
});

describe('names of installed files', () => {
  it('that are not UTF-8, or too long for other machines, are reported', () => {
    const stage = join(root, 'stage');
    mkdirSync(stage);
    writeFileSync(Buffer.concat([Buffer.from(`${stage}/a\u001b]0;`), Buffer.from([0xff])]), '');
    expect(stagedMembers(stage)).toBe('it installed /a\\u001b]0;\ufffd, whose name is no UTF-8');
    rmSync(stage, { recursive: true, force: true });
    mkdirSync(join(stage, ...Array<string>(5).fill('é'.repeat(110))), { recursive: true });
    expect(stagedMembers(stage)).toMatch(/^it installed a path of more than 1000 bytes: \/é/);
    const member = { path: `/opt/a/${'é'.repeat(500)}`, type: 'file' as const, mode: 0o644, target: '' };
    const allowed = { folders: ['/opt/a'], targets: [], links: new Map<string, string>() };
    expect(memberFaults([member], allowed)).toEqual([
      { text: expect.stringMatching(/is a path of more than 1000 bytes$/) as unknown },
    ]);
    expect(memberFaults([{ ...member, path: '/opt/a/é' }], allowed)).toEqual([]);
  });
});

/** A library with one section of a type, and a string table. */
function library(type: number, info: number, section: Buffer, text: string): Buffer {
  const header = Buffer.alloc(64 * 4);
  header.write('\x7fELF\x02\x01\x01', 'latin1');
  header.writeUInt16LE(3, 16);
  header.writeBigUInt64LE(64n, 40);
  header.writeUInt16LE(64, 58);
  header.writeUInt16LE(3, 60);
  const at = header.length;
  const put = (i: number, kind: number, offset: number, size: number, link: number, more: number) => {
    header.writeUInt32LE(kind, 64 + i * 64 + 4);
    header.writeBigUInt64LE(BigInt(offset), 64 + i * 64 + 24);
    header.writeBigUInt64LE(BigInt(size), 64 + i * 64 + 32);
    header.writeUInt32LE(link, 64 + i * 64 + 40);
    header.writeUInt32LE(more, 64 + i * 64 + 44);
  };
  put(1, type, at, section.length, 2, info);
  put(2, 3, at + section.length, text.length + 1, 0, 0);
  return Buffer.concat([header, section, Buffer.from(`${text}\0`)]);
}

describe('programs and libraries', () => {
  const version = (next: number): Buffer => {
    const bytes = Buffer.alloc(28);
    bytes.writeUInt16LE(1, 4);
    bytes.writeUInt32LE(20, 12);
    bytes.writeUInt32LE(next, 16);
    return bytes;
  };
  const symbols = (count: number): Buffer => {
    const one = Buffer.alloc(24);
    one.writeUInt8(0x12, 4);
    one.writeUInt16LE(1, 6);
    return Buffer.concat([Buffer.alloc(24), ...Array<Buffer>(count).fill(one)]);
  };

  it('with cyclic tables or false counts are read quickly', () => {
    const endless = library(0x6ffffffd, 0xffffffff, version(0), 'v');
    expect(seconds(() => expect(readElf(endless)).toMatchObject({ kind: 'library', exports: [] }))).toBeLessThan(most);
    const many = Buffer.concat(Array<Buffer>(100_000).fill(version(28)));
    expect(readElf(library(0x6ffffffd, 0xffffffff, many, 'v'))).toBeUndefined();
  });

  it('whose symbols share one long name need no more memory than their file', () => {
    const ran = seconds(() => expect(readElf(library(11, 0, symbols(20_000), 'n'.repeat(1e6)))).toBeUndefined());
    expect(ran).toBeLessThan(most);
    expect(readElf(library(11, 0, symbols(1000), 'name'))?.exports).toHaveLength(1000);
    expect(readElf(library(11, 0, symbols(1_000_001), ''))).toBeUndefined();
    // A sparse file is large, and takes no disk.
    const sparse = Buffer.concat([library(11, 0, symbols(300_000), 'n'.repeat(1000)), Buffer.alloc(160 << 20)]);
    expect(readElf(sparse)).toBeUndefined();
    const needs = Buffer.alloc(16 * 5_000_000);
    for (let at = 0; at < needs.length; at += 16) needs.writeUInt8(1, at);
    expect(readElf(library(6, 0, needs, ''))).toBeUndefined();
  });

  it('share the memory of a package: those that are left over count with every byte', () => {
    const room = elfRoom(1 << 20);
    const one = library(11, 0, symbols(10_000), 'name');
    expect([readElf(one, room)?.exports.length, readElf(one, room)]).toEqual([10_000, undefined]);
    const stage = mkdtempSync(join(tmpdir(), 'slipway-libraries-'));
    writeFileSync(join(stage, 'a.so'), library(11, 0, symbols(1), 'name'));
    const [part] = describeFiles(stage).parts;
    rmSync(stage, { recursive: true });
    expect(part?.api).toBe(`0 ${sha256(JSON.stringify([null, [], ['name func global']]))}`);
  });
});

describe('logs and sources', () => {
  it.each(['undefined reference to `', 'CMake Error at ', 'CMake Error at a:1 (', ' needs the library '])(
    'a log of %j without a line end tells its cause in a moment',
    (text) => {
      expect(seconds(() => knownCause(long(text, 200_000)))).toBeLessThan(most);
      expect(knownCause(`${long(text, 200_000)}\nNo space left on device\n`)?.cause).toBe('the disk is full');
    },
  );

  it('three thousand files that seem to begin a notice are read quickly', () => {
    for (let i = 0; i < 300; i++) writeFileSync(join(root, `a${i}.h`), `(c)${' '.repeat(2990)}x`);
    expect(seconds(() => copyrightNotices(root))).toBeLessThan(most);
  });
});

describe('the time limit for untrusted output', () => {
  it('stops a loop and a pattern, and allows no more than the remaining time', () => {
    const time = new Patience(0.3);
    expect(time.spend('this', () => [1, 2])).toEqual([1, 2]);
    expect(() =>
      time.spend('this', () => {
        for (;;);
      }),
    ).toThrow(LeftBehindError);
    const slow = () => /a([^]*?)b/.exec('a'.repeat(3_000_000));
    expect(() => time.spend('a text', slow)).toThrow('a text takes longer than 0.3 seconds to read');
    expect(() => withinTime('a text', () => 'a'.repeat(1 << 30))).toThrow('a text is too large to read');
    expect(withinTime('outer', () => withinTime('inner', () => 3))).toBe(3);
    expect(() =>
      withinTime('this', () => {
        throw new LeftBehindError('that');
      }),
    ).toThrow('that');
  });
});
