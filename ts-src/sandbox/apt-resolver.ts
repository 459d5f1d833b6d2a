import { mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import { isDebianName, isPinnedPackage } from '../model/names.ts';
import { exists, readJson, writeWhole } from '../io/files.ts';
import { withMutex } from '../io/mutex.ts';
import { aptCache, aptEnvironment, type Base } from './base-system.ts';
import type { Driver } from './driver.ts';
import { newScratch } from './scratch.ts';

/** System packages that some names bring onto a base. */
export interface SystemSet {
  /** SHA-256 of the packages, by a space. */
  digest: string;
  /**
   * `name=version`, sorted; text where apt has to be asked anew and can't say. Read when asked for: keys need the
   * digest alone.
   */
  packages(): Promise<string[] | string>;
}

/** What apt said of one base: names, by a space → digest of the set that they bring. */
export type Resolved = Record<string, string>;

const noPackages: SystemSet = { digest: sha256(''), packages: () => Promise.resolve([]) };

interface Layer {
  set: string[];
  parent?: string;
}

const aptOptions = [
  '-o',
  'APT::Sandbox::User=root',
  '-o',
  'APT::Install-Recommends=false',
  '-o',
  'Dpkg::Options::=--force-unsafe-io',
  '-o',
  'Dpkg::Use-Pty=0',
  '-o',
  'Acquire::Retries=3',
  '-o',
  'Dir::Cache::pkgcache=/tmp/pkgcache.bin',
  '-o',
  'Dir::Cache::srcpkgcache=/tmp/srcpkgcache.bin',
  '-q',
];
const copyCaches = 'cp /aptcache/*.bin /tmp/; ';

/**
 * System packages of one base: which versions a set of names takes (apt decides, remembered by the archive's state),
 * and folders that hold them, each upon a smaller one where there is one.
 */
export class AptResolver {
  /** Names → digest of their set; those that apt refuses → its words. */
  private readonly resolved: Map<string, string>;
  private readonly refused = new Map<string, string>();
  private readonly handles = new Map<string, SystemSet>();
  private readonly memory: string;
  private readonly layers = new Map<string, Layer>();
  private pending: { names: string; done: () => void; failed: (e: unknown) => void }[] = [];
  private asking = false;
  private learned = 0;
  private elsewhere: (digest: string) => Promise<string[] | undefined> = () => Promise.resolve(undefined);
  private readonly known = new Set<string>();
  private readonly making = new Map<string, Promise<Result<string[]>>>();

  constructor(
    private readonly driver: Driver,
    private readonly state: string,
    readonly base: Base,
    private readonly proxy: () => Promise<string | undefined>,
    private readonly log: string,
  ) {
    this.memory = join(base.folder, 'answers.json');
    this.resolved = new Map(Object.entries(readJson<Resolved>(this.memory) ?? {}));
  }

  /** What another machine's apt said of the same base and the same lists holds here too; `sets` finds a set of it. */
  learn(resolved: Readonly<Resolved> | undefined, sets: (digest: string) => Promise<string[] | undefined>): void {
    this.elsewhere = sets;
    for (const [names, digest] of Object.entries(resolved ?? {}))
      if (!this.resolved.has(names)) this.resolved.set(names, digest);
    this.learned = this.resolved.size;
  }

  /** All that is known, where it is more than was learned from others. */
  news(): Resolved | undefined {
    return this.resolved.size > this.learned ? Object.fromEntries(this.resolved) : undefined;
  }

  /** What apt would install for these names, sorted; the text of its complaint where it can't. */
  async resolve(names: readonly string[]): Promise<SystemSet | string> {
    if (!names.length) return noPackages;
    const wrong = names.find((name) => !isDebianName(name));
    if (wrong !== undefined) return `${JSON.stringify(wrong)} is no name of a Debian package`;
    const text = names.join(' ');
    if (!this.resolved.has(text)) await this.asked(text);
    return this.refused.get(text) ?? this.handle(text, this.resolved.get(text)!);
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
      readJson<string[]>(this.setFile(this.resolved.get(names)!)) ??
      'its answer could not be kept'
    );
  }

  /** Knows from now on what apt said, sorted; the set is kept at once, so that whoever knows its digest can have it. */
  remember(names: string, set: readonly string[]): void {
    const digest = sha256(set.join(' '));
    if (!exists(this.setFile(digest))) writeWhole(this.setFile(digest), JSON.stringify(set), { sync: false });
    this.resolved.set(names, digest);
  }

  /** Keeps for the next run what is known. */
  save(): void {
    writeWhole(
      this.memory,
      JSON.stringify(Object.fromEntries([...this.resolved].sort(([a], [b]) => (a < b ? -1 : 1)))),
    );
  }

  /** Questions that come together are asked in one entry. */
  private async ask(): Promise<void> {
    let batch: AptResolver['pending'] = [];
    try {
      while (this.pending.length) {
        batch = this.pending;
        this.pending = [];
        const sets = [...new Set(batch.map((b) => b.names))].filter((s) => !this.resolved.has(s));
        if (sets.length) {
          const work = newScratch(this.state);
          writeWhole(join(work, 'sets'), `${sets.join('\n')}\n`);
          const out = await this.driver.enter({
            root: { layers: [this.base.root] },
            network: false,
            user: 'root',
            work,
            env: aptEnvironment(undefined),
            binds: [...this.lists(), { from: join(work, 'sets'), to: '/sets', readOnly: true }],
            command: [
              'sh',
              '-c',
              `${copyCaches}while read -r set; do echo "= $set"; { apt-get ${aptOptions.join(' ')} --simulate install -- $set 2>&1 </dev/null; echo "ended $?"; } | grep -E '^(Inst|E:| |ended)' || :; done < /sets`,
            ],
          });
          let current = '';
          const found = new Map<string, { set: string[]; faults: string[]; whole?: boolean }>();
          for (const line of out.stdout.split('\n')) {
            if (line.startsWith('= ')) found.set((current = line.slice(2)), { set: [], faults: [] });
            else if (line.startsWith('ended ')) found.get(current)!.whole = line === 'ended 0';
            else if (line.startsWith('Inst ')) {
              const m = /^Inst (\S+) (?:\[[^\]]*\] )?\((\S+)/.exec(line);
              if (m) found.get(current)!.set.push(`${m[1]!.replace(/:.*/, '')}=${m[2]}`);
            } else if (line.trim()) found.get(current)?.faults.push(line.trim());
          }
          for (const set of sets) {
            const f = found.get(set);
            // An apt that was stopped has said a part of its answer only.
            if (f?.faults.some((t) => t.startsWith('E:'))) this.refused.set(set, f.faults.join('; '));
            else if (!f?.whole)
              this.refused.set(
                set,
                `apt could not be asked: ${out.stderr.trim().split('\n').pop() || 'it was stopped'}`,
              );
            else this.remember(set, f.set.sort());
          }
          this.save();
        }
        for (const b of batch) b.done();
      }
    } catch (e) {
      for (const b of batch) b.failed(e);
    } finally {
      this.asking = false;
    }
  }

  /** apt's lists, and its caches of them, which it may not rename: `apt` below copies them to where it may. */
  private lists(): { from: string; to: string; readOnly: true }[] {
    return [
      { from: this.base.lists, to: '/var/lib/apt/lists', readOnly: true },
      { from: aptCache(this.base), to: '/aptcache', readOnly: true },
    ];
  }

  /**
   * Folders of a root with this set, topmost first, the base last. Made where it is not there yet. `common`: a part of
   * many sets, which gets a layer of its own below the others, so that it is installed once.
   */
  async root(set: string[], common: readonly string[] = []): Promise<Result<string[]>> {
    if (!set.length) return good([this.base.root]);
    const below = common.length < set.length && common.every((p) => set.includes(p)) ? [...common] : [];
    if (below.length) {
      const made = await this.root(below);
      if (!made.ok) return made;
    }
    const id = sha256(JSON.stringify([this.base.digest, set])).slice(0, 24);
    let making = this.making.get(id);
    if (!making) {
      making = this.make(id, set, below).finally(() => this.making.delete(id));
      this.making.set(id, making);
    }
    return making;
  }

  private all = (): string => join(this.state, this.driver.name === 'docker' ? 'layers-docker' : 'layers');
  private folder = (id: string): string => join(this.all(), id);

  private chain(id: string): string[] | undefined {
    const chain: string[] = [];
    for (let at: string | undefined = id; at; at = this.layers.get(at)!.parent) {
      if (!this.layers.has(at)) {
        const layer = readJson<Layer>(join(this.folder(at), 'layer.json'));
        if (!layer) return undefined;
        this.layers.set(at, layer);
      }
      chain.push(join(this.folder(at), 'root'));
    }
    return [...chain, this.base.root];
  }

  private async make(id: string, set: string[], common: readonly string[]): Promise<Result<string[]>> {
    const there = this.chain(id);
    if (there && (await this.sound(there))) return good(there);
    return withMutex(join(this.all(), `${id}.lock`), async () => {
      const other = this.chain(id);
      if (other && (await this.sound(other))) return good(other);
      let parent = this.nearestBelow(set, common);
      if (parent && !(await this.sound(this.chain(parent.id)!))) parent = undefined;
      const missing = set.filter((s) => !parent?.set.includes(s));
      const fetched = await this.fetch(missing);
      if (!fetched.ok) return fetched;
      const work = newScratch(this.state);
      const keep = join(work, 'kept');
      const lower = parent ? this.chain(parent.id)! : [this.base.root];
      const made = await this.driver.enter({
        root: { layers: lower, keep },
        network: false,
        user: 'root',
        work,
        env: aptEnvironment(undefined),
        log: this.log,
        binds: [...this.lists(), { from: this.archives(), to: '/var/cache/apt/archives' }],
        command: [
          'sh',
          '-ec',
          copyCaches +
            'apt-get "$@"; rm -rf /var/log/apt /var/log/dpkg.log /var/log/alternatives.log /var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old',
          'apt-get',
          ...aptOptions,
          '-o',
          'Debug::NoLocking=1',
          '-y',
          '--no-download',
          '--allow-downgrades',
          'install',
          '--',
          ...missing,
        ],
      });
      if (made.code !== 0)
        return bad(
          error(
            'system-install',
            `apt could not install ${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ` and ${missing.length - 5} more` : ''}`,
            { file: this.log, hint: 'the end of that log tells why' },
          ),
        );
      const layer: Layer = parent ? { set, parent: parent.id } : { set };
      mkdirSync(this.all(), { recursive: true });
      const staged = join(work, 'layer');
      mkdirSync(staged);
      rmSync(join(keep, 'aptcache'), { recursive: true, force: true });
      renameSync(keep, join(staged, 'root'));
      writeWhole(join(staged, 'layer.json'), JSON.stringify(layer));
      if (exists(this.folder(id))) await this.driver.remove(this.folder(id));
      renameSync(staged, this.folder(id));
      this.layers.set(id, layer);
      return good(this.chain(id)!);
    });
  }

  private async sound(chain: string[]): Promise<boolean> {
    for (const folder of chain) if (!this.known.has(folder) && !(await this.driver.ready(folder))) return false;
    for (const folder of chain) this.known.add(folder);
    return true;
  }

  /** The largest set at hand that this one contains, and that contains `common`; of equals the first by name. */
  private nearestBelow(set: string[], common: readonly string[]): (Layer & { id: string }) | undefined {
    const wanted = new Set(set);
    let best: (Layer & { id: string }) | undefined;
    let names: string[] = [];
    try {
      names = readdirSync(this.all())
        .filter((n) => !n.includes('.'))
        .sort();
    } catch {
      /* none yet */
    }
    for (const id of names) {
      const chain = this.chain(id);
      const layer = this.layers.get(id);
      if (
        !chain ||
        !layer ||
        chain.length > 24 ||
        layer.set.length <= (best?.set.length ?? 0) ||
        sha256(JSON.stringify([this.base.digest, layer.set])).slice(0, 24) !== id
      )
        continue;
      if (layer.set.every((s) => wanted.has(s)) && common.every((s) => layer.set.includes(s))) best = { ...layer, id };
    }
    return best;
  }

  private archives(): string {
    const folder = join(this.state, 'archives');
    mkdirSync(join(folder, 'partial'), { recursive: true });
    return folder;
  }

  /** Brings packages into the shared folder of .deb files; apt checks each against the signed lists. */
  async fetch(packages: string[]): Promise<Result<true>> {
    const file = (p: string) => {
      const [name, version] = p.split('=') as [string, string];
      return `${name}_${version.replaceAll(':', '%3a')}_`;
    };
    return withMutex(join(this.state, 'archives.lock'), async () => {
      const held = readdirSync(this.archives());
      const missing = packages.filter((p) => !held.some((h) => h.startsWith(file(p))));
      if (!missing.length) return good(true);
      const work = newScratch(this.state);
      // Beside where they stay, so that each appears there whole.
      const got = await this.driver.enter({
        root: { layers: [this.base.root] },
        network: true,
        user: 'root',
        work,
        env: aptEnvironment(await this.proxy()),
        log: this.log,
        binds: [...this.lists(), { from: this.archives(), to: '/fetched' }],
        command: [
          'sh',
          '-ec',
          copyCaches +
            'new=$(mktemp -d /fetched/.new-XXXXXXXX); trap \'rm -rf "$new"\' EXIT; cd "$new"; apt-get "$@"; mv ./*.deb /fetched/',
          'apt-get',
          ...aptOptions,
          'download',
          '--',
          ...missing,
        ],
      });
      if (got.code === 0) return good(true);
      return bad(
        error(
          'system-fetch',
          `apt could not fetch ${missing.slice(0, 5).join(', ')}${missing.length > 5 ? ` and ${missing.length - 5} more` : ''}`,
          { file: this.log, hint: 'if the archive no longer has these versions, make the base anew with --renew-base' },
        ),
      );
    });
  }

  /** dpkg's status of a root with this set, as text. */
  status(layers: string[]): string | undefined {
    return layers.map((l) => join(l, 'var/lib/dpkg/status')).find(exists);
  }
}
