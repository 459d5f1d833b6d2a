/**
 * A source text less what its language takes for comments, where that can't change what comes of it: undefined where
 * the language is not known, or where this is in doubt. What remains keeps its line and, but for what ends a line, its
 * column: `__LINE__` and debug information of a header's inline functions are part of what a dependent becomes.
 */
export function withoutComments(path: string, text: string): string | undefined {
  const name = path.slice(path.lastIndexOf('/') + 1);
  if (/\.(h|hh|hpp|hxx|inl|ipp|tpp)$/.test(name)) return withoutC(text);
  if (name.endsWith('.cmake') || name === 'CMakeLists.txt') return withoutCMake(text);
  if (name.endsWith('.py') || /^#![^\n]*\bpython3?\b/.test(text)) return withoutPython(text);
  return undefined;
}

/** Lines without white space at their end, the text without empty lines at its end. */
const trimmed = (lines: string): string => lines.replace(/[ \t]+(?=\n|$)/g, '').replace(/\n+$/, '\n');

/** C and C++. A comment that code follows on its last line stays: it moves that code's column. */
function withoutC(text: string): string | undefined {
  // A comment that goes on behind a backslash is not taken apart; trigraphs may hide one.
  if (text.includes('\r') || text.includes('??/') || /\/\/[^\n]*\\[ \t]*\n/.test(text)) return undefined;
  const token =
    /\/\/[^\n]*|\/\*[^]*?\*\/|^[ \t]*#[ \t]*include[^\n]*|\b(?:u8|[uUL])?R"([^()\\\s]{0,16})\(|"(?:[^"\\\n]|\\[^])*"|\b[0-9](?:'?[0-9A-Za-z_.])*|'(?:[^'\\\n]|\\[^])*'|\/\*|["']/gm;
  let out = '';
  let at = 0;
  for (let m = token.exec(text); m; m = token.exec(text)) {
    const [found, delimiter] = m;
    if (delimiter !== undefined) {
      const close = text.indexOf(`)${delimiter}"`, token.lastIndex);
      if (close < 0) return undefined;
      token.lastIndex = close + delimiter.length + 2;
      continue;
    }
    // Something open: in text that is no code, as of an #error.
    if (found === '"' || found === "'" || found === '/*') return undefined;
    const block = found.startsWith('/*');
    if (!block && !found.startsWith('//')) continue;
    const end = text.indexOf('\n', token.lastIndex);
    if (block && !/^[ \t]*(\/\/|$)/.test(text.slice(token.lastIndex, end < 0 ? text.length : end))) continue;
    out += text.slice(at, m.index) + (block ? found.replace(/[^\n]+/g, '') : '');
    at = token.lastIndex;
  }
  return trimmed(out + text.slice(at));
}

/** CMake. The language itself has a variable for the line that is run: where that is used, comments count. */
function withoutCMake(text: string): string | undefined {
  if (/CMAKE_CURRENT_(LIST|FUNCTION_LIST)_LINE/.test(text) || text.includes('\r')) return undefined;
  const token = /#?\[(=*)\[|#[^\n]*|"(?:[^"\\]|\\[^])*"|\\[^]|"/g;
  let out = '';
  let at = 0;
  for (let m = token.exec(text); m; m = token.exec(text)) {
    const [found, equals] = m;
    if (found === '"') return undefined;
    if (equals !== undefined) {
      // Not at the beginning of an argument it is none of these brackets.
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

/** Python: lines that are a comment alone, but those that say how to read or to run the file. */
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
  for (let m = token.exec(text); m; m = token.exec(text)) {
    const found = m[0];
    if (found === '"' || found === "'") return undefined;
    if (!found.startsWith('#')) continue;
    const begin = text.lastIndexOf('\n', m.index - 1) + 1;
    const first = begin === 0 || text.indexOf('\n') + 1 === begin;
    // What seems a comment behind an f-string may be in a string that is nested in it.
    if (/\b[rR]?[fFtT][rR]?["']/.test(text.slice(begin, m.index))) return undefined;
    if (text.slice(begin, m.index).trim() !== '' || begin < at || (first && /^#!|coding[:=]/.test(found))) continue;
    out += text.slice(at, begin);
    at = Math.min(token.lastIndex + 1, text.length);
  }
  return (out + text.slice(at)).replace(/\n*$/, '\n');
}
