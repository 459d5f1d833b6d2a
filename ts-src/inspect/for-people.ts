/** Texts about a package, by the names that they have everywhere, where a package installs them. */
const textFile =
  /\/share\/[^/]+\/(README|CHANGELOG|CHANGES|HISTORY|NEWS|AUTHORS|CONTRIBUTORS|CONTRIBUTING|CODE_OF_CONDUCT|QUALITY_DECLARATION|LICEN[CS]E|COPYING|NOTICE|TODO)(-[\w.-]+)?(\.(md|rst|txt|html|adoc))?$/i;

/** Folders of documents: below a prefix, and of a package. */
const textFolder = /\/share\/(doc|man|info|licenses)\/|\/share\/[^/]+\/(docs?|licen[cs]es)\//;

/**
 * Whether a file is for people alone: no compiler, no CMake, no generator and no tool of a dependent's build reads it.
 * `code`: all of the package's text that builds read. Where that names the file, or a folder of documents, it counts
 * like any other file.
 */
export function isForPeople(path: string, code: string): boolean {
  const inFolder = textFolder.test(path);
  if (!inFolder && !textFile.test(path)) return false;
  if (containsName(code, path.slice(path.lastIndexOf('/') + 1))) return false;
  return !inFolder || !/\bshare\/\S*\b(docs?|man|info|licen[cs]es)\b|\bDOCDIR\b/i.test(code);
}

/** Whether a text has a name as a word of its own. */
export const containsName = (text: string, name: string): boolean => {
  for (let at = text.indexOf(name); at >= 0; at = text.indexOf(name, at + 1)) {
    if (!/[\w.-]/.test(text[at - 1] ?? ' ') && !/[\w.-]/.test(text[at + name.length] ?? ' ')) return true;
  }
  return false;
};

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
