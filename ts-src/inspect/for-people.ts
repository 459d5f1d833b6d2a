/** Common names of files for people that packages install. */
const textFile =
  /\/share\/[^/]+\/(README|CHANGELOG|CHANGES|HISTORY|NEWS|AUTHORS|CONTRIBUTORS|CONTRIBUTING|CODE_OF_CONDUCT|QUALITY_DECLARATION|LICEN[CS]E|COPYING|NOTICE|TODO)(-[\w.-]+)?(\.(md|rst|txt|html|adoc))?$/i;

/** Folders of documents: below a prefix, and of a package. */
const textFolder = /\/share\/(doc|man|info|licenses)\/|\/share\/[^/]+\/(docs?|licen[cs]es)\//;

/** Names that occur in a package's text. The text is read once for all files. */
export class NamedFiles {
  private readonly words = new Set<string>();
  private readonly everything: boolean;
  /** The text names a folder of documents. */
  private readonly documents: boolean;

  /** Undefined code: too large to be read. Every file then counts as named. */
  constructor(code: string | undefined) {
    for (const [word] of code?.matchAll(/[\w.-]+/g) ?? []) this.words.add(word);
    this.everything = code === undefined;
    this.documents = code === undefined || /\bshare\/\S{0,200}\b(docs?|man|info|licen[cs]es)\b|\bDOCDIR\b/i.test(code);
  }

  /** Whether the text contains a name as a word of its own. Names that can't be words count as contained. */
  has(name: string): boolean {
    return this.everything || this.words.has(name) || !/^[\w.-]+$/.test(name);
  }

  /**
   * Whether a file is for people only: no compiler, CMake, generator or tool of a dependent's build reads it. A file
   * counts like any other if the package's text names it, or a folder of documents.
   */
  isForPeople(path: string): boolean {
    const inFolder = textFolder.test(path);
    if (!inFolder && !textFile.test(path)) return false;
    return !this.has(path.slice(path.lastIndexOf('/') + 1)) && !(inFolder && this.documents);
  }
}

/** Headers of a Python distribution's metadata that programs read. */
const readHeaders =
  /^(Metadata-Version|Name|Version|Requires(-Dist|-Python|-External)?|Provides(-Dist|-Extra)?|Obsoletes(-Dist)?|Dynamic|Platform|Supported-Platform)$/i;

/** The parts of a PKG-INFO or METADATA file that programs read. */
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
