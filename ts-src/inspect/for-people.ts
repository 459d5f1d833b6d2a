/** Texts about a package, by the names that they have everywhere, where a package installs them. */
const textFile =
  /\/share\/[^/]+\/(README|CHANGELOG|CHANGES|HISTORY|NEWS|AUTHORS|CONTRIBUTORS|CONTRIBUTING|CODE_OF_CONDUCT|QUALITY_DECLARATION|LICEN[CS]E|COPYING|NOTICE|TODO)(-[\w.-]+)?(\.(md|rst|txt|html|adoc))?$/i;

/** Folders of documents: below a prefix, and of a package. */
const textFolder = /\/share\/(doc|man|info|licenses)\/|\/share\/[^/]+\/(docs?|licen[cs]es)\//;

/** What a package's text names: read once, however many files are asked for. */
export class NamedFiles {
  private readonly words = new Set<string>();
  private readonly everything: boolean;
  /** A folder of documents is named. */
  private readonly documents: boolean;

  /** Undefined: there is too much of it to be read. Then every file counts as named. */
  constructor(code: string | undefined) {
    for (const [word] of code?.matchAll(/[\w.-]+/g) ?? []) this.words.add(word);
    this.everything = code === undefined;
    this.documents = code === undefined || /\bshare\/\S{0,200}\b(docs?|man|info|licen[cs]es)\b|\bDOCDIR\b/i.test(code);
  }

  /** Whether a name is there as a word of its own. One that no word can be counts as named. */
  has(name: string): boolean {
    return this.everything || this.words.has(name) || !/^[\w.-]+$/.test(name);
  }

  /**
   * Whether a file is for people alone: no compiler, no CMake, no generator and no tool of a dependent's build reads
   * it. Where the package's text names the file, or a folder of documents, it counts like any other file.
   */
  isForPeople(path: string): boolean {
    const inFolder = textFolder.test(path);
    if (!inFolder && !textFile.test(path)) return false;
    return !this.has(path.slice(path.lastIndexOf('/') + 1)) && !(inFolder && this.documents);
  }
}

/**
 * Headers of a Python distribution's metadata that programs read; the others, and the text below them, are for people.
 */
const readHeaders =
  /^(Metadata-Version|Name|Version|Requires(-Dist|-Python|-External)?|Provides(-Dist|-Extra)?|Obsoletes(-Dist)?|Dynamic|Platform|Supported-Platform)$/i;

/** What programs read of a PKG-INFO or METADATA file. */
export function visibleMetadata(text: string): string {
  const lines: string[] = [];
  let kept = false;
  for (const line of text.split('\n')) {
    if (line === '') break;
    if (!/^[ \t]/.test(line)) kept = readHeaders.test(line.slice(0, Math.max(0, line.indexOf(':'))));
    if (kept) lines.push(line);
  }
  return lines.join('\n');
}
