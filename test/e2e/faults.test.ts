import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { randoms } from '../../ts-src/query/simulate.ts';
import { bundle, cache, discard, slipway, states, workspace } from './helpers.ts';
import { s3Server } from './s3.mjs';

/** Two packages. `upper` copies the text of `lower` into its own file, which shows whether they fit together. */
function small(name: string, more = ''): string {
  const folder = workspace(name);
  writeFileSync(
    join(folder, 'distro.yaml'),
    `organization: acme\ndistributions: {d: {platforms: [bookworm], folders: [src], ros_version: 1}}\nplatforms: {bookworm: {os: debian, release: bookworm}}\nrosdep: [rosdep.yaml]\n${more}`,
  );
  writeFileSync(join(folder, 'rosdep.yaml'), 'cmake: {debian: [cmake]}\n');
  for (const p of ['lower', 'upper']) {
    mkdirSync(join(folder, 'src', p), { recursive: true });
    writeFileSync(
      join(folder, 'src', p, 'package.xml'),
      `<package format="2"><name>${p}</name><version>1.0.0</version><description>d</description><maintainer email="a@b.org">a</maintainer><license>BSD</license><buildtool_depend>cmake</buildtool_depend>${p === 'upper' ? '<depend>lower</depend>' : ''}<export><build_type>cmake</build_type></export></package>\n`,
    );
  }
  writeFileSync(
    join(folder, 'src/lower/CMakeLists.txt'),
    'cmake_minimum_required(VERSION 3.10)\nproject(lower NONE)\ninstall(FILES text DESTINATION share/lower)\n',
  );
  writeFileSync(
    join(folder, 'src/upper/CMakeLists.txt'),
    'cmake_minimum_required(VERSION 3.10)\nproject(upper NONE)\nfile(READ /opt/acme/d/share/lower/text text)\nfile(WRITE ${CMAKE_BINARY_DIR}/copy "${text}")\ninstall(FILES ${CMAKE_BINARY_DIR}/copy DESTINATION share/upper)\n',
  );
  edit(folder, 0);
  return folder;
}

const edit = (folder: string, n: number): void => writeFileSync(join(folder, 'src/lower/text'), `text ${n}\n`);

/**
 * What apt would get: signed, each file as in its index, and both packages from the same build. `lower` may be alone
 * only if the build of `upper` may have failed and no longer fits. Undefined if nothing is published yet.
 */
function served(folder: string, mayFail = false): string | undefined {
  const suite = join(folder, 'out/apt/dists/bookworm-d');
  if (!existsSync(join(suite, 'InRelease'))) return undefined;
  const home = mkdtempSync(join(cache, 'gpg-'));
  try {
    execFileSync('gpg', ['--homedir', home, '--quiet', '--batch', '--import', join(folder, 'out/apt/key.asc')], {
      stdio: 'ignore',
    });
    const release = execFileSync(
      'gpg',
      ['--homedir', home, '--quiet', '--batch', '--decrypt', join(suite, 'InRelease')],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] },
    );
    const digest = (data: Buffer) => createHash('sha256').update(data).digest('hex');
    // apt reads the index that InRelease names by its hash; the plain name is for other tools.
    const named = /^ ([0-9a-f]{64}) \d+ main\/binary-amd64\/Packages$/m.exec(release)![1]!;
    const packages = readFileSync(join(suite, 'main/binary-amd64/by-hash/SHA256', named));
    expect(digest(packages)).toBe(named);
    const texts = packages
      .toString('utf8')
      .split('\n\n')
      .filter((p) => p.trim())
      .flatMap((p) => {
        const field = (name: string) => new RegExp(`^${name}: (.*)$`, 'm').exec(p)![1]!;
        const file = join(folder, 'out/apt', field('Filename'));
        expect(digest(readFileSync(file))).toBe(field('SHA256'));
        // The prefix's setup.sh does not affect the content of the packages.
        if (field('Package') === 'acme-d-environment') return [];
        const at = field('Package') === 'acme-d-lower' ? 'share/lower/text' : 'share/upper/copy';
        return execFileSync('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" | tar -xO "./opt/acme/d/$2"', 'sh', file, at], {
          encoding: 'utf8',
        });
      });
    if (!mayFail || texts.length !== 1) expect(texts.length).toBe(2);
    else expect(packages.toString('utf8')).toContain('Package: acme-d-lower\n');
    expect(new Set(texts).size).toBe(1);
    return texts[0]!.trim();
  } finally {
    rmSync(home, { recursive: true, force: true });
  }
}

/** Runs to the end: everything must be there and correct. */
async function whole(folder: string, n: number): Promise<void> {
  const ran = await slipway(['build'], folder);
  expect(ran.code, ran.stderr).toBe(0);
  expect(served(folder)).toBe(`text ${n}`);
  const sound = await slipway(['store', 'verify'], folder);
  expect(sound.code, sound.stdout + sound.stderr).toBe(0);
}

/** All descendants of a process, itself first. */
function below(pid: number): number[] {
  const children = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    try {
      const parent = Number(/^\d+ \(.*\) \S (\d+)/s.exec(readFileSync(`/proc/${entry}/stat`, 'utf8'))![1]);
      children.set(parent, [...(children.get(parent) ?? []), Number(entry)]);
    } catch {
      /* it has ended */
    }
  }
  const all = [pid];
  for (let i = 0; i < all.length; i++) all.push(...(children.get(all[i]!) ?? []));
  return all;
}

/** A repository that was built twice, and the seconds of the second run. */
async function prepared(name: string): Promise<{ folder: string; seconds: number }> {
  const folder = small(name);
  await whole(folder, 0);
  edit(folder, 1);
  const begun = Date.now();
  await whole(folder, 1);
  return { folder, seconds: (Date.now() - begun) / 1000 };
}

describe('kill -9', () => {
  let two: { folder: string; seconds: number }[] = [];
  afterAll(() => Promise.all(two.map((t) => discard(t.folder))));
  beforeAll(async () => {
    two = [await prepared('kill'), await prepared('kill')];
  });

  it('loses nothing and serves nothing wrong, at each boundary between two writes', async () => {
    /** One of two repositories tests the odd boundaries, the other one the even ones. */
    const through = async ({ folder }: { folder: string }, first: number): Promise<number> => {
      let n = 1;
      let last = n;
      let at = first;
      for (let code: number | null = null; ; at += 2) {
        edit(folder, ++n);
        const child = spawn('node', ['--require', join(__dirname, 'kill-at.cjs'), bundle, 'build'], {
          cwd: folder,
          stdio: 'ignore',
          env: { ...process.env, KILL_AT: String(at) },
        });
        code = await new Promise((resolve) => child.on('exit', (c) => resolve(c)));
        expect(code === null || code === 0).toBe(true);
        const now = served(folder);
        expect([`text ${last}`, `text ${n}`]).toContain(now);
        if (now === `text ${n}`) last = n;
        if (at % 10 === first % 10 || code === 0) {
          await whole(folder, n);
          last = n;
        }
        if (code === 0) break;
      }
      writeFileSync(join(folder, 'edits'), String(n));
      return at;
    };
    const boundaries = await Promise.all(two.map((t, i) => through(t, i + 1)));
    // A run writes more than the records, objects and indices of two packages.
    expect(Math.max(...boundaries)).toBeGreaterThan(12);
  });

  it('loses nothing and serves nothing wrong when any process of a run is killed, at 100 instants', async () => {
    const through = async ({ folder, seconds }: { folder: string; seconds: number }, seed: number): Promise<void> => {
      let n = Number(readFileSync(join(folder, 'edits'), 'utf8'));
      const random = randoms(seed);
      const made = new Set([`text ${n}`]);
      for (let i = 0; i < 50; i++) {
        edit(folder, ++n);
        made.add(`text ${n}`);
        const child = spawn('node', [bundle, 'build'], { cwd: folder, stdio: 'ignore' });
        let ended = false;
        const end = new Promise<void>((resolve) => child.on('exit', () => resolve(void (ended = true))));
        await sleep(random() * seconds * 1000);
        const all = ended ? [] : below(child.pid!);
        // Kills Slipway, or a program that it runs, which Slipway then reports.
        const victim = all[random() < 0.6 ? 0 : Math.floor(random() * all.length)];
        try {
          if (victim !== undefined) process.kill(victim, 'SIGKILL');
        } catch {
          /* it has ended */
        }
        await end;
        expect([...made]).toContain(served(folder, true));
        if (i % 25 === 24) await whole(folder, n);
      }
    };
    await Promise.all(two.map((t, i) => through(t, 20261125 + i)));
  });
});

it('rebuilds truncated, foreign or lost objects in the same run, and reports it', async () => {
  const folder = small('truncated');
  try {
    await whole(folder, 0);
    const objects = () =>
      readdirSync(join(folder, '.slipway/store/objects'), { recursive: true })
        .map(String)
        .filter((f) => /\/[0-9a-f]{64}$/.test(f))
        .map((f) => join(folder, '.slipway/store/objects', f));
    const lower = () =>
      objects().find(
        (f) =>
          readFileSync(f).subarray(0, 7).toString() === '!<arch>' &&
          execFileSync('dpkg-deb', ['--field', f, 'Package'], { encoding: 'utf8' }) === 'acme-d-lower\n',
      )!;
    const damage: ((deb: string) => void)[] = [
      (deb) => truncateSync(deb, 100),
      (deb) => {
        rmSync(deb);
        execFileSync('mkfifo', [deb]);
      },
      (deb) => {
        rmSync(deb);
        mkdirSync(deb);
      },
    ];
    for (const [i, spoil] of damage.entries()) {
      const spoilt = lower();
      spoil(spoilt);
      writeFileSync(join(folder, 'src/upper/README.md'), `so that it is built: ${i}\n`);
      const ran = await slipway(['build'], folder);
      expect(ran.code, ran.stderr).toBe(0);
      expect(states(folder)).toEqual({ lower: 'built', upper: 'built' });
      expect(served(folder)).toBe('text 0');
      // It was built under another name: the damaged one stays until the store is cleaned up.
      rmSync(spoilt, { recursive: true, force: true });
    }
    for (const f of objects()) rmSync(f);
    const again = await slipway(['build'], folder);
    expect(again.code, again.stderr).toBe(0);
    await whole(folder, 0);
  } finally {
    await discard(folder);
  }
});

it('a store in a bucket that answers half of the requests with errors gives the same results as a folder', async () => {
  const server = await (
    s3Server as () => Promise<{ erring: number; requests: number; endpoint: string; stop: () => void }>
  )();
  const folder = small('bucket', `store: "s3://bucket/farm?endpoint=${server.endpoint}"\n`);
  try {
    server.erring = 0.5;
    await whole(folder, 0);
    server.erring = 0;
    const before = server.requests;
    const noop = await slipway(['build', '--dry-run'], folder);
    expect(noop.stderr).toContain('2 cached, 0 to do\n');
    expect(server.requests - before).toBeLessThan(8);
    edit(folder, 1);
    server.erring = 0.5;
    await whole(folder, 1);
  } finally {
    server.stop();
    await discard(folder);
  }
});
