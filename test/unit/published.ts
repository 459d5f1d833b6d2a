import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll } from 'vitest';
import type { Endpoint } from '../../ts-src/publish/endpoint.ts';
import { moveChannel, type Draft } from '../../ts-src/publish/publication.ts';
import { withSigner, type SigningKey } from '../../ts-src/publish/signing.ts';
import { openChannel, restoreChannel } from '../../ts-src/publish/state.ts';
import type { Suites } from '../../ts-src/publish/suites.ts';
import { openStore } from '../../ts-src/store/open-store.ts';
import type { Store } from '../../ts-src/store/store.ts';
import { makeDeb, type MadeDeb } from '../e2e/apt-client.ts';

/** Packages, a store, a signing key, and a channel in a folder, for one test file. */

export const folder = mkdtempSync(join(tmpdir(), 'slipway-publish-'));

afterAll(() => {
  execFileSync('gpgconf', ['--homedir', home, '--kill', 'all']);
  rmSync(folder, { recursive: true, force: true });
});

const home = join(folder, 'gpg');

export const key: SigningKey = { kind: 'keyring', home, keys: ['acme'] };

export let store: Store;

beforeAll(async () => {
  mkdirSync(home, { mode: 0o700 });
  const options = ['--batch', '--homedir', home, '--pinentry-mode', 'loopback', '--passphrase', ''];
  execFileSync('gpg', [...options, '--quick-generate-key', 'acme', 'rsa2048', 'sign', 'never'], { stdio: 'ignore' });
  store = await openStore('file:store', folder, join(folder, 'state'), undefined);
});

/** Suites of packages, which are put into the store. */
export async function suitesOf(debs: MadeDeb[]): Promise<Suites> {
  const suites: Suites = {};
  for (const deb of debs) {
    const file = await store.put(makeDeb(folder, deb));
    (suites[`bookworm-d/${deb.architecture ?? 'amd64'}`] ??= {})[deb.name] = {
      version: deb.version,
      key: file.sha256,
      files: [file],
      abi: `${deb.name}-abi`,
      requires: [],
    };
  }
  return suites;
}

export const draftOf = (suites: Suites): Draft => ({
  kind: 'publication',
  suites,
  tests: {},
  stamp: '20260101000000',
  who: 'me',
  verdicts: [],
});

export async function publish(name: string, suites: Suites, endpoint: Endpoint, now = Date.now(), contents = false) {
  const channel = await restoreChannel(store, await openChannel(store, name, true), [endpoint], ['bookworm-d']);
  return withSigner(key, (signer) =>
    moveChannel(channel, draftOf(suites), {
      store,
      endpoints: [endpoint],
      signer,
      settings: { organization: 'acme', sha512: true, validDays: undefined, contents },
      now,
    }),
  );
}

export const sources = (at: string, suite: string) =>
  `Types: deb\nURIs: file://${at}\nSuites: ${suite}\nComponents: main\nSigned-By: ${at}/key.asc\n`;
