import { linesOf, shortened } from '../text/cut.ts';
import { join } from 'node:path';
import { sha256 } from '../model/digest.ts';
import { isDebianName, isPinnedPackage } from '../model/names.ts';
import { isDigest } from '../model/stored.ts';
import { exists, readJson, writeWhole } from '../io/files.ts';
import { aptOptions, copyCaches, listBinds } from './apt-call.ts';
import { aptEnvironment, type Base } from './base-system.ts';
import type { Driver } from './driver.ts';
import { enterToInstall } from './install-entry.ts';
import { newScratch } from './scratch.ts';
import { reasonOf } from '../io/process.ts';

/** The system packages that some names add to a base. */
export interface SystemSet {
  /** SHA-256 of the packages, joined by spaces. */
  digest: string;
  /**
   * The packages as `name=version`, sorted; a message if apt must be asked again and fails. Loaded on demand, since
   * keys need only the digest.
   */
  packages(): Promise<string[] | string>;
}

/** apt's answers for one base: names joined by spaces → digest of their set. */
export type Resolved = Record<string, string>;

const noPackages: SystemSet = { digest: sha256(''), packages: () => Promise.resolve([]) };

/** Resolves names to versions of system packages on one base. apt decides; its answers are cached with the base. */
export class AptResolver {
  /** Names → digest of their set; refused names → apt's message. */
  private readonly resolved: Map<string, string>;
  private readonly refused = new Map<string, string>();
  private readonly handles = new Map<string, SystemSet>();
  private readonly memory: string;
  private pending: { names: string; done: () => void; failed: (e: unknown) => void }[] = [];
  private asking = false;
  private learned = 0;
  private elsewhere: (digest: string) => Promise<string[] | undefined> = () => Promise.resolve(undefined);

  constructor(
    private readonly driver: Driver,
    private readonly state: string,
    readonly base: Base,
  ) {
    this.memory = join(base.folder, 'answers.json');
    this.resolved = new Map(Object.entries(readJson<Resolved>(this.memory) ?? {}));
  }

  /** Adds answers of another machine's apt for the same base and lists. `sets` loads a set by digest. */
  learn(resolved: Readonly<Resolved> | undefined, sets: (digest: string) => Promise<string[] | undefined>): void {
    this.elsewhere = sets;
    for (const [names, digest] of Object.entries(resolved ?? {}))
      if (!this.resolved.has(names) && isDigest(digest)) this.resolved.set(names, digest);
    this.learned = this.resolved.size;
  }

  /** All answers, if there are more than were learned from others. */
  news(): Resolved | undefined {
    return this.resolved.size > this.learned ? Object.fromEntries(this.resolved) : undefined;
  }

  /** The packages that apt would install for these names; apt's message if it can't. */
  async resolve(names: readonly string[]): Promise<SystemSet | string> {
    if (!names.length) return noPackages;
    const wrong = names.find((name) => !isDebianName(name));
    if (wrong !== undefined) return `${JSON.stringify(wrong)} is no name of a Debian package`;
    const text = names.join(' ');
    if (!this.resolved.has(text)) await this.asked(text);
    return this.refused.get(text) ?? this.handle(text, this.digestOf(text));
  }

  private asked(names: string): Promise<void> {
    return new Promise((done, failed) => {
      this.pending.push({ names, done, failed });
      if (!this.asking) {
        this.asking = true;
        void this.ask();
      }
    });
  }

  /** The digest of a set that apt resolved. */
  private digestOf(names: string): string {
    const digest = this.resolved.get(names);
    if (digest === undefined) throw new Error(`apt was not asked for ${names}`);
    return digest;
  }

  private handle(names: string, digest: string): SystemSet {
    let handle = this.handles.get(digest);
    if (!handle) this.handles.set(digest, (handle = { digest, packages: () => this.packagesOf(names, digest) }));
    return handle;
  }

  private setFile = (digest: string): string => join(this.base.folder, 'sets', `${digest}.json`);

  private async packagesOf(names: string, digest: string): Promise<string[] | string> {
    const sound = (set: unknown): set is string[] =>
      Array.isArray(set) &&
      set.every((p) => typeof p === 'string' && isPinnedPackage(p)) &&
      sha256(set.join(' ')) === digest;
    const here = readJson<string[]>(this.setFile(digest));
    if (sound(here)) return here;
    const there = await this.elsewhere(digest);
    if (sound(there)) {
      writeWhole(this.setFile(digest), JSON.stringify(there), { sync: false });
      return there;
    }
    this.resolved.delete(names);
    await this.asked(names);
    return (
      this.refused.get(names) ??
      readJson<string[]>(this.setFile(this.digestOf(names))) ??
      'its answer could not be kept'
    );
  }

  /** Records an answer of apt. Saves the set at once, since others may use its digest. */
  remember(names: string, set: readonly string[]): void {
    const digest = sha256(set.join(' '));
    if (!exists(this.setFile(digest))) writeWhole(this.setFile(digest), JSON.stringify(set), { sync: false });
    this.resolved.set(names, digest);
  }

  /** Saves the answers for the next run. */
  save(): void {
    writeWhole(
      this.memory,
      JSON.stringify(Object.fromEntries([...this.resolved].sort(([a], [b]) => (a < b ? -1 : 1)))),
    );
  }

  /** Answers all pending questions in one entry. */
  private async ask(): Promise<void> {
    let batch: AptResolver['pending'] = [];
    try {
      while (this.pending.length) {
        batch = this.pending;
        this.pending = [];
        const sets = [...new Set(batch.map((b) => b.names))].filter((s) => !this.resolved.has(s));
        if (sets.length) await this.askFor(sets);
        for (const b of batch) b.done();
      }
    } catch (e) {
      for (const b of batch) b.failed(e);
    } finally {
      this.asking = false;
    }
  }

  private async askFor(sets: readonly string[]): Promise<void> {
    const work = newScratch(this.state);
    writeWhole(join(work, 'sets'), `${sets.join('\n')}\n`);
    const out = await enterToInstall(this.driver, this.state, {
      root: { layers: [this.base.root] },
      network: false,
      user: 'root',
      work,
      env: aptEnvironment(undefined),
      binds: [...listBinds(this.base), { from: join(work, 'sets'), to: '/sets', readOnly: true }],
      command: [
        'sh',
        '-c',
        `${copyCaches}while read -r set; do echo "= $set"; { apt-get ${aptOptions.join(' ')} --simulate install -- $set 2>&1 </dev/null; echo "ended $?"; } | grep -E '^(Inst|E:| |ended)' || :; done < /sets`,
      ],
    });
    const answers = readAnswers(out.stdout, new Set(sets));
    for (const set of sets) {
      const answer = answers.get(set);
      // An interrupted apt has given only part of its answer.
      if (answer?.faults.some((t) => t.startsWith('E:')))
        this.refused.set(
          set,
          answer.faults
            .slice(0, 20)
            .map((t) => shortened(t, 500))
            .join('; '),
        );
      else if (answer?.whole && answer.packages.every(isPinnedPackage)) this.remember(set, answer.packages.sort());
      else this.refused.set(set, `apt could not be asked: ${reasonOf(out)}`);
    }
    this.save();
  }
}

/** apt's answer for one set of names. */
interface Answer {
  packages: string[];
  faults: string[];
  whole: boolean;
}

/** Most lines of the answers for all sets; the largest distributions have a tenth. */
const mostLines = 5_000_000;

/** Parses apt's output: `= NAMES`, apt's lines, and `ended CODE`, for each set. */
function readAnswers(text: string, sets: ReadonlySet<string>): Map<string, Answer> {
  const answers = new Map<string, Answer>();
  let current: Answer | undefined;
  let count = 0;
  for (const line of linesOf(text)) {
    if (++count > mostLines) return new Map();
    if (line.startsWith('= ') && sets.has(line.slice(2)))
      answers.set(line.slice(2), (current = { packages: [], faults: [], whole: false }));
    else if (line.startsWith('ended ') && current) current.whole = line === 'ended 0';
    else if (line.startsWith('Inst ')) {
      const [, name, version] = /^Inst (\S+) (?:\[[^\]]*\] )?\((\S+)/.exec(line) ?? [];
      if (name !== undefined) current?.packages.push(`${name.replace(/:.*/, '')}=${version}`);
    } else if (line.trim()) current?.faults.push(line.trim());
  }
  return answers;
}
