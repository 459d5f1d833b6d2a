// Publishes packages of a folder to a repository like the pipelines, but without builds: for benchmarks, and for tests
// that kill it. `node driver.cjs FOLDER CHANNEL LIST REPOSITORY [contents]`: FOLDER contains `store` and GnuPG's `gpg`;
// LIST is a JSON file of suites with architecture, each a list of packages' paths.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { openEndpoint } from '../../ts-src/publish/endpoints.ts';
import { moveChannel } from '../../ts-src/publish/publication.ts';
import { withSigner } from '../../ts-src/publish/signing.ts';
import { openChannel, restoreChannel } from '../../ts-src/publish/state.ts';
import type { Suites } from '../../ts-src/publish/suites.ts';
import { openStore } from '../../ts-src/store/open-store.ts';

const [folder = '', name = '', list = '', repository = '', contents] = process.argv.slice(2);

async function main(): Promise<number> {
  const store = await openStore(`file:${join(folder, 'store')}`, folder, join(folder, 'state'), undefined);
  const given = JSON.parse(readFileSync(list, 'utf8')) as Record<
    string,
    { sha256: string; size: number; name: string }[]
  >;
  const suites: Suites = {};
  for (const [suite, files] of Object.entries(given)) {
    suites[suite] = Object.fromEntries(
      files.map((file) => {
        const [debian = '', version = ''] = file.name.split('_');
        return [debian, { version, key: file.sha256, files: [file], abi: '', requires: [] }];
      }),
    );
  }
  const endpoint = await openEndpoint(repository, folder);
  const names = [...new Set(Object.keys(suites).map((key) => key.slice(0, key.lastIndexOf('/'))))];
  const channel = await restoreChannel(store, await openChannel(store, name), [endpoint], names);
  const moved = await withSigner({ kind: 'keyring', home: join(folder, 'gpg'), keys: ['acme'] }, (signer) =>
    moveChannel(
      channel,
      { kind: 'publication', suites, tests: {}, stamp: '20260101000000', who: 'test', verdicts: [] },
      {
        store,
        endpoints: [endpoint],
        signer,
        settings: { organization: 'acme', sha512: false, validDays: undefined, contents: contents === 'contents' },
        now: Date.now(),
      },
    ),
  );
  if (!moved.ok) console.error(JSON.stringify(moved.diagnostics));
  else if (moved.value.lost.length) console.error(`lost ${moved.value.lost.length} packages`);
  return moved.ok && !moved.value.lost.length ? 0 : 1;
}

main().then(
  (code) => process.exit(code),
  (e: unknown) => {
    console.error(e);
    process.exit(70);
  },
);
