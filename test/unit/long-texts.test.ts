import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { takeTests } from '../../ts-src/engine/task-records.ts';
import { withoutComments } from '../../ts-src/inspect/comments.ts';
import { NamedFiles } from '../../ts-src/inspect/for-people.ts';
import { describe as describePackage } from '../../ts-src/inspect/interface.ts';
import { pythonNeeds } from '../../ts-src/inspect/python-needs.ts';
import type { Member } from '../../ts-src/inspect/members.ts';
import type { BriefTest, TaskResult } from '../../ts-src/model/result.ts';
import { isTaskResult } from '../../ts-src/model/stored.ts';

/** CPU seconds of this process, independent of other load. */
function seconds(work: () => unknown): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1e6;
}
/** For this length a quadratic algorithm takes an hour, a linear one a moment. */
const n = 400_000;
const most = 5;

describe('untrusted texts designed to be slow', () => {
  const texts: Record<string, string> = {
    'blanks.h': `${' '.repeat(n)}x\n`,
    'lines.h': `${'\n'.repeat(n)}x`,
    'slashes.h': '// '.repeat(n),
    'blocks.h': '/**/'.repeat(n),
    'backslashes.h': `// ${'\\ '.repeat(n)}x\n`,
    'lines.py': `${'\n'.repeat(n)}x`,
    'first.py': `x = "${'a'.repeat(n)}"\n${'# a\n'.repeat(n / 4)}`,
    'blanks.cmake': `${' \t'.repeat(n / 2)}x\n`,
    'hashes.cmake': '#\n'.repeat(n),
  };
  it.each(Object.keys(texts))('%s is read in linear time', (name) => {
    expect(seconds(() => withoutComments(name, texts[name] ?? ''))).toBeLessThan(most);
  });

  it('searching for words does not read the text again for each file', () => {
    const named = new NamedFiles('share/'.repeat(n));
    expect(
      seconds(() => {
        for (let i = 0; i < 10_000; i++) named.isForPeople(`/opt/a/share/doc/x${i}/README`);
      }),
    ).toBeLessThan(most);
    expect(seconds(() => new NamedFiles('share/'.repeat(n)))).toBeLessThan(most);
  });

  const folder = mkdtempSync(join(tmpdir(), 'slipway-long-'));
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  const put = (path: string, text: string): string => {
    const file = join(folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
    return file;
  };

  it('a script of empty lines is searched for Python quickly', () => {
    put('opt/a/bin/x.sh', `#!/bin/sh\n${'\n'.repeat(250_000)}python3 x\n`);
    const members: Member[] = [{ path: '/opt/a/bin/x.sh', type: 'file', mode: 0o755, target: '' }];
    let needs: string[] = [];
    expect(seconds(() => (needs = pythonNeeds(folder, members, '/opt/a')))).toBeLessThan(most);
    expect(needs).toEqual(['python3']);
  });

  it("a file larger than a string, and a text that overflows a pattern's stack, count with every byte", () => {
    truncateSync(put('opt/a/share/a/model.bin', 'x'), 520 << 20);
    truncateSync(put('opt/a/lib/a.py', 'x'), 5 << 20);
    put('opt/a/include/a.h', `"${'a'.repeat(8 << 20)}"`);
    put('opt/a/share/a/package.xml', `<package a="1" ${'b '.repeat(1 << 20)}></package>`);
    const { parts, loads } = describePackage(folder);
    expect(loads).toBe(true);
    for (const path of ['/opt/a/share/a/model.bin', '/opt/a/include/a.h', '/opt/a/share/a/package.xml'])
      expect(parts.find((p) => p.path === path)?.code, path).toMatch(/^0 [0-9a-f]{64}$/);
  });
});

it('a result tells of a few flaky tests, however many there are and however long their names: it can be read', () => {
  const flaky = Array.from({ length: 3000 }, (_, i) => ({ suite: 's'.repeat(1000), name: `${i}`, message: '' }));
  const t: TaskResult = { id: 'd/p/a:test', name: 'a', kind: 'test', state: 'waiting', reason: '' };
  const record: BriefTest = {
    schema: 4,
    key: '0'.repeat(64),
    package: 'a',
    outcome: 'passed',
    tests: 3000,
    failures: 0,
    skipped: 0,
    failed: [],
    flaky,
    attempts: 2,
    log: { name: 'log', sha256: '0'.repeat(64), size: 0 },
    milliseconds: 1,
  };
  const ended = takeTests(t, record, false);
  expect(ended.reason).toMatch(/^flaky: s.* and 2980 more$/);
  expect(isTaskResult({ ...t, ...ended })).toBe(true);
});
