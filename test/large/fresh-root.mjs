// A fresh root, made with mmdebstrap: of Debian from this machine's mirror, of Ubuntu from mmdebstrap's own archive.
// Commands run in it like on a separate machine:
// as root, with the network, with /proc, /dev and /sys, and able to make roots themselves.
import { execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { debianMirror } from '../mirror.mjs';

/** Files and variables of this machine for programs in the root, so that they reach the network and trust it. */
const networkFiles = ['/etc/pip.conf', '/etc/resolv.conf', '/etc/hosts'];
const variables =
  /^(?:NODE_EXTRA_CA_CERTS|SSL_CERT_FILE|PIP_CERT|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|https?_proxy|no_proxy)$/i;

/** Makes the root; `include`: packages besides the essential ones and apt. `os`: debian or ubuntu. */
export function makeRoot(release, include, os = 'debian') {
  const folder = mkdtempSync('/var/tmp/slipway-fresh-');
  const root = join(folder, 'root');
  mkdirSync(root);
  execFileSync(
    'mmdebstrap',
    [
      '--variant=apt',
      '--mode=root',
      '--quiet',
      `--include=${['ca-certificates', ...include].join(',')}`,
      // The root has no init, so installations must not start services.
      '--customize-hook=printf "#!/bin/sh\\nexit 101\\n" > "$1/usr/sbin/policy-rc.d"; chmod 755 "$1/usr/sbin/policy-rc.d"',
      ...(os === 'ubuntu' ? ['--components=main,universe'] : []),
      release,
      root,
      ...(os === 'debian' ? [`deb ${debianMirror()} ${release} main`] : []),
    ],
    { stdio: ['ignore', 'inherit', 'inherit'] },
  );
  for (const file of networkFiles.filter((f) => existsSync(f))) cpSync(file, join(root, file), { dereference: true });
  trustAs(root);
  return { root, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** Adds certificates that this machine trusts besides Debian's, such as those of a company's proxy. */
export function trustAs(root) {
  const bundle = '/etc/ssl/certs/ca-certificates.crt';
  const certificates = (file) =>
    existsSync(file)
      ? (readFileSync(file, 'utf8').match(/-----BEGIN CERTIFICATE-----[^]*?-----END CERTIFICATE-----\n/g) ?? [])
      : [];
  const known = new Set(certificates(join(root, bundle)));
  certificates(bundle)
    .filter((text) => !known.has(text))
    .forEach((text, i) => writeFileSync(join(root, `usr/local/share/ca-certificates/machine-${i}.crt`), text));
  execFileSync('chroot', [root, 'update-ca-certificates'], { stdio: ['ignore', 'ignore', 'inherit'] });
}

// Uses pivot_root instead of chroot, so that unprivileged users can create user namespaces.
const enter = `
set -e
mount --bind "$1" "$1"
cd "$1"
mount -t proc proc proc
mount --rbind /dev dev
mount --rbind /sys sys
mkdir -p .former
pivot_root . .former
cd /
# The new root may lack umount(8): the number of the system call umount2 is used, with MNT_DETACH.
perl -e 'my %numbers = (x86_64 => 166, aarch64 => 39);
  my $folder = "/.former"; syscall($numbers{$ARGV[0]}, $folder, 2) == 0 or die "umount: $!"' "$(uname -m)"
rmdir /.former
cd "$2"
shift 2
exec "$@"`;

/**
 * Runs a command in a folder of the root; its output goes to `log`. Returns its exit code.
 *
 * @param {string} root
 * @param {string} folder
 * @param {string[]} command
 * @param {number | 'inherit'} log A file descriptor.
 * @returns {Promise<number>}
 */
export function runIn(root, folder, command, log = 'inherit') {
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => variables.test(name)));
  const child = spawn(
    'unshare',
    [
      '--mount',
      '--pid',
      '--fork',
      '--kill-child',
      '--propagation',
      'private',
      'sh',
      '-c',
      enter,
      'sh',
      root,
      folder,
    ].concat(command),
    {
      stdio: ['ignore', log, log],
      env: {
        ...env,
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        HOME: '/root',
        LANG: 'C.UTF-8',
      },
    },
  );
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('exit', (code) => resolve(code ?? 128));
  });
}

/** Clones this repository's current commit into the root. */
export function cloneInto(root, repository, folder) {
  mkdirSync(dirname(join(root, folder)), { recursive: true });
  execFileSync('git', ['clone', '--quiet', '--no-hardlinks', repository, join(root, folder)]);
  execFileSync('chown', ['-R', '0:0', join(root, folder)]);
}
