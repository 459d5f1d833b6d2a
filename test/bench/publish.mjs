// npm run bench -- publish: first publication, an update of 20 packages, promotion and rollback of 2,000 packages for
// two architectures, compared with aptly on the same packages; with --cold, also to a bucket with 50 ms of latency.
import { execFile, execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { bundle, median, root, timed } from './common.mjs';
import { s3Server } from '../e2e/s3.mjs';
import { bundle as bundled } from '../../scripts/bundle.mjs';

const packages = 2000;
const changed = 20;
const architectures = ['amd64', 'arm64'];

/** Writes a tar entry (ustar) directly: dpkg-deb would take a minute for so many packages. */
function tar(name, content) {
  const header = Buffer.alloc(512);
  header.write(name, 0, 'latin1');
  header.write('0000644\0' + '0000000\0' + '0000000\0', 100, 'latin1');
  header.write(`${content.length.toString(8).padStart(11, '0')}\0${'0'.repeat(11)}\0        0`, 124, 'latin1');
  header.write('ustar\0' + '00', 257, 'latin1');
  header.write('        ', 148, 'latin1');
  let sum = 0;
  for (const byte of header) sum += byte;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return Buffer.concat([header, content, Buffer.alloc((512 - (content.length % 512)) % 512), Buffer.alloc(1024)]);
}

/** A package of about 20 KB of incompressible data. */
function deb(name, version, architecture) {
  const control = `Package: ${name}\nVersion: ${version}\nArchitecture: ${architecture}\nMaintainer: A <a@example.org>\nDepends: libc6 (>= 2.34), libstdc++6 (>= 11), acme-mini-ros-workspace\nProvides: ${name}-abi-0123456789abcdef\nSection: misc\nPriority: optional\nDescription: a package of a benchmark\n of two lines\n`;
  const parts = [];
  for (let i = 0; i < 313; i++)
    parts.push(createHash('sha512').update(`${name} ${version} ${architecture} ${i}`).digest());
  const text = Buffer.concat(parts);
  const member = (file, content) =>
    Buffer.concat([
      Buffer.from(
        `${file.padEnd(16)}${'0'.padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(content.length).padEnd(10)}\`\n`,
      ),
      content,
      Buffer.alloc(content.length % 2, 10),
    ]);
  return Buffer.concat([
    Buffer.from('!<arch>\n'),
    member('debian-binary', Buffer.from('2.0\n')),
    member('control.tar.gz', gzipSync(tar('./control', Buffer.from(control)))),
    member('data.tar.gz', gzipSync(tar(`./opt/${name}`, text), { level: 1 })),
  ]);
}

/**
 * Puts the packages of a generation into the store, and into a folder for aptly. `former`: the previous list; all but
 * some packages are taken from it.
 */
function generation(folder, n, former) {
  const list = {};
  for (const architecture of architectures) {
    const suite = `bookworm-mini/${architecture}`;
    const files = former ? [...former[suite]] : [];
    for (let i = 0; i < (former ? changed : packages); i++) {
      const name = `acme-mini-package-${i}`;
      const version = `1.0-0bookworm.2026010${i < changed ? n : 1}.000000`;
      const file = `${name}_${version}_${architecture}.deb`;
      const data = deb(name, version, architecture);
      const sha256 = createHash('sha256').update(data).digest('hex');
      const object = join(folder, 'store/objects', sha256.slice(0, 2), sha256);
      mkdirSync(join(object, '..'), { recursive: true });
      writeFileSync(object, data);
      const debs = join(folder, 'debs', i < changed ? `g${n}` : 'all');
      mkdirSync(debs, { recursive: true });
      writeFileSync(join(debs, file), data);
      files[i] = { name: file, sha256, size: data.length };
    }
    list[suite] = files;
  }
  writeFileSync(join(folder, `g${n}.json`), JSON.stringify(list));
  return list;
}

/** A proxy that delays each request. */
async function delayed(target, milliseconds) {
  const { hostname, port } = new URL(target);
  const proxy = createServer((from, to) =>
    setTimeout(() => {
      from.pipe(
        request({ host: hostname, port, path: from.url, method: from.method, headers: from.headers }, (r) => {
          to.writeHead(r.statusCode ?? 502, r.headers);
          r.pipe(to);
        }).on('error', () => to.destroy()),
      );
    }, milliseconds),
  );
  await new Promise((resolve) => proxy.listen({ port: 0, host: '127.0.0.1' }, () => resolve(undefined)));
  const address = proxy.address();
  return {
    endpoint: `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}`,
    stop: () => {
      proxy.close();
      proxy.closeAllConnections();
    },
  };
}

export default async function ({ runs, cold, note }) {
  // No TLS is used here, and Node 18 and 20 read these certificates at each start, which takes a tenth of a second.
  delete process.env.NODE_EXTRA_CA_CERTS;
  const folder = mkdtempSync(join(tmpdir(), 'slipway-bench-publish-'));
  const driver = join(folder, 'driver.cjs');
  // In the form of Slipway's own program, which compiles only what a run needs.
  const program = { root, entry: 'test/bench/publish-driver.ts', banner: '', define: { SLIPWAY_DIGEST: '"0"' } };
  writeFileSync(driver, await bundled(program));
  mkdirSync(join(folder, 'gpg'), { mode: 0o700 });
  const gpg = ['--batch', '--homedir', join(folder, 'gpg'), '--pinentry-mode', 'loopback', '--passphrase', ''];
  execFileSync('gpg', [...gpg, '--quick-generate-key', 'acme', 'rsa3072', 'sign', 'never'], { stdio: 'ignore' });
  const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(
    execFileSync('gpg', [...gpg, '--with-colons', '-K'], { encoding: 'utf8' }),
  )?.[1];
  try {
    note('making packages');
    let list;
    for (let n = 1; n <= runs + 1; n++) list = generation(folder, n, list);
    const driven = (channel, n, at) => [driver, folder, channel, join(folder, `g${n}.json`), at];
    const publish = (...of) => timed(process.execPath, driven(...of)).seconds;
    const rows = await folderRows({ folder, fingerprint, publish, runs, note });
    // The proxy and its delays are this process's: it must not wait for the publication.
    const publishBeside = async (...of) => {
      const begun = performance.now();
      await promisify(execFile)(process.execPath, driven(...of));
      return (performance.now() - begun) / 1000;
    };
    if (cold) rows.push(...(await s3Rows({ publish: publishBeside, note })));
    return rows;
  } finally {
    spawnSync('gpgconf', ['--homedir', join(folder, 'gpg'), '--kill', 'all']);
    rmSync(folder, { recursive: true, force: true });
  }
}

async function folderRows({ folder, fingerprint, publish, runs, note }) {
  note('slipway to a folder');
  const first = [];
  const switched = [];
  for (let r = 0; r < runs; r++) first.push(publish(`first-${r}`, 1, join(folder, `first-${r}/apt`)));
  for (let r = 0; r < runs; r++) switched.push(publish('first-0', r + 2, join(folder, 'first-0/apt')));
  const moves = commandRows({ folder, fingerprint, runs });
  const rows = [
    { name: 'publish.first_s', value: median(first), meaning: '2,000 packages × 2 architectures to a folder' },
    { name: 'publish.switch_s', value: median(switched), meaning: '20 of them changed' },
    ...moves,
  ];
  if (!existsSync('/usr/bin/aptly')) {
    note('aptly is not installed: no comparison');
    return rows;
  }
  note('aptly to a folder');
  const env = { ...process.env, GNUPGHOME: join(folder, 'gpg') };
  const conf = join(folder, 'aptly.conf');
  writeFileSync(
    conf,
    JSON.stringify({
      rootDir: join(folder, 'aptly'),
      skipContentsPublishing: true,
      FileSystemPublishEndpoints: { out: { rootDir: join(folder, 'aptly-out'), linkMethod: 'hardlink' } },
    }),
  );
  const aptly = (...args) => timed('aptly', [`-config=${conf}`, ...args], { env }).seconds;
  aptly('repo', 'create', '-component=main', '-distribution=bookworm-mini', 'mini');
  const added = aptly('repo', 'add', 'mini', join(folder, 'debs/all'), join(folder, 'debs/g1'));
  const flags = ['-batch', '-acquire-by-hash', '-gpg-key=acme'];
  const architecturesFlag = `-architectures=${architectures.join(',')}`;
  const aptlyFirst = aptly('publish', 'repo', ...flags, architecturesFlag, 'mini', 'filesystem:out:.');
  const aptlySwitched = [];
  // Slipway reads packages while it publishes them; aptly has commands of their own for that.
  const aptlyWhole = [];
  for (let r = 0; r < runs; r++) {
    const taken =
      aptly('repo', 'remove', 'mini', `$Version (% *2026010${r + 1}*), Name (~ "package-1?[0-9]$")`) +
      aptly('repo', 'add', 'mini', join(folder, `debs/g${r + 2}`));
    const seconds = aptly('publish', 'update', '-batch', '-gpg-key=acme', 'bookworm-mini', 'filesystem:out:.');
    aptlySwitched.push(seconds);
    aptlyWhole.push(taken + seconds);
  }
  return [
    ...rows,
    { name: 'publish.aptly_add_s', value: added, meaning: 'aptly takes in the same packages' },
    { name: 'publish.aptly_first_s', value: aptlyFirst, meaning: 'aptly publishes them' },
    { name: 'publish.aptly_switch_s', value: median(aptlySwitched), meaning: 'aptly publishes 20 changed ones' },
    { name: 'publish.aptly_whole_s', value: median(aptlyWhole), meaning: 'the same with taking them in' },
    {
      name: 'publish.first_vs_aptly',
      value: median(first) / (added + aptlyFirst),
      meaning: 'of aptly’s time with taking in the packages, which Slipway’s includes; at most 1',
    },
    {
      name: 'publish.first_vs_publish',
      value: median(first) / aptlyFirst,
      meaning: 'of the time in which aptly publishes packages that it has taken in',
    },
    {
      name: 'publish.switch_vs_whole',
      value: median(aptlyWhole) / median(switched),
      meaning: 'times as fast as aptly with taking in the changed packages, which Slipway’s includes',
    },
    {
      name: 'publish.switch_vs_aptly',
      value: median(aptlySwitched) / median(switched),
      meaning: 'times as fast as aptly, 8 wanted',
    },
  ];
}

/** Promotion and both kinds of rollback, as whole processes. */
function commandRows({ folder, fingerprint, runs }) {
  const distro = join(folder, 'distro.yaml');
  mkdirSync(join(folder, 'src'), { recursive: true });
  writeFileSync(
    distro,
    `organization: acme\ndistributions: {mini: {platforms: [bookworm], folders: [src], ros_version: 1}}\nplatforms: {bookworm: {os: debian, release: bookworm, architectures: [amd64, arm64]}}\nstore: file:store\nsigning_key: ${fingerprint}\n`,
  );
  const env = { ...process.env, GNUPGHOME: join(folder, 'gpg') };
  const slipway = (...args) => timed(process.execPath, [bundle, ...args, '--distro', distro], { env }).seconds;
  const promoted = [];
  const pointed = [];
  const forward = [];
  for (let r = 0; r < runs; r++)
    promoted.push(slipway('promote', 'first-0', `target-${r}`, '--repository', join(folder, `target-${r}/apt`)));
  for (let r = 0; r < runs; r++) forward.push(slipway('rollback', 'first-0'));
  for (let r = 0; r < runs; r++) pointed.push(slipway('rollback', 'first-0', '--pointer'));
  return [
    { name: 'publish.promote_s', value: median(promoted), meaning: 'promotion to a new channel' },
    { name: 'publish.pointer_s', value: median(pointed), meaning: 'rollback by pointer' },
    { name: 'publish.forward_s', value: median(forward), meaning: 'rollback of 20 packages, packed anew' },
  ];
}

async function s3Rows({ publish, note }) {
  note('slipway to a bucket behind 50 ms');
  const server = await s3Server();
  const proxy = await delayed(server.direct, 50);
  try {
    const at = `s3://bucket/bench/apt?endpoint=${proxy.endpoint}`;
    const first = await publish('s3', 1, at);
    const switched = await publish('s3', 2, at);
    return [
      { name: 'publish.s3_first_s', value: first, meaning: 'first publication to a bucket, 50 ms away' },
      { name: 'publish.s3_switch_s', value: switched, meaning: 'a switch of 20 packages there' },
    ];
  } finally {
    proxy.stop();
    server.stop();
  }
}
