import { join } from 'node:path';
import { makeFolder } from '../io/files.ts';
import { inTemporary } from '../io/temporary-folder.ts';
import { writeFile } from '../io/write.ts';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { ownIn } from '../model/maps.ts';
import { longestFetch } from '../io/patience.ts';
import { slowly } from '../io/slow.ts';
import { run } from '../io/process.ts';
import { renderSources } from '../render/sources.ts';
import type { Endpoint } from './endpoint.ts';
import { sameFiles } from './raise.ts';
import type { State } from './state.ts';
import type { Suites } from './suites.ts';

/** One package per suite and architecture for the test download, preferably a new one. */
export function samplesOf(
  state: State,
  before: Suites,
): { suite: string; architecture: string; debian: string; version: string }[] {
  return Object.entries(state.suites).flatMap(([key, packages]) => {
    const all = Object.entries(packages);
    const found = all.find(([debian, held]) => !sameFiles(held, ownIn(before[key], debian))) ?? all[0];
    const at = key.lastIndexOf('/');
    return found
      ? [{ suite: key.slice(0, at), architecture: key.slice(at + 1), debian: found[0], version: found[1].version }]
      : [];
  });
}

/**
 * Runs apt isolated from this machine's configuration: updates from an endpoint, and downloads one package per suite
 * and architecture.
 */
export async function checkServed(
  endpoint: Endpoint,
  state: State,
  before: Suites,
  publicKey: string,
): Promise<Result<void>> {
  return inTemporary('apt', async (root) => {
    const samples = samplesOf(state, before);
    for (const folder of ['lists/partial', 'cache/archives/partial', 'etc/sources.list.d', 'got'])
      makeFolder(join(root, folder));
    writeFile(join(root, 'status'), '');
    writeFile(
      join(root, 'etc/sources.list.d/slipway.sources'),
      [...new Set(samples.map((s) => s.suite))]
        .map((suite) => {
          const architectures = samples.filter((s) => s.suite === suite).map((s) => s.architecture);
          const sources = state.sources !== undefined;
          return renderSources({
            uri: endpoint.uri,
            suite,
            architectures,
            keyFile: undefined,
            key: publicKey,
            sources,
          });
        })
        .join('\n'),
    );
    writeFile(join(root, 'apt.conf'), configuration(root, [...new Set(samples.map((s) => s.architecture))]));
    const apt = (args: string[]) =>
      slowly(
        endpoint.where,
        run('apt-get', ['-q', ...args], {
          cwd: join(root, 'got'),
          env: { PATH: process.env.PATH, LC_ALL: 'C', APT_CONFIG: join(root, 'apt.conf') },
          signal: AbortSignal.timeout(longestFetch),
        }),
      );
    const update = await apt(['update']);
    if (update.code !== 0 || /^W:/m.test(update.stderr)) return refused(endpoint, 'update from', update.stderr);
    for (const s of samples) {
      const got = await apt(['download', `${s.debian}:${s.architecture}=${s.version}`]);
      if (got.code !== 0)
        return refused(endpoint, `download ${s.debian} ${s.version} (${s.architecture}) from`, got.stderr);
      if (!state.sources || !state.suites[`${s.suite}/${s.architecture}`]?.[s.debian]?.sources) continue;
      const source = await apt(['source', '--download-only', `${s.debian}=${s.version}`]);
      if (source.code !== 0)
        return refused(endpoint, `download the source of ${s.debian} ${s.version} from`, source.stderr);
    }
    return good(undefined);
  });
}

const configuration = (root: string, architectures: readonly string[]): string =>
  [
    `Dir::Etc "${root}/etc";`,
    `Dir::State "${root}";`,
    `Dir::State::status "${root}/status";`,
    `Dir::State::lists "${root}/lists";`,
    `Dir::Cache "${root}/cache";`,
    'Dir::Etc::parts "/dev/null";',
    'Dir::Etc::sourcelist "/dev/null";',
    'APT::Sandbox::User "";',
    'APT::Update::Error-Mode "any";',
    'Acquire::Languages "none";',
    'Acquire::Retries "3";',
    `APT::Architecture "${architectures[0] ?? 'amd64'}";`,
    `APT::Architectures { ${architectures.map((a) => `"${a}";`).join(' ')} };`,
    '',
  ].join('\n');

const refused = (endpoint: Endpoint, what: string, said: string): Result<never> =>
  bad(
    error(
      'served-wrong',
      `apt can't ${what} ${endpoint.where}: ${
        said
          .trim()
          .split('\n')
          .filter((l) => /^[EW]:/.test(l))
          .slice(0, 3)
          .join(' ') || said.trim().slice(-300)
      }`,
      { hint: 'the channel serves its former state again; check whether a cache keeps old files' },
    ),
  );
