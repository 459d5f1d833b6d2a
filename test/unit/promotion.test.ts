import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';
import { moveChannel } from '../../ts-src/publish/publication.ts';
import { withSigner } from '../../ts-src/publish/signing.ts';
import { openChannel, shortId, type State } from '../../ts-src/publish/state.ts';
import type { Suites } from '../../ts-src/publish/suites.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import type { Store } from '../../ts-src/store/store.ts';
import { AptClient, makeDeb, type MadeDeb } from '../e2e/apt-client.ts';
import { slipway } from '../e2e/helpers.ts';
import { at } from '../../ts-src/model/lists.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-promotion-'));
const home = join(folder, 'gpg');
const stamped = (version: string, day: number) => `${version}-0bookworm.202601${String(day).padStart(2, '0')}.000000`;
let store: Store;
beforeAll(async () => {
  mkdirSync(home, { mode: 0o700 });
  const gpg = ['--batch', '--homedir', home, '--pinentry-mode', 'loopback', '--passphrase', ''];
  execFileSync('gpg', [...gpg, '--quick-generate-key', 'acme', 'rsa2048', 'sign', 'never'], { stdio: 'ignore' });
  const listed = execFileSync('gpg', [...gpg, '--with-colons', '-K'], { encoding: 'utf8' });
  writeFileSync(
    join(folder, 'distro.yaml'),
    `organization: acme
distributions: {d: {platforms: [bookworm], folders: [src], ros_version: 1}}
platforms: {bookworm: {os: debian, release: bookworm}}
signing_key: ${/^fpr:+([0-9A-F]+):/m.exec(listed)![1]}
publish: {keep: 2, grace_days: 0}
channels:
  'release/*': {from: [nightly], packages: [acme-tool], approval: true}
  open: {architectures: false}
`,
  );
  mkdirSync(join(folder, 'src'));
  store = await openStore('file:.slipway/store', folder, join(folder, '.slipway'), undefined);
});
afterAll(() => {
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  rmSync(folder, { recursive: true, force: true });
});

type Deb = MadeDeb & { abi?: string; requires?: string[] };

async function publish(name: string, debs: Deb[], tests: State['tests'] = {}): Promise<string> {
  const suites: Suites = {};
  for (const deb of debs) {
    const file = await store.put(makeDeb(folder, deb));
    (suites[`bookworm-d/${deb.architecture ?? 'amd64'}`] ??= {})[deb.name] = {
      version: deb.version,
      key: file.sha256,
      files: [file],
      abi: deb.abi ?? '',
      requires: deb.requires ?? [],
    };
  }
  const moved = await withSigner({ kind: 'keyring', home, keys: ['acme'] }, async (signer) =>
    moveChannel(
      await openChannel(store, name),
      { kind: 'publication', suites, tests, stamp: '20260101000000', who: 'me', verdicts: [] },
      {
        store,
        endpoints: [new FolderEndpoint(join(folder, 'apt', name, 'apt'))],
        signer,
        settings: { organization: 'acme', sha512: false, validDays: undefined },
        now: Date.now(),
      },
    ),
  );
  if (!moved.ok) throw new Error(JSON.stringify(moved.diagnostics));
  return moved.value.id!;
}

const cli = (...args: string[]) => slipway(args, folder, { env: { GNUPGHOME: home } });
const served = (name: string) => join(folder, 'apt', name, 'apt');

async function client(name: string): Promise<AptClient> {
  const made = AptClient.below(folder);
  made.sources(
    `Types: deb\nURIs: file://${served(name)}\nSuites: bookworm-d\nComponents: main\nSigned-By: ${served(name)}/key.asc\n`,
  );
  const ran = await made.run('apt-get', 'update');
  expect(ran.code, ran.stderr).toBe(0);
  return made;
}
const candidate = async (of: AptClient, name: string): Promise<string | undefined> =>
  /Candidate: (\S+)/.exec((await of.run('apt-cache', 'policy', name)).stdout)?.[1];

describe('promotion', () => {
  it('reports every reason against it; without any, moves the same bytes; records what was forced', async () => {
    await publish('nightly', [{ name: 'acme-base', version: stamped('1.0', 1) }]);
    const refused = await cli('promote', 'nightly', 'release/one', '--dry-run');
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(/packages +FAILS +bookworm-d\/amd64 has no acme-tool/);
    expect(refused.stdout).toMatch(/approval +FAILS +nobody approved of it/);
    expect(existsSync(served('release/one'))).toBe(false);
    const whole = [
      { name: 'acme-base', version: stamped('1.0', 1) },
      { name: 'acme-tool', version: stamped('1.0', 2), depends: 'acme-base (>= 1.0)' },
    ];
    await publish('nightly', whole);
    const done = await cli('promote', 'nightly', 'release/one', '--approved-by', 'ada');
    expect(done.code, done.stderr + done.stdout).toBe(0);
    expect(await candidate(await client('release/one'), 'acme-tool')).toBe(stamped('1.0', 2));
    const pool = 'pool/main/a/acme-tool';
    const [file] = readdirSync(join(served('release/one'), pool));
    expect(readFileSync(join(served('release/one'), pool, file!))).toEqual(
      readFileSync(join(served('nightly'), pool, file!)),
    );
    const { head } = await openChannel(store, 'release/one');
    expect(head).toMatchObject({ kind: 'promotion', who: 'ada', from: { channel: 'nightly' } });
    expect(head!.verdicts.find((v) => v.criterion === 'approval')).toMatchObject({
      passed: true,
      reason: 'approved by ada',
    });

    await publish('nightly', [{ name: 'acme-tool', version: stamped('1.0', 3), depends: 'acme-base (>= 1.0)' }], {
      'bookworm-d/amd64': { 'acme-tool': 'failed' },
    });
    const lacking = await cli('promote', 'nightly', 'release/one', '--approved-by', 'ada');
    expect(lacking.code).toBe(1);
    expect(lacking.stdout).toMatch(/nothing_lost +FAILS +bookworm-d\/amd64 loses acme-base/);
    expect(lacking.stdout).toMatch(/tests +FAILS +bookworm-d\/amd64: tests of acme-tool fail newly/);
    const forced = await cli('promote', 'nightly', 'release/one', '--force', 'the fair is tomorrow');
    expect(forced.code, forced.stderr).toBe(0);
    expect((await openChannel(store, 'release/one')).head!.forced).toBe('the fair is tomorrow');
  });

  it('refuses packages that are missing for an architecture, not installable, or would be downgraded', async () => {
    await publish('source', [
      { name: 'acme-tool', version: stamped('1.0', 1), depends: 'acme-lost | acme-gone (>= 2)' },
      { name: 'acme-tool', version: stamped('1.0', 1), architecture: 'arm64' },
      { name: 'acme-more', version: stamped('1.0', 1) },
    ]);
    await publish('strict', [{ name: 'acme-tool', version: stamped('1.0', 5) }]);
    const ran = await cli('promote', 'source', 'strict', '-n', '--repository', served('strict'));
    expect(ran.code).toBe(1);
    expect(ran.stdout).toMatch(/versions +FAILS .*acme-tool .* is not above/);
    expect(ran.stdout).toMatch(/architectures +FAILS +bookworm-d\/arm64 lacks acme-more/);
    expect(ran.stdout).toMatch(/installable +FAILS .*acme-tool needs acme-lost \| acme-gone \(>= 2\)/);
  });

  it('ignores a failed test that passed on the same build before, or after a retry, and names it', async () => {
    const tests = (tool: 'passed' | 'failed', more: 'flaky' | 'failed', last: 'passed' | 'failed') => ({
      'bookworm-d/amd64': { 'acme-tool': tool, 'acme-more': more, 'acme-last': last },
    });
    const debs = (n: number) => [
      { name: 'acme-tool', version: stamped('1.0', 1) },
      { name: 'acme-more', version: stamped('1.0', n) },
      { name: 'acme-last', version: stamped('1.0', n) },
    ];
    await publish('shaky', debs(1), tests('passed', 'flaky', 'passed'));
    await publish('shaky', debs(2), tests('failed', 'failed', 'failed'));
    const to = ['--repository', served('calm')];
    const refused = await cli('promote', 'shaky', 'calm', '-n', ...to);
    expect(refused.code).toBe(1);
    // It was rebuilt since it passed.
    expect(refused.stdout).toMatch(/tests +FAILS +bookworm-d\/amd64: tests of acme-last fail newly$/m);
    await publish('shaky', debs(3), tests('failed', 'failed', 'passed'));
    const passes = await cli('promote', 'shaky', 'calm', '-n', ...to);
    expect(passes.code, passes.stdout).toBe(0);
    expect(passes.stdout).toMatch(/known to be flaky: bookworm-d\/amd64: acme-more, bookworm-d\/amd64: acme-tool$/m);
  });

  it('refuses a package whose required ABI no package provides, even without a named dependency', async () => {
    const tool = { name: 'acme-tool', version: stamped('1.0', 1), requires: ['acme-base-abi-1'] };
    await publish('torn', [tool, { name: 'acme-base', version: stamped('1.0', 1), abi: 'acme-base-abi-2' }]);
    const to = ['--repository', served('whole')];
    const refused = await cli('promote', 'torn', 'whole', '-n', ...to);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toMatch(/abi +FAILS +bookworm-d\/amd64: acme-tool was built against acme-base-abi-1/);
    await publish('torn', [tool, { name: 'acme-base', version: stamped('1.0', 2), abi: 'acme-base-abi-1' }]);
    expect((await cli('promote', 'torn', 'whole', '-n', ...to)).code).toBe(0);
  });

  it('reports wrong names, states and channels before anything is done', async () => {
    for (const [args, code, text] of [
      [['promote', 'nightly'], 2, 'two different channels'],
      [['promote', 'nightly', '../etc'], 1, "'../etc' is not a valid channel name"],
      [['promote', 'nowhere', 'release/x'], 1, "does not allow promotion from 'nowhere'"],
      [['promote', 'nowhere', 'release/x'], 1, "'nowhere' has no state"],
      [['promote', 'nightly', 'release/x', '--state', '123456'], 1, 'no state 123456'],
      [['rollback', 'nowhere'], 1, "'nowhere' has no state"],
      [['channel', 'diff', 'nightly'], 2, 'diff A B'],
    ] as const) {
      const ran = await cli(...args);
      expect(ran.code, args.join(' ') + ran.stderr).toBe(code);
      expect(ran.stderr).toContain(text);
    }
  });
});

describe('rollback', () => {
  it('forward brings robots back by an upgrade; by pointer it serves the former bytes', async () => {
    const first = await publish('back', [
      { name: 'acme-tool', version: stamped('1.0', 1), text: 'good' },
      { name: 'acme-same', version: stamped('1.0', 1) },
    ]);
    await publish('back', [
      { name: 'acme-tool', version: stamped('2.0', 2), text: 'bad' },
      { name: 'acme-same', version: stamped('1.0', 1) },
      { name: 'acme-new', version: stamped('1.0', 2) },
    ]);
    const robot = await client('back');
    const forward = await cli('rollback', 'back');
    expect(forward.code, forward.stderr).toBe(0);
    expect(forward.stderr).toContain('1 packages were repacked');
    expect(forward.stderr).toContain('1 packages are served no more');
    await robot.run('apt-get', 'update');
    const version = (await candidate(robot, 'acme-tool'))!;
    expect(version).toMatch(/^1:1\.0-0bookworm\.\d{8}\.\d{6}$/);
    expect(await candidate(robot, 'acme-same')).toBe(stamped('1.0', 1));
    const got = await robot.run('apt-get', 'install', '--download-only', 'acme-tool');
    expect(got.code, got.stderr).toBe(0);
    const deb = join(served('back'), `pool/main/a/acme-tool/acme-tool_${version.replace('1:', '')}_amd64.deb`);
    const text = execFileSync('sh', ['-c', 'dpkg-deb --fsys-tarfile "$1" | tar -xO ./opt/acme/acme-tool', 'sh', deb]);
    expect(text.toString()).toBe('good');
    const pointer = await cli('rollback', 'back', '--to', first.slice(0, 12), '--pointer');
    expect(pointer.code, pointer.stderr).toBe(0);
    expect(pointer.stderr).toContain('keep 1 packages as they are');
    await robot.run('apt-get', 'update');
    expect(await candidate(robot, 'acme-tool')).toBe(stamped('1.0', 1));
  });
});

describe('slipway channel', () => {
  it('lists channels, shows states, and reports differences', async () => {
    const list = await cli('channel');
    expect(list.stdout).toMatch(/nightly +[0-9a-f]{16} /);
    const shown = await cli('channel', 'nightly');
    expect(shown.code, shown.stderr).toBe(0);
    expect(shown.stdout).toContain('publication');
    expect(shown.stdout).toMatch(/^signed by [0-9A-F]{40}, (never expires|expires on \d{4}-\d\d-\d\d)$/m);
    expect(shown.stdout).toContain('promotion to release/one:');
    const diff = await cli('channel', 'diff', 'nightly', 'source', '--json');
    expect(JSON.parse(diff.stdout)).toMatchObject({
      suites: { 'bookworm-d/amd64': { added: [['acme-more', stamped('1.0', 1)]] } },
    });
  });

  it('removes what no state needs after the grace period, and nothing else', async () => {
    const ids: string[] = [];
    for (const n of [1, 2, 3, 4]) ids.push(await publish('old', [{ name: 'acme-tool', version: stamped('1.0', n) }]));
    writeFileSync(join(served('old'), 'pool/main/a/acme-tool/stranger.deb'), 'x');
    const there = () => readdirSync(join(served('old'), 'pool/main/a/acme-tool')).length;
    const dry = await cli('channel', 'gc', 'old', '--dry-run');
    expect(dry.stdout).toContain('2 states would go');
    expect(there()).toBe(5);
    const ran = await cli('channel', 'gc', 'old');
    expect(ran.code, ran.stderr).toBe(0);
    expect(there()).toBe(2);
    expect((await openChannel(store, 'old')).file.states.map((s) => s.id)).toEqual([ids[3], ids[2]]);
    expect(readdirSync(join(served('old'), 'dists/states')).sort()).toEqual(
      [shortId(at(ids, 3)), shortId(at(ids, 2))].sort(),
    );
    const robot = await client('old');
    expect((await robot.run('apt-get', 'install', '--download-only', 'acme-tool')).code).toBe(0);
    const again = await cli('channel', 'gc', 'old');
    expect(again.stdout).toContain('removed 0 files');
  });

  it('signs every suite of the repository again with another key', async () => {
    const options = ['--batch', '--homedir', home, '--pinentry-mode', 'loopback', '--passphrase', ''];
    execFileSync('gpg', [...options, '--quick-generate-key', 'second', 'ed25519', 'sign', 'never'], {
      stdio: 'ignore',
    });
    const second = at(
      /^fpr:+([0-9A-F]+):/m.exec(
        execFileSync('gpg', [...options, '--with-colons', '-K', 'second'], { encoding: 'utf8' }),
      )!,
      1,
    );
    const file = join(folder, 'distro.yaml');
    const text = readFileSync(file, 'utf8');
    writeFileSync(file, text.replace(/signing_key: .*/, `signing_key: ${second}`));
    const ran = await cli('channel', 'renew', 'old');
    expect(ran.code, ran.stderr).toBe(0);
    expect(readFileSync(join(served('old'), 'dists/bookworm-d/InRelease'), 'utf8')).toContain(`Signed-By: ${second}`);
    const states = readdirSync(join(served('old'), 'dists/states'));
    expect(states).toHaveLength(2);
    for (const id of states)
      expect(readFileSync(join(served('old'), `dists/states/${id}/bookworm-d/InRelease`), 'utf8')).toContain(second);
    await client('old');
    writeFileSync(file, text);
  });
});
