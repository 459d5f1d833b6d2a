import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { FolderEndpoint } from '../../ts-src/publish/folder-endpoint.ts';
import { moveChannel } from '../../ts-src/publish/publication.ts';
import { withSigner } from '../../ts-src/publish/signing.ts';
import { openChannel } from '../../ts-src/publish/state.ts';
import type { Suites } from '../../ts-src/publish/suites.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import type { Store } from '../../ts-src/store/store.ts';
import { makeDeb } from '../e2e/apt-client.ts';
import { cache } from '../e2e/helpers.ts';
import { jenkins } from './built.ts';

const folder = mkdtempSync(join(cache, 'promote-'));
const distro = join(folder, 'distro');
const home = join(folder, 'gpg');
const key = join(folder, 'key.asc');
let store: Store;
let count = 0;

beforeAll(async () => {
  mkdirSync(home, { mode: 0o700 });
  mkdirSync(distro);
  const gpg = ['--batch', '--homedir', home, '--pinentry-mode', 'loopback', '--passphrase', ''];
  execFileSync('gpg', [...gpg, '--quick-generate-key', 'acme', 'ed25519', 'sign', 'never'], { stdio: 'ignore' });
  writeFileSync(key, execFileSync('gpg', [...gpg, '--armor', '--export-secret-keys']));
  writeFileSync(
    join(distro, 'distro.yaml'),
    `organization: acme
distributions: {d: {platforms: [bookworm], folders: [src], ros_version: 1}}
platforms: {bookworm: {os: debian, release: bookworm, architectures: [amd64]}}
store: file:${join(folder, 'store')}
channels:
  release/*: {from: [nightly], approval: true}
  strict: {count: 100}
`,
  );
  const git = (...args: string[]) =>
    execFileSync('git', ['-c', 'user.name=Acme', '-c', 'user.email=robots@example.org', ...args], { cwd: distro });
  git('init', '-q', '-b', 'main', '.');
  git('add', '.');
  git('commit', '-qm', 'distro');
  store = await openStore(`file:${join(folder, 'store')}`, folder, join(folder, 'state'), undefined);
  const file = await store.put(makeDeb(folder, { name: 'acme-d-tool', version: '1.0' }));
  const suites: Suites = {
    'bookworm-d/amd64': { 'acme-d-tool': { version: '1.0', key: file.sha256, files: [file], abi: '', requires: [] } },
  };
  const moved = await withSigner({ kind: 'keyring', home, keys: ['acme'] }, async (signer) =>
    moveChannel(
      await openChannel(store, 'nightly'),
      { kind: 'publication', suites, tests: {}, stamp: '20260101000000', who: 'me', verdicts: [] },
      {
        store,
        endpoints: [new FolderEndpoint(join(folder, 'apt/nightly/apt'))],
        signer,
        settings: { organization: 'acme', sha512: false, validDays: undefined },
        now: Date.now(),
      },
    ),
  );
  expect(moved.ok).toBe(true);
});
afterAll(() => {
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  rmSync(folder, { recursive: true, force: true });
});

const run = (options: string, build: Record<string, unknown> = {}) =>
  jenkins(folder, `${++count}`, {
    jenkinsfile: `echo("promoted: \${slipwayPromote(${options}, repository: '${join(folder, 'apt')}', signingKey: 'key')}")`,
    credentials: { key: { content: readFileSync(key, 'utf8') } },
    scmUrl: distro,
    scmRef: 'refs/heads/main',
    job: 'distro',
    agents: [{ name: 'one', labels: 'slipway', env: { XDG_STATE_HOME: join(folder, 'agent') } }],
    env: { BRANCH_NAME: 'main', JOB_NAME: 'acme/distro/main' },
    ...build,
  });
const served = (channel: string) => existsSync(join(folder, 'apt', channel, 'apt/dists/bookworm-d/InRelease'));

describe('slipwayPromote', () => {
  it('asks for an approval without holding an agent, and promotes the state that was judged', async () => {
    const b = await run("to: 'release/one', approval: true, submitter: 'releasers'", { approver: 'ada' });
    expect(b.result, `${b.failure}\n${b.log}`).toBe('SUCCESS');
    expect(b.log).toMatch(/^state [0-9a-f]{16} of nightly to release\/one:$/m);
    expect(b.log).toContain('promoted: true');
    expect(served('release/one')).toBe(true);
    const { head } = await openChannel(store, 'release/one');
    expect(head).toMatchObject({ kind: 'promotion', who: 'ada', from: { channel: 'nightly' } });
    expect(head?.verdicts).toContainEqual({ criterion: 'approval', passed: true, reason: 'approved by ada' });
  });

  it('promotes nothing that is refused, or that fails its criteria', async () => {
    const refused = await run("to: 'release/two', approval: true");
    expect(refused.result).not.toBe('SUCCESS');
    expect(served('release/two')).toBe(false);
    const unmet = await run("to: 'strict'");
    expect(unmet.result, `${unmet.failure}\n${unmet.log}`).toBe('SUCCESS');
    expect(unmet.log).toMatch(/count +FAILS/);
    expect(unmet.log).toContain('promoted: false');
    expect(served('strict')).toBe(false);
    const forced = await run("to: 'strict', force: 'the robot show'");
    expect(forced.log).toContain('promoted: true');
    expect((await openChannel(store, 'strict')).head?.forced).toBe('the robot show');
  });

  it('reports what is wrong', async () => {
    expect((await run("from: 'nightly'")).failure).toContain("the option 'to' is required");
    const unknown = await run("from: 'nowhere', to: 'release/one'");
    expect(unknown.failure).toContain("nowhere can't be promoted to release/one");
    expect(unknown.log).toContain('channel-empty');
  });
});
