import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readIf, writeWhole } from '../io/files.ts';
import { partsOf } from '../text/cut.ts';
import { fieldOf } from '../text/stanza.ts';
import { sha256 as digestOf } from '../model/digest.ts';
import { isDigest } from '../model/stored.ts';
import type { Base } from './base-system.ts';
import { largestList, listFiles } from './list-files.ts';
import { filePrefix } from './package-mirror.ts';

/** Maximum number of packages in all lists; Debian has 70,000. */
const mostPackages = 2_000_000;
/** Maximum length of what lists tell of one version of a package: more than a hundred archives that differ. */
const mostContent = 16 << 10;

/** What apt decides by, besides names and versions, when it installs a package. */
const decisive = 'Pre-Depends|Depends|Conflicts|Breaks|Replaces|Provides|Essential|Important|Protected|Multi-Arch';
const relations = new RegExp(`^(?:${decisive}):.*(?:\\n[ \\t].*)*`, 'gim');

/**
 * What apt's lists tell of the content of packages. apt itself is not asked: it is a program of the base, and takes a
 * file that it finds among its downloads for the package if the size is right.
 */
export class ListedPackages {
  /** The beginning of a package's file name → its architectures, and digests of the file and of its relations. */
  private constructor(private readonly contents: ReadonlyMap<string, string>) {}

  /**
   * Reads the lists of a base; undefined if they are not there, not plain text, or larger than any archive's. What was
   * read is kept beside them.
   */
  static of(base: Pick<Base, 'lists' | 'folder' | 'archive'>): ListedPackages | undefined {
    const kept = join(base.folder, `listed-${base.archive.slice(0, 16)}`);
    const known = readIf(kept);
    if (known !== undefined) return new ListedPackages(new Map(known.split('\n\n').map(entryOf)));
    const contents = readLists(base.lists);
    if (!contents) return undefined;
    writeWhole(kept, [...contents].map((e) => e.join('\n')).join('\n\n'), { sync: false });
    return new ListedPackages(contents);
  }

  /**
   * What `name=version` does in a root: the digests of its files, and of its relations in the lists, by which apt may
   * install other packages or remove some. Several if archives differ; empty if no list names it.
   */
  contentOf = (pinned: string): string => this.contents.get(filePrefix(pinned)) ?? '';

  /** Whether a file with this name, as apt writes it, and with this SHA-256 is a package of the lists. */
  has(name: string, sha256: string): boolean {
    const [, prefix = '', architecture = ''] = /^([^_]+_[^_]+_)([^_]+)\.deb$/.exec(name) ?? [];
    const wanted = `${architecture} ${sha256} `;
    return (this.contents.get(prefix) ?? '').split('\n').some((own) => own.startsWith(wanted));
  }
}

const entryOf = (text: string): [string, string] => {
  const end = text.indexOf('\n');
  return [text.slice(0, end), text.slice(end + 1)];
};

function readLists(lists: string): Map<string, string> | undefined {
  const files = listFiles(lists);
  if (!files) return undefined;
  const contents = new Map<string, string>();
  let size = 0;
  for (const file of files)
    for (const stanza of partsOf(readFileSync(file, 'latin1'), '\n\n')) {
      const kept = add(stanza, contents);
      size += kept ?? largestList;
      if (contents.size > mostPackages || size >= largestList) return undefined;
    }
  return contents.size ? contents : undefined;
}

/**
 * Adds a package of a list. Returns how many bytes are kept of it at most, since those of all must fit a text;
 * undefined if lists name its version too often.
 */
function add(stanza: string, contents: Map<string, string>): number | undefined {
  const [name, version] = [fieldOf(stanza, 'Package'), fieldOf(stanza, 'Version')];
  const digest = fieldOf(stanza, 'SHA256');
  if (name === undefined || version === undefined || !isDigest(digest)) return 0;
  const prefix = filePrefix(`${name}=${version}`);
  const before = contents.get(prefix);
  const related = digestOf((stanza.match(relations) ?? []).join('\n')).slice(0, 32);
  const own = `${fieldOf(stanza, 'Architecture') ?? ''} ${digest} ${related}`;
  // Copies: parts of a text would keep all of it in memory.
  if (before === undefined) contents.set(copied(prefix), copied(own));
  else if (!before.split('\n').includes(own)) contents.set(prefix, `${before}\n${copied(own)}`);
  return (before?.length ?? 0) < mostContent ? prefix.length + own.length + 3 : undefined;
}

const copied = (text: string): string => Buffer.from(text, 'latin1').toString('latin1');
