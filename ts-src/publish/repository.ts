import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import type { StoredFile } from '../model/result.ts';
import { readIf, readJson, writeWhole } from '../io/files.ts';
import { withMutex } from '../io/mutex.ts';
import { run, type Outcome } from '../io/process.ts';
import type { Store } from '../store/store.ts';
import { isWholeKey, withSigner, type SigningKey } from './signing.ts';

/** One suite of the repository: what is in it after publishing, nothing else. */
export interface Suite {
  name: string;
  architectures: string[];
  files: StoredFile[];
}

interface Published {
  files: string;
  fingerprint: string;
  architectures: string;
}

/** A signed apt repository in a folder, made by aptly. */
export class Repository {
  private readonly aptly: string;
  constructor(
    private readonly state: string,
    private readonly store: Store,
    private readonly folder: string,
    private readonly organization: string,
    private readonly key: SigningKey,
  ) {
    this.aptly = join(state, 'aptly');
  }

  /**
   * Brings the repository to hold just these suites' files (other suites stay as they are). Does nothing where it does
   * already, nor where the store lost files: `lost` are their digests.
   */
  async publish(suites: Suite[]): Promise<Result<{ changed: boolean; keyFile: string; lost: string[] }>> {
    const keyFile = join(this.folder, 'key.asc');
    return withMutex(join(this.state, 'publish.lock'), () =>
      withSigner<{ changed: boolean; keyFile: string; lost: string[] }>(this.key, async (signer) => {
        const fingerprint = signer.fingerprints.join(',');
        const memory = join(this.folder, 'slipway.json');
        const published = readJson<Record<string, Published>>(memory) ?? {};
        let changed = false;
        // The public key comes first: what is signed can be checked from its first moment.
        if (!isWholeKey(readIf(keyFile)) || suites.some((suite) => published[suite.name]?.fingerprint !== fingerprint))
          writeWhole(keyFile, signer.publicKey);
        const aptlyOrFail = async (...args: string[]): Promise<Outcome> => {
          const o = await signer.run('aptly', [`-config=${join(this.aptly, 'aptly.conf')}`, ...args]);
          if (o.code !== 0)
            throw Object.assign(
              new Error(
                `${o.stdout}${o.stderr}`
                  .trim()
                  .split('\n')
                  .filter((l) => l.startsWith('ERROR'))
                  .pop() ?? `aptly ended with ${o.code}: ${o.stderr.trim()}`,
              ),
              { aptly: o.code },
            );
          return o;
        };
        try {
          for (const suite of suites) {
            const files = sha256(JSON.stringify(suite.files.map((f) => [f.name, f.sha256]).sort()));
            const architectures = suite.architectures.join(',');
            const before = published[suite.name];
            if (
              before?.files === files &&
              before.architectures === architectures &&
              before.fingerprint === fingerprint &&
              existsSync(join(this.folder, 'dists', suite.name, 'InRelease'))
            )
              continue;
            changed = true;
            this.configure();
            const incoming = join(this.state, 'incoming', suite.name);
            mkdirSync(incoming, { recursive: true });
            const paths = suite.files.map((f) => join(incoming, f.name));
            const lost = (
              await this.store.many(suite.files, async (f) =>
                (await this.store.place(f, join(incoming, f.name))) ? [] : [f.sha256],
              )
            ).flat();
            if (lost.length) return good({ changed: false, keyFile, lost });
            const local = await run('aptly', [`-config=${join(this.aptly, 'aptly.conf')}`, 'repo', 'show', suite.name]);
            if (local.code === 127)
              return bad(
                error('tool-missing', 'aptly is not installed', {
                  hint: 'slipway doctor says what this machine lacks',
                }),
              );
            if (local.code !== 0)
              await aptlyOrFail('repo', 'create', '-component=main', `-distribution=${suite.name}`, suite.name);
            else await aptlyOrFail('repo', 'remove', suite.name, 'Name (~ .)');
            if (paths.length) await aptlyOrFail('repo', 'add', '-force-replace', suite.name, ...paths);
            // aptly can't give a suite another architecture: it is published anew.
            const isPublished =
              before?.architectures === architectures &&
              existsSync(join(this.folder, 'dists', suite.name)) &&
              (await aptlyOrFail('publish', 'list', '-raw')).stdout.includes(` ${suite.name}\n`);
            const gpg = [`-gpg-key=${signer.fingerprints[0]}`, '-batch'];
            if (isPublished)
              await aptlyOrFail('publish', 'update', '-force-overwrite', ...gpg, suite.name, 'filesystem:out:.');
            else {
              await run('aptly', [
                `-config=${join(this.aptly, 'aptly.conf')}`,
                'publish',
                'drop',
                '-force-drop',
                suite.name,
                'filesystem:out:.',
              ]);
              await aptlyOrFail(
                'publish',
                'repo',
                '-force-overwrite',
                ...gpg,
                '-component=main',
                `-distribution=${suite.name}`,
                `-architectures=${architectures}`,
                `-origin=${this.organization}`,
                `-label=${this.organization}`,
                suite.name,
                'filesystem:out:.',
              );
            }
            published[suite.name] = { files, fingerprint: fingerprint, architectures };
          }
        } catch (e) {
          if ((e as { aptly?: number }).aptly !== undefined) return bad(error('publish-failed', (e as Error).message));
          throw e;
        }
        if (changed) writeWhole(memory, `${JSON.stringify(published, undefined, 1)}\n`);
        return good({ changed, keyFile, lost: [] });
      }),
    );
  }

  private configure(): void {
    mkdirSync(this.aptly, { recursive: true });
    const config = {
      rootDir: this.aptly,
      downloadConcurrency: 4,
      architectures: [],
      gpgDisableSign: false,
      gpgDisableVerify: false,
      gpgProvider: 'gpg',
      dependencyFollowSuggests: false,
      skipContentsPublishing: true,
      FileSystemPublishEndpoints: { out: { rootDir: this.folder, linkMethod: 'copy', verifyMethod: 'md5' } },
    };
    const file = join(this.aptly, 'aptly.conf');
    const text = `${JSON.stringify(config, undefined, 1)}\n`;
    if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text);
    mkdirSync(this.folder, { recursive: true });
  }
}
