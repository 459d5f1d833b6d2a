// npm run deb [-- FOLDER]: packs the bundle as slipway_VERSION_all.deb (default folder: `out`), with manual page and
// completion for bash, zsh and fish. Reproducible: equal commits give equal bytes.
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const bundle = join(root, 'resources/slipway.cjs');
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const output = resolve(process.argv[2] ?? join(root, 'out'));
/** @param {string[]} args */
const slipway = (...args) => execFileSync(process.execPath, [bundle, ...args], { encoding: 'utf8' });
const committed = execFileSync('git', ['log', '-1', '--format=%ct'], { cwd: root, encoding: 'utf8' }).trim();
const epoch = process.env.SOURCE_DATE_EPOCH ?? committed;

const author = 'Slipway <slipway@slipway.invalid>';
const tree = mkdtempSync(join(tmpdir(), 'slipway-deb-'));
chmodSync(tree, 0o755);
/**
 * @param {string} path
 * @param {string | Buffer} data
 */
function put(path, data) {
  mkdirSync(dirname(join(tree, path)), { recursive: true });
  writeFileSync(join(tree, path), data, { mode: 0o644 });
}

try {
  const documents = 'usr/share/doc/slipway';
  put(
    `${documents}/copyright`,
    `Copyright: the authors of Slipway\nLicense: Apache-2.0\n On Debian systems its text is in /usr/share/common-licenses/Apache-2.0.\n`,
  );
  const day = new Date(Number(epoch) * 1000).toUTCString().replace('GMT', '+0000');
  const entry = `slipway (${version}) unstable; urgency=medium\n\n  * See CHANGELOG.md.gz.\n\n -- ${author}  ${day}\n`;
  put(`${documents}/changelog.gz`, gzipSync(entry, { level: 9 }));
  put(`${documents}/CHANGELOG.md.gz`, gzipSync(readFileSync(join(root, 'CHANGELOG.md')), { level: 9 }));
  put('usr/share/man/man1/slipway.1.gz', gzipSync(slipway('manual'), { level: 9 }));
  put('usr/share/bash-completion/completions/slipway', slipway('completion', 'bash'));
  put('usr/share/zsh/vendor-completions/_slipway', slipway('completion', 'zsh'));
  put('usr/share/fish/vendor_completions.d/slipway.fish', slipway('completion', 'fish'));
  put(
    'DEBIAN/control',
    `Package: slipway
Version: ${version}
Architecture: all
Section: devel
Priority: optional
Maintainer: ${author}
Depends: git, nodejs (>= 18.19)
Recommends: curl, gnupg, gpgv, iproute2, mmdebstrap, uidmap
Suggests: git-lfs
Description: build farm for robot software
 Slipway turns the catkin and ament packages of many git repositories into
 tested, signed Debian packages in an apt repository, and into images and
 documentation. It runs the same plan on a laptop and on Jenkins.
`,
  );
  mkdirSync(join(tree, 'usr/lib/slipway'), { recursive: true });
  copyFileSync(bundle, join(tree, 'usr/lib/slipway/slipway.cjs'));
  chmodSync(join(tree, 'usr/lib/slipway/slipway.cjs'), 0o755);
  mkdirSync(join(tree, 'usr/bin'));
  symlinkSync('../lib/slipway/slipway.cjs', join(tree, 'usr/bin/slipway'));
  execFileSync('find', [tree, '-type', 'd', '-exec', 'chmod', '755', '{}', '+']);
  execFileSync('find', [tree, '-exec', 'touch', '--no-dereference', `--date=@${epoch}`, '{}', '+']);
  mkdirSync(output, { recursive: true });
  const file = join(output, `slipway_${version}_all.deb`);
  execFileSync('dpkg-deb', ['--root-owner-group', '-Zxz', '--build', tree, file], {
    env: { ...process.env, SOURCE_DATE_EPOCH: epoch },
    stdio: ['ignore', 'ignore', 'inherit'],
  });
  console.log(file);
} finally {
  rmSync(tree, { recursive: true, force: true });
}
