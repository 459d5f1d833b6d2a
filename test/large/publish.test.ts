// Publication under stress: kill -9 at every write, many suites, and clients that update all the time.
import { execFileSync, spawn } from 'node:child_process';
import {
  appendFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sha256 } from '../../ts-src/model/digest.ts';
import { readPackages, readRelease } from '../../ts-src/publish/indices.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import { AptClient, makeDeb, type MadeDeb } from '../e2e/apt-client.ts';
import { cache, execute, root, type Ran } from '../e2e/helpers.ts';
import { makePublisher } from './publish-driver.ts';

const folder = mkdtempSync(join(cache, 'kill-publish-'));
const driver = join(folder, 'driver.cjs');
const killer = join(root, 'test/e2e/kill-at.cjs');
const suites = ['bookworm-a', 'bookworm-b'];

beforeAll(async () => {
  await makePublisher(folder);
  await listOf('one', 1);
  await listOf('two', 2);
});
afterAll(() => {
  execFileSync('gpgconf', ['--homedir', join(folder, 'gpg'), '--kill', 'all']);
  rmSync(folder, { recursive: true, force: true });
});

/** A list for the driver: each suite has two architectures; one package changes, the other does not. */
async function listOf(name: string, generation: number): Promise<void> {
  const store = await openStore(`file:${join(folder, 'store')}`, folder, join(folder, 'state'), undefined);
  const list: Record<string, unknown[]> = {};
  for (const suite of suites) {
    for (const architecture of ['amd64', 'arm64']) {
      const debs: MadeDeb[] = [
        { name: `${suite}-tool`, version: `${generation}.0`, architecture },
        { name: `${suite}-same`, version: '1.0', architecture },
      ];
      list[`${suite}/${architecture}`] = await Promise.all(debs.map((deb) => store.put(makeDeb(folder, deb))));
    }
  }
  writeFileSync(join(folder, `${name}.json`), JSON.stringify(list));
}

const publish = (list: string, at: string, killAt?: number): Promise<Ran> =>
  execute(
    process.execPath,
    [
      ...(killAt === undefined ? [] : ['--require', killer]),
      driver,
      folder,
      'killed',
      join(folder, `${list}.json`),
      at,
    ],
    { env: killAt === undefined ? {} : { KILL_AT: String(killAt) } },
  );

/** What a client would get: versions of the tools. Checks each suite's index by digest, and every package in it. */
function served(at: string): string[] {
  return suites.flatMap((suite) => {
    const release = readRelease(readFileSync(join(at, 'dists', suite, 'InRelease'), 'utf8'));
    expect(release.whole).toBe(true);
    return ['amd64', 'arm64'].map((architecture) => {
      const path = `main/binary-${architecture}/Packages`;
      for (const [name, { sha256: digest, size }] of release.files) {
        if (!name.startsWith('main/')) continue;
        const file = join(at, 'dists', suite, name.slice(0, name.lastIndexOf('/')), 'by-hash/SHA256', digest);
        expect(statSync(file).size, file).toBe(size);
        expect(sha256(readFileSync(file))).toBe(digest);
      }
      const { sha256: digest } = release.files.get(path)!;
      const text = readFileSync(join(at, 'dists', suite, `main/binary-${architecture}/by-hash/SHA256`, digest), 'utf8');
      const entries = readPackages(text);
      for (const entry of entries) expect(sha256(readFileSync(join(at, entry.filename)))).toBe(entry.sha256);
      return /Package: \S+-tool\nVersion: (\S+)/.exec(text)![1]!;
    });
  });
}

const every = Number(process.env.SLIPWAY_KILL_EVERY ?? '1');

describe('kill -9', () => {
  it('at every write leaves a consistent state, and the next run finishes', async () => {
    const at = join(folder, 'repository');
    const kept = join(folder, 'kept');
    expect(await publish('one', at)).toMatchObject({ code: 0 });
    for (const part of ['store', 'repository']) cpSync(join(folder, part), join(kept, part), { recursive: true });
    let seen = 0;
    for (let n = 1; ; n += every) {
      const ran = await publish('two', at, n);
      if (ran.code === 0) break;
      expect(ran.stderr).not.toContain('Error');
      seen++;
      const now = served(at);
      // All architectures of a suite switch together.
      expect(now[0]).toBe(now[1]);
      expect(now[2]).toBe(now[3]);
      const next = await publish(n % 2 ? 'two' : 'one', at);
      if (n % 2 === 0 && next.code !== 0) expect(next.stderr).toContain('pool-conflict');
      expect(next.code, next.stderr).toBe(0);
      expect(new Set(served(at))).toEqual(new Set([n % 2 ? '2.0' : '1.0']));
      for (const part of ['store', 'repository']) {
        rmSync(join(folder, part), { recursive: true });
        cpSync(join(kept, part), join(folder, part), { recursive: true });
      }
    }
    expect(seen).toBeGreaterThan(20 / every);
    expect(served(at)).toEqual(['2.0', '2.0', '2.0', '2.0']);
  });
});

describe('a repository written by aptly', () => {
  it('is taken over, and its clients continue', async () => {
    if (!existsSync('/usr/bin/aptly')) return;
    const at = join(folder, 'taken');
    const conf = join(folder, 'aptly.conf');
    writeFileSync(
      conf,
      JSON.stringify({
        rootDir: join(folder, 'aptly'),
        architectures: [],
        FileSystemPublishEndpoints: { out: { rootDir: at, linkMethod: 'copy', verifyMethod: 'md5' } },
      }),
    );
    const list = JSON.parse(readFileSync(join(folder, 'one.json'), 'utf8')) as Record<string, { name: string }[]>;
    const env = { ...process.env, GNUPGHOME: join(folder, 'gpg') };
    const aptly = (...args: string[]) => execFileSync('aptly', [`-config=${conf}`, ...args], { env, stdio: 'ignore' });
    for (const suite of suites) {
      aptly('repo', 'create', '-component=main', `-distribution=${suite}`, suite);
      const files = Object.entries(list).flatMap(([key, all]) =>
        key.startsWith(suite) ? all.map((f) => join(folder, f.name)) : [],
      );
      aptly('repo', 'add', suite, ...files);
      aptly(
        'publish',
        'repo',
        '-batch',
        '-gpg-key=acme',
        '-origin=acme',
        '-label=acme',
        `-distribution=${suite}`,
        suite,
        'filesystem:out:.',
      );
    }
    execFileSync('sh', [
      '-c',
      `gpg --homedir "$1" --armor --export > "$2"`,
      'sh',
      join(folder, 'gpg'),
      join(at, 'key.asc'),
    ]);
    const client = AptClient.below(folder);
    client.sources(
      suites
        .map(
          (suite) => `Types: deb\nURIs: file://${at}\nSuites: ${suite}\nComponents: main\nSigned-By: ${at}/key.asc\n`,
        )
        .join('\n'),
    );
    const before = await client.run('apt-get', 'update');
    expect(before.code, before.stderr).toBe(0);
    const ran = await publish('two', at);
    expect(ran.code, ran.stderr).toBe(0);
    // Packages in a client's old lists still exist.
    expect((await client.run('apt-get', 'install', '--download-only', `${suites[0]}-tool`)).code).toBe(0);
    const after = await client.run('apt-get', 'update');
    expect(after.code, after.stderr).toBe(0);
    expect(after.stderr).not.toMatch(/^[EW]:/m);
    expect((await client.run('apt-cache', 'policy', `${suites[0]}-tool`)).stdout).toContain('Candidate: 2.0');
  });
});

describe('apt-file', () => {
  it('finds the package with a file', async () => {
    const at = join(folder, 'listed');
    const ran = await execute(
      process.execPath,
      [driver, folder, 'listed', join(folder, 'one.json'), at, 'contents'],
      {},
    );
    expect(ran.code, ran.stderr).toBe(0);
    // Unpacked beside this machine's system, because its apt would download Debian's indices.
    const debs = join(folder, 'apt-file');
    const tree = join(debs, 'root');
    mkdirSync(tree, { recursive: true });
    const lists = ['moreutils', 'moreutils-xs'].map((name) => `liblist-${name}-perl`);
    const names = ['apt-file', 'libapt-pkg-perl', 'libexporter-tiny-perl', 'libregexp-assemble-perl', ...lists];
    execFileSync('apt-get', ['-q', 'download', ...names], { cwd: debs, stdio: 'ignore' });
    for (const deb of readdirSync(debs).filter((name) => name.endsWith('.deb')))
      execFileSync('dpkg-deb', ['-x', join(debs, deb), tree]);
    const client = AptClient.below(folder);
    client.sources(
      `Types: deb\nURIs: file://${at}\nSuites: ${suites.join(' ')}\nComponents: main\nSigned-By: ${at}/key.asc\n`,
    );
    const conf = join(client.root, 'apt.conf');
    const own = readFileSync(join(tree, 'etc/apt/apt.conf.d/50apt-file.conf'), 'utf8');
    appendFileSync(conf, `\n${own}Dir::Etc::apt-file-main "${tree}/etc/apt/apt-file.conf";\n`);
    const update = await client.run('apt-get', 'update');
    expect(update.code, update.stderr).toBe(0);
    expect(update.stderr).not.toMatch(/^[EW]:/m);
    const libraries = execFileSync('sh', ['-c', 'ls -d "$1"/usr/share/perl5 "$1"/usr/lib/*/perl5/*', 'sh', tree], {
      encoding: 'utf8',
    });
    const args = libraries
      .trim()
      .split('\n')
      .map((folder) => `-I${folder}`);
    const found = await execute('perl', [...args, join(tree, 'usr/bin/apt-file'), 'search', 'opt/acme/bookworm-b'], {
      env: { APT_CONFIG: conf },
    });
    expect(found.code, found.stderr).toBe(0);
    expect([...new Set(found.stdout.trim().split('\n'))].sort()).toEqual(
      ['same', 'tool'].map((name) => `bookworm-b-${name}: /opt/acme/bookworm-b-${name}`),
    );
  });
});

describe('clients', () => {
  it('never fail during publications', async () => {
    const at = join(folder, 'busy');
    expect((await publish('one', at)).code).toBe(0);
    let going = true;
    const publishing = (async () => {
      for (let n = 0; going; n++) expect((await publish(n % 2 ? 'one' : 'two', at)).code).toBe(0);
    })();
    const failed: string[] = [];
    const rounds = Number(process.env.SLIPWAY_UPDATES ?? '25');
    const server = spawn('python3', ['-m', 'http.server', '--bind', '127.0.0.1', '--directory', at, '0'], {
      stdio: ['ignore', 'pipe', 'ignore'],
      env: { ...process.env, PYTHONUNBUFFERED: '1' },
    });
    const port = await new Promise<string>((resolve) =>
      server.stdout.on('data', (d: Buffer) => {
        const m = /port (\d+)/.exec(d.toString());
        if (m) resolve(m[1]!);
      }),
    );
    try {
      await Promise.all(
        [1, 2].map(async () => {
          const client = AptClient.below(folder);
          client.sources(
            suites
              .map(
                (suite) =>
                  `Types: deb\nURIs: http://127.0.0.1:${port}\nSuites: ${suite}\nComponents: main\nSigned-By: ${at}/key.asc\n`,
              )
              .join('\n'),
          );
          for (let n = 0; n < rounds; n++) {
            const ran = await client.run('apt-get', 'update');
            if (ran.code !== 0 || /^[EW]:/m.test(ran.stderr)) failed.push(ran.stderr);
          }
        }),
      );
    } finally {
      going = false;
      await publishing;
      server.kill('SIGKILL');
    }
    expect(failed).toEqual([]);
  });
});
