import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { writeReports } from '../../ts-src/cli/outputs.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-redaction-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it('archived files of a run contain no logins, whatever names a URL', () => {
  const plan: Parameters<typeof writeReports>[0]['plan'] = {
    schema: 'slipway-plan-1',
    organization: 'acme',
    stamp: '20260101000000',
    scopes: [],
  };
  writeReports({
    plan,
    runs: [],
    output: folder,
    begun: 0,
    title: 'of https://bot:s3cret@git.acme.test/x.git',
    notes: ['https://ghp_0123456789abcdefghij0123@h.test/x is not there', 'https://h.test/x?token=t0ps3cret'],
  });
  const names = readdirSync(folder);
  expect(names).toContain('result.json');
  expect(names).toContain('report.html');
  for (const name of names) {
    const text = readFileSync(join(folder, name), 'utf8');
    for (const secret of ['s3cret@', 'ghp_0123456789abcdefghij0123', 't0ps3cret'])
      expect(text, name).not.toContain(secret);
  }
  expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('git.acme.test');
});
