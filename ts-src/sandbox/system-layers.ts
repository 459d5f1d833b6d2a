import { mkdirSync, readdirSync, renameSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { bad, error, good, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import { exists, noteUse, privateFolder, readJson, writeWhole } from '../io/files.ts';
import { checkLeft } from '../io/untrusted.ts';
import { withMutex } from '../io/mutex.ts';
import { aptOptions, copyCaches, listBinds } from './apt-call.ts';
import { aptEnvironment } from './base-system.ts';
import { PackageDownloads, shortList, type LayersRoom } from './package-downloads.ts';
import { enterToInstall, whyEnded } from './install-entry.ts';
import { newScratch } from './scratch.ts';
import { removeTree } from '../io/remove-tree.ts';

const statusFile = 'var/lib/dpkg/status';
const largestStatus = 256 << 20;

interface Layer {
  set: string[];
  parent?: string;
}

/** Layers with sets of system packages over one base, each on top of a smaller one if possible. */
export class SystemLayers {
  private readonly layers = new Map<string, Layer>();
  private readonly known = new Set<string>();
  private readonly making = new Map<string, Promise<Result<string[]>>>();
  readonly downloads: PackageDownloads;

  constructor(private readonly room: LayersRoom) {
    this.downloads = new PackageDownloads(room);
  }

  /**
   * Folders of a root with this set, topmost first, the base last. Makes missing layers. `common`: a subset shared by
   * many sets; it gets its own lower layer, so that it is installed once.
   */
  async root(set: string[], common: readonly string[] = []): Promise<Result<string[]>> {
    if (!set.length) return good([this.room.base.root]);
    const below = common.length < set.length && common.every((p) => set.includes(p)) ? [...common] : [];
    if (below.length) {
      const made = await this.root(below);
      if (!made.ok) return made;
    }
    const id = this.idOf(set);
    let making = this.making.get(id);
    if (!making) {
      making = this.makeMirrored(id, set, below).finally(() => this.making.delete(id));
      this.making.set(id, making);
    }
    return making;
  }

  /**
   * A layer's name says what is in it: the base, and the content of the packages, which archives may differ in. What an
   * untrusted run gives as lists, apt may read otherwise than this program: it installs more, or other files. So all of
   * these lists are in the name, and a trusted run, which has other lists, has other layers.
   */
  private idOf(set: readonly string[]): string {
    const { digest, archive, foreign } = this.room.base;
    const contentOf = (pinned: string): string => this.downloads.listed()?.contentOf(pinned) ?? archive;
    const contents = foreign ? { lists: archive } : set.map(contentOf);
    return sha256(JSON.stringify([digest, set, contents])).slice(0, 24);
  }

  /** An existing layer can be used even if its packages are no longer available for the mirror. */
  private async makeMirrored(id: string, set: string[], below: readonly string[]): Promise<Result<string[]>> {
    const made = await this.make(id, set, below);
    if (made.ok) await this.downloads.mirrored(set);
    return made;
  }

  private all = (): string => join(this.room.state, this.room.driver.name === 'docker' ? 'layers-docker' : 'layers');
  private folder = (id: string): string => join(this.all(), id);

  /** Folders of a layer and all below it; undefined if one is missing. */
  private chain(id: string): string[] | undefined {
    const chain: string[] = [];
    for (let at: string | undefined = id; at;) {
      const layer: Layer | undefined = this.layers.get(at) ?? readJson<Layer>(join(this.folder(at), 'layer.json'));
      if (!layer) return undefined;
      this.layers.set(at, layer);
      chain.push(join(this.folder(at), 'root'));
      at = layer.parent;
    }
    return [...chain, this.room.base.root];
  }

  private async soundChain(id: string): Promise<string[] | undefined> {
    const chain = this.chain(id);
    return chain && (await this.sound(chain)) ? chain : undefined;
  }

  private async make(id: string, set: string[], common: readonly string[]): Promise<Result<string[]>> {
    const there = await this.soundChain(id);
    if (there) return good(there);
    return withMutex(join(this.all(), `${id}.lock`), async () => {
      const other = await this.soundChain(id);
      return other ? good(other) : this.install(id, set, common);
    });
  }

  /** Installs a set on the largest cached layer that is a subset, and stores the difference as a layer. */
  private async install(id: string, set: string[], common: readonly string[]): Promise<Result<string[]>> {
    const nearest = this.nearestBelow(set, common);
    const below = nearest && (await this.soundChain(nearest.id));
    const parent = below && nearest;
    const lower = below ?? [this.room.base.root];
    const missing = set.filter((s) => !parent?.set.includes(s));
    const fetched = await this.downloads.fetch(missing);
    if (!fetched.ok) return fetched;
    const work = newScratch(this.room.state);
    const keep = join(work, 'kept');
    const made = await enterToInstall(this.room.driver, this.room.state, {
      root: { layers: lower, keep },
      network: false,
      user: 'root',
      work,
      env: aptEnvironment(undefined),
      log: this.room.log,
      binds: [
        ...listBinds(this.room.base),
        { from: this.downloads.archives(), to: '/var/cache/apt/archives', readOnly: true },
      ],
      command: [
        'sh',
        '-ec',
        copyCaches +
          'apt-get "$@"; rm -rf /var/log/apt /var/log/dpkg.log /var/log/alternatives.log ' +
          '/var/cache/ldconfig/aux-cache /var/cache/debconf/*-old /var/lib/dpkg/*-old',
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
        error('system-install', `apt could not install ${shortList(missing)}${whyEnded(made)}`, {
          file: this.room.log,
          hint: 'the cause is at the end of that log',
        }),
      );
    await this.keep(id, parent ? { set, parent: parent.id } : { set }, keep, work);
    return good([join(this.folder(id), 'root'), ...lower]);
  }

  /** Moves an installation's result in `kept` to the layer's place. */
  private async keep(id: string, layer: Layer, kept: string, work: string): Promise<void> {
    privateFolder(this.all());
    const staged = join(work, 'layer');
    mkdirSync(staged);
    removeTree(join(kept, 'aptcache'));
    renameSync(kept, join(staged, 'root'));
    writeWhole(join(staged, 'layer.json'), JSON.stringify(layer));
    if (exists(this.folder(id))) await this.room.driver.remove(this.folder(id));
    renameSync(staged, this.folder(id));
    this.layers.set(id, layer);
  }

  private async sound(chain: string[]): Promise<boolean> {
    for (const folder of chain) if (!this.known.has(folder) && !(await this.room.driver.ready(folder))) return false;
    for (const folder of chain) {
      if (!this.known.has(folder) && folder !== this.room.base.root) noteUse(join(dirname(folder), 'layer.json'));
      this.known.add(folder);
    }
    return true;
  }

  /** The largest cached layer that is a subset of this set and contains `common`; among equals the first by name. */
  private nearestBelow(set: string[], common: readonly string[]): (Layer & { id: string }) | undefined {
    const wanted = new Set(set);
    let best: (Layer & { id: string }) | undefined;
    let names: string[] = [];
    try {
      names = readdirSync(this.all())
        .filter((n) => !n.includes('.'))
        .sort();
    } catch {
      /* no layers yet */
    }
    for (const id of names) {
      const chain = this.chain(id);
      const layer = this.layers.get(id);
      if (
        !chain ||
        !layer ||
        chain.length > 24 ||
        layer.set.length <= (best?.set.length ?? 0) ||
        this.idOf(layer.set) !== id
      )
        continue;
      if (layer.set.every((s) => wanted.has(s)) && common.every((s) => layer.set.includes(s))) best = { ...layer, id };
    }
    return best;
  }

  /**
   * The file with dpkg's status of a root with this set. Throws a LeftBehindError if an installed program left a
   * symlink there, which would lead to a file of this machine.
   */
  async status(layers: readonly string[]): Promise<string | undefined> {
    const layer = layers.find((l) => exists(join(l, statusFile)));
    return layer === undefined ? undefined : checkLeft(layer, statusFile, largestStatus);
  }
}
