import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

const bundle = join(__dirname, '../../resources/slipway.cjs');
let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-init-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const slipway = (cwd: string, ...args: string[]) => spawnSync('node', [bundle, ...args], { cwd, encoding: 'utf8' });

describe('slipway init', () => {
  it('writes valid files, lists them, and does not touch git', () => {
    const made = slipway(folder, 'init', 'my-distro', '--organization', 'acme');
    expect(made.status, made.stderr).toBe(0);
    const root = join(folder, 'my-distro');
    for (const file of ['distro.yaml', 'packages/hello_robot/package.xml', 'Jenkinsfile'])
      expect(made.stdout).toContain(`    ${file}\n`);
    expect(existsSync(join(root, '.git'))).toBe(false);
    const valid = slipway(root, 'validate');
    expect(valid.status, valid.stderr).toBe(0);
    expect(slipway(root, 'plan').stdout).toContain('hello_robot');
    // What README shows.
    expect(readFileSync(join(root, 'Jenkinsfile'), 'utf8')).toMatch(
      /^@Library\('slipway'\) _\n\/\/ With .*\ndistroPipeline\(publish: false\)\n$/,
    );
  });

  it('builds what lies in the folder, committed or not', () => {
    const root = join(folder, 'my-distro');
    const manifest = join(root, 'packages/hello_robot/package.xml');
    writeFileSync(manifest, readFileSync(manifest, 'utf8').replace('0.1.0', '0.2.0'));
    expect(slipway(root, 'plan').stdout).toContain('0.2.0');
  });

  it('asks before it writes beside other files, and never overwrites', () => {
    const root = join(folder, 'taken');
    mkdirSync(root);
    writeFileSync(join(root, '.env'), 'SECRET=1\n');
    const refused = slipway(root, 'init');
    expect(refused.status).toBe(1);
    expect(refused.stderr).toContain('[init-not-empty]');
    expect(readdirSync(root)).toEqual(['.env']);
    expect(slipway(root, 'init', '--yes').status).toBe(0);
    expect(readFileSync(join(root, '.env'), 'utf8')).toBe('SECRET=1\n');
    const again = slipway(root, 'init', '--yes');
    expect(again.status).toBe(1);
    expect(again.stderr).toContain('[init-exists]');
  });
});
