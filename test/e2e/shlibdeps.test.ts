import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { execute, root } from './helpers.ts';

/** `$1`: folder; the others: programs. With reduced symbols files in /etc/dpkg/symbols, and without. */
const script = `set -e
cd "$1"
shift
mount --bind dpkg /etc/dpkg
dpkg-shlibdeps -O --ignore-missing-info "$@" > whole 2>&1 || echo "$?" >> whole
readelf --wide --dynamic --dyn-syms "$@" | perl symbols.pl /var/lib/dpkg/info dpkg/symbols
dpkg-shlibdeps -O --ignore-missing-info "$@" > reduced 2>&1 || echo "$?" >> reduced
cat whole
echo ==
cat reduced
`;

describe('symbols files with only the symbols that programs use', () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-symbols-'));
  const symbols = join(folder, 'dpkg/symbols');
  beforeAll(() => {
    mkdirSync(join(folder, 'debian'));
    writeFileSync(join(folder, 'debian/control'), 'Source: a\n\nPackage: a\nArchitecture: any\n');
    execFileSync('cp', ['-a', '/etc/dpkg', join(folder, 'dpkg')]);
    execFileSync('cp', [join(root, 'resources/templates/symbols.pl'), folder]);
  });
  afterAll(() => rmSync(folder, { recursive: true }));

  it.each(['apt apt-cache', 'git gpg perl', 'dpkg-deb gpg-agent'])(
    'give the same dependencies for %s',
    async (names) => {
      rmSync(symbols, { recursive: true, force: true });
      mkdirSync(symbols);
      const programs = names.split(' ').map((name) => join('/usr/bin', name));
      const space = process.getuid?.() === 0 ? [] : ['--map-root-user'];
      const ran = await execute('unshare', [...space, '--mount', 'sh', '-c', script, 'sh', folder, ...programs]);
      expect(ran.code, ran.stderr).toBe(0);
      const [whole, reduced] = ran.stdout.split('==\n');
      expect(whole).toMatch(/^shlibs:Depends=.*libc6 \(>= /m);
      expect(reduced).toBe(whole);
      const size = (at: string, files: string[]): number =>
        files.reduce((sum, file) => sum + (statSync(join(at, file), { throwIfNoEntry: false })?.size ?? 0), 0);
      const made = readdirSync(symbols);
      expect(made.some((name) => name.startsWith('libc6'))).toBe(true);
      expect(size(symbols, made) * 4).toBeLessThan(size('/var/lib/dpkg/info', made));
    },
  );
});
