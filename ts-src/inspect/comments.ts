/**
 * Removes comments from a source text if that can't change its meaning. Undefined if the language is unknown or in
 * doubt. The remaining text keeps its lines and, except for line ends, its columns, because `__LINE__` and debug
 * information of a header's inline functions end up in dependents.
 */
export function withoutComments(path: string, text: string): string | undefined {
  if (text.length > mostText) return undefined;
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (/\.(h|hh|hpp|hxx|inl|ipp|tpp)$/.test(name)) return withoutC(text);
  if (name.endsWith('.cmake') || name === 'CMakeLists.txt') return withoutCMake(text);
  if (name.endsWith('.py') || /^#![^\n]*\bpython3?\b/.test(text)) return withoutPython(text);
  return undefined;
}

/** Larger texts count with every byte: the regular expression's repeated groups would overflow its stack. */
const mostText = 2 << 20;

// The texts are untrusted, so all work must be linear in their length: no pattern may search for the end of something
// long and then fail.

const isBlank = (c: string | undefined): boolean => c === ' ' || c === '\t';

function trimmedEnd(text: string, trims: (c: string | undefined) => boolean): string {
  let end = text.length;
  while (end > 0 && trims(text[end - 1])) end--;
  return text.slice(0, end);
}

const withoutLastLines = (text: string): string => trimmedEnd(text, (c) => c === '\n');

/** Removes white space at the ends of lines, and empty lines at the end. */
function trimmed(text: string): string {
  const lines = text
    .split('\n')
    .map((line) => trimmedEnd(line, isBlank))
    .join('\n');
  return lines.endsWith('\n') ? `${withoutLastLines(lines)}\n` : lines;
}

/** Whether a backslash at the end of a line continues its comment. */
const continuesComment = (line: string): boolean => {
  const end = trimmedEnd(line, isBlank);
  const comment = end.endsWith('\\') ? end.indexOf('//') : -1;
  return comment >= 0 && comment < end.length - 1;
};

/**
 * C and C++. A comment with code after it on its last line stays, because removing it would move that code's column.
 */
function withoutC(text: string): string | undefined {
  // Comments continued by a backslash are not handled; trigraphs may hide one.
  if (text.includes('\r') || text.includes('??/') || text.split('\n').slice(0, -1).some(continuesComment))
    return undefined;
  const token =
    /\/\/[^\n]*|\/\*[^]*?\*\/|^[ \t]*#[ \t]*include[^\n]*|\b(?:u8|[uUL])?R"([^()\\\s]{0,16})\(|"(?:[^"\\\n]|\\[^])*"|\b[0-9](?:'?[0-9A-Za-z_.])*|'(?:[^'\\\n]|\\[^])*'|\/\*|["']/gm;
  let out = '';
  let at = 0;
  let end = -1;
  for (let m = token.exec(text); m; m = token.exec(text)) {
    const [found, delimiter] = m;
    if (delimiter !== undefined) {
      const close = text.indexOf(`)${delimiter}"`, token.lastIndex);
      if (close < 0) return undefined;
      token.lastIndex = close + delimiter.length + 2;
      continue;
    }
    // An unclosed comment or string, as in the text of an #error.
    if (found === '"' || found === "'" || found === '/*') return undefined;
    const block = found.startsWith('/*');
    if (!block && !found.startsWith('//')) continue;
    if (end < token.lastIndex) end = (text.indexOf('\n', token.lastIndex) + 1 || text.length + 1) - 1;
    if (block && !/^[ \t]*(\/\/|$)/.test(text.slice(token.lastIndex, end))) continue;
    out += text.slice(at, m.index) + (block ? found.replace(/[^\n]+/g, '') : '');
    at = token.lastIndex;
  }
  return trimmed(out + text.slice(at));
}

/** CMake. Comments count if the code uses CMake's variable for the current line. */
function withoutCMake(text: string): string | undefined {
  if (/CMAKE_CURRENT_(LIST|FUNCTION_LIST)_LINE/.test(text) || text.includes('\r')) return undefined;
  const token = /#?\[(=*)\[|#[^\n]*|"(?:[^"\\]|\\[^])*"|\\[^]|"/g;
  let out = '';
  let at = 0;
  for (let m = token.exec(text); m; m = token.exec(text)) {
    const [found, equals] = m;
    if (found === '"') return undefined;
    if (equals !== undefined) {
      // Brackets only begin a bracket argument at the start of an argument.
      if (!found.startsWith('#') && !/[\s(]/.test(text[m.index - 1] ?? ' ')) return undefined;
      const close = text.indexOf(`]${equals}]`, token.lastIndex);
      if (close < 0) return undefined;
      token.lastIndex = close + equals.length + 2;
    }
    if (!found.startsWith('#')) continue;
    out += text.slice(at, m.index);
    at = token.lastIndex;
  }
  return trimmed(out + text.slice(at))
    .replace(/\n{2,}/g, '\n')
    .replace(/^\n+/, '');
}

/** Python: removes comment lines, except those that tell how to read or run the file. */
function withoutPython(text: string): string | undefined {
  if (
    text.includes('\r') ||
    text.includes('\f') ||
    /\b[rR]?[fFtT][rR]?(?:"""|''')/.test(text) ||
    /\b(?:inspect|linecache|traceback|f_lineno|co_firstlineno|__doc__)\b/.test(text)
  )
    return undefined;
  const token =
    /"""(?:[^\\]|\\[^])*?"""|'''(?:[^\\]|\\[^])*?'''|"(?:[^"\\\n]|\\[^])*"|'(?:[^'\\\n]|\\[^])*'|#[^\n]*|\\\n|["']/g;
  let out = '';
  let at = 0;
  const second = text.indexOf('\n') + 1;
  for (let m = token.exec(text); m; m = token.exec(text)) {
    const found = m[0];
    if (found === '"' || found === "'") return undefined;
    if (!found.startsWith('#')) continue;
    const begin = text.lastIndexOf('\n', m.index - 1) + 1;
    const first = begin === 0 || second === begin;
    // What looks like a comment after an f-string may be part of a nested string.
    if (/\b[rR]?[fFtT][rR]?["']/.test(text.slice(begin, m.index))) return undefined;
    if (text.slice(begin, m.index).trim() !== '' || begin < at || (first && /^#!|coding[:=]/.test(found))) continue;
    out += text.slice(at, begin);
    at = Math.min(token.lastIndex + 1, text.length);
  }
  return `${withoutLastLines(out + text.slice(at))}\n`;
}
