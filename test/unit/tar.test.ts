import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { TarReader, writeTar, type TarMember } from '../../ts-src/io/tar.ts';

describe('tar archives', () => {
  const entries = (data: Buffer): TarMember[] => {
    const found: TarMember[] = [];
    const reader = new TarReader((e) => void found.push(e));
    // In pieces, as they come from a pipe.
    for (let i = 0; i < data.length; i += 700) reader.push(data.subarray(i, i + 700));
    reader.end();
    return found;
  };

  it('are read as tar wrote them', () => {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-tar-'));
    try {
      const long = `${'long/'.repeat(40)}name`;
      mkdirSync(dirname(join(folder, long)), { recursive: true });
      writeFileSync(join(folder, long), 'x'.repeat(1000));
      symlinkSync('t'.repeat(200), join(folder, 'link'));
      const data = execFileSync('tar', ['-C', folder, '--format=gnu', '-c', '.']);
      const found = entries(data);
      expect(found.find((e) => e.path === long)).toMatchObject({ kind: 'file', size: 1000 });
      expect(found.find((e) => e.path === 'link')).toMatchObject({ kind: 'link', target: 't'.repeat(200) });
      expect(found.length).toBe(43);
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });

  it('are read as written, and refused if truncated or changed', () => {
    const data = writeTar([{ path: 'control', data: 'a'.repeat(600) }], 5);
    expect(entries(data).map((e) => [e.path, e.kind, e.size])).toEqual([
      ['', 'folder', 0],
      ['control', 'file', 600],
    ]);
    expect(() => entries(data.subarray(0, 1200))).toThrow(/ends in the middle/);
    const changed = Buffer.from(data);
    changed[3] = 0x41;
    expect(() => entries(changed)).toThrow(/damaged header/);
  });

  it('give entries or a TarError, nothing else', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 2048 }), fc.nat(1023), (bytes, where) => {
        const data = writeTar([{ path: 'control', data: 'a' }], 5);
        Buffer.from(bytes).copy(data, where);
        try {
          entries(data);
        } catch (e) {
          expect((e as Error).constructor.name).toBe('TarError');
        }
      }),
    );
  });
});
