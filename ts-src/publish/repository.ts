import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import type { StoredFile } from '../model/result.ts';
import { readIf, readJson, writeWhole } from '../io/files.ts';
import { withMutex } from '../io/mutex.ts';
import { run, type Outcome } from '../io/process.ts';
import type { Store } from '../store/store.ts';

/** One suite of the repository: what is in it after publishing, nothing else. */
export interface Suite {
  name: string;
  architectures: string[];
  files: StoredFile[];
}

/**
 * A secret key in a file, with its passphrase: it is held in a keyring of its own while publishing, and nowhere after.
 */
export interface SigningSecret {
  file: string;
  passphrase: string | undefined;
}

interface Published {
  files: string;
  fingerprint: string;
  architectures: string;
}

const isWholeKey = (text: string | undefined): boolean =>
  text?.trimEnd().endsWith('-----END PGP PUBLIC KEY BLOCK-----') ?? false;

/** A signed apt repository in a folder, made by aptly. */
export class Repository {
  private readonly aptly: string;
  /** GnuPG's folder; while publishing a short link to it, for its sockets' names may have 107 characters at most. */
  private home: string;
  private passphraseFile: string | undefined;
  constructor(
    private readonly state: string,
    private readonly store: Store,
    private readonly folder: string,
    private readonly organization: string,
    private readonly key: string | undefined,
    private readonly secret?: SigningSecret,
  ) {
    this.aptly = join(state, 'aptly');
    this.home = key ? (process.env.GNUPGHOME ?? join(process.env.HOME ?? '/root', '.gnupg')) : join(state, 'gnupg');
  }

  private asked = false;
  private gpg = (args: string[]): Promise<Outcome> => {
    this.asked = true;
    return run('gpg', ['--batch', '--yes', '--homedir', this.home, ...args]);
  };

  private failed(what: string, o: Outcome): Result<never> {
    return bad(
      error(
        'signing-key',
        `gpg could not ${what}: ${o.stderr.trim().split('\n').pop() || `it ended with ${o.signal ?? o.code}`}`,
        { hint: o.code === 127 ? 'slipway doctor says what this machine lacks' : 'run the same command again' },
      ),
    );
  }

  /** The signing key's fingerprint: the one that was named, or one made on first use and kept beside the state. */
  private async fingerprint(): Promise<Result<string>> {
    const list = () => this.gpg(['--with-colons', '--list-secret-keys', ...(this.key ? [this.key] : [])]);
    const found = (o: Outcome): string | undefined => /^fpr:+([0-9A-F]+):/m.exec(o.stdout)?.[1];
    const before = await list();
    const there = found(before);
    if (there) return good(there);
    // A gpg that was stopped says no more than one that has no key: a second key must not come of it.
    if (!this.key && before.code !== 0) return this.failed('list its keys', before);
    if (this.key)
      return bad(
        error('signing-key', `the secret key ${this.key} is not in ${this.home}`, {
          hint: 'import it, or leave signing_key out: then a key is made',
        }),
      );
    const made = await this.gpg([
      '--passphrase',
      '',
      '--pinentry-mode',
      'loopback',
      '--quick-generate-key',
      `${this.organization} packages (slipway)`,
      'rsa3072',
      'sign',
      'never',
    ]);
    const fingerprint = made.code === 0 ? found(await list()) : undefined;
    return fingerprint ? good(fingerprint) : this.failed('make a key', made);
  }

  /**
   * Brings the repository to hold just these suites' files (other suites stay as they are). Does nothing where it does
   * already, nor where the store lost files: `lost` are their digests.
   */
  async publish(suites: Suite[]): Promise<Result<{ changed: boolean; keyFile: string; lost: string[] }>> {
    const keyFile = join(this.folder, 'key.asc');
    return withMutex(join(this.state, 'publish.lock'), () =>
      this.withShortHome<{ changed: boolean; keyFile: string; lost: string[] }>(async () => {
        const fingerprint = await this.fingerprint();
        if (!fingerprint.ok) return fingerprint;
        const memory = join(this.folder, 'slipway.json');
        const published = readJson<Record<string, Published>>(memory) ?? {};
        let changed = false;
        // The public key comes first: what is signed can be checked from its first moment.
        if (
          !isWholeKey(readIf(keyFile)) ||
          suites.some((suite) => published[suite.name]?.fingerprint !== fingerprint.value)
        ) {
          const exported = await this.gpg(['--armor', '--export', fingerprint.value]);
          if (exported.code !== 0 || !isWholeKey(exported.stdout))
            return this.failed('export the public key', exported);
          writeWhole(keyFile, exported.stdout);
        }
        const aptlyOrFail = async (...args: string[]): Promise<Outcome> => {
          const o = await run('aptly', [`-config=${join(this.aptly, 'aptly.conf')}`, ...args], {
            env: { ...process.env, GNUPGHOME: this.home },
          });
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
              before.fingerprint === fingerprint.value &&
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
            const gpg = [
              `-gpg-key=${fingerprint.value}`,
              '-batch',
              ...(this.passphraseFile === undefined ? [] : [`-passphrase-file=${this.passphraseFile}`]),
            ];
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
            published[suite.name] = { files, fingerprint: fingerprint.value, architectures };
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

  private async withShortHome<T>(work: () => Promise<Result<T>>): Promise<Result<T>> {
    if (this.secret) return this.withSecret(this.secret, work);
    if (this.key) return work();
    const long = this.home;
    mkdirSync(long, { recursive: true, mode: 0o700 });
    const folder = mkdtempSync(join(tmpdir(), 'slipway-'));
    this.home = join(folder, 'g');
    symlinkSync(long, this.home);
    try {
      return await work();
    } finally {
      if (this.asked) await run('gpgconf', ['--homedir', this.home, '--kill', 'all']);
      this.home = long;
      rmSync(folder, { recursive: true, force: true });
    }
  }

  private async withSecret<T>({ file, passphrase }: SigningSecret, work: () => Promise<Result<T>>): Promise<Result<T>> {
    const folder = mkdtempSync(join(tmpdir(), 'slipway-'));
    try {
      this.home = join(folder, 'g');
      mkdirSync(this.home, { mode: 0o700 });
      if (passphrase !== undefined)
        writeFileSync((this.passphraseFile = join(folder, 'p')), passphrase, { mode: 0o600 });
      const imported = await this.gpg([
        '--pinentry-mode',
        'loopback',
        ...(this.passphraseFile === undefined ? [] : ['--passphrase-file', this.passphraseFile]),
        '--import',
        file,
      ]);
      return imported.code === 0
        ? await work()
        : bad(
            error('signing-key', `gpg can't read the secret key: ${imported.stderr.trim().split('\n').pop()}`, {
              hint: 'gpg --armor --export-secret-keys makes such a file',
            }),
          );
    } finally {
      await run('gpgconf', ['--homedir', this.home, '--kill', 'all']);
      rmSync(folder, { recursive: true, force: true });
    }
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
