import { join } from 'node:path';
import { readStart } from '../io/untrusted.ts';
import type { Member } from './members.ts';

/** Python modules below a prefix: `lib/python3.11/site-packages`, `lib/python3/dist-packages`. */
const modules = /^\/(?:local\/)?lib\/python3(?:\.(\d+))?\/(?:site|dist)-packages\//;
const extension = /\.cpython-3(\d+)-[^/]*\.so$/;
const interpreter = /^#!\s*(?:\/usr)?(?:\/local)?\/bin\/(?:env\s+(?:-S\s*)?)?(python\d?(?:\.\d+)?|sh|bash|dash|zsh)\b/;
/** A shell script's call of Python: a word of its own, optionally with a path. */
const called = /(?:^|[^\w.$-])python3?(?:\.\d+)?(?=["'`\s;)]|$)/;
const shellScript = /\.(?:sh|bash|zsh)$/;

/** Larger shell scripts are not searched. */
const longest = 256 << 10;

/**
 * Debian relations on Python for installed files: modules, programs, and shell scripts that call it. Modules in the
 * folder of a minor version need that version.
 */
export function pythonNeeds(stage: string, members: readonly Member[], prefix: string): string[] {
  const minors = new Set<string>();
  let any = false;
  let unversioned = false;
  for (const m of members) {
    if (m.type !== 'file' || !m.path.startsWith(`${prefix}/`)) continue;
    const found = modules.exec(m.path.slice(prefix.length));
    const minor = found?.[1] ?? extension.exec(m.path)?.[1];
    if (minor !== undefined) minors.add(minor);
    if (found) any = true;
    else if (m.mode & 0o111 || shellScript.test(m.path)) {
      const runs = runsPython(join(stage, m.path), shellScript.test(m.path));
      if (runs === 'python') unversioned = true;
      else if (runs) any = true;
    }
  }
  const [minor, ...others] = minors;
  return [
    ...(unversioned ? ['python-is-python3'] : []),
    ...(minor !== undefined && !others.length
      ? [`python3 (<< 3.${Number(minor) + 1})`, `python3 (>= 3.${minor}~)`]
      : []),
    ...(any || minors.size ? ['python3'] : []),
  ];
}

/** The Python interpreter that a script runs, by its name. */
function runsPython(file: string, isShell: boolean): 'python' | 'python3' | undefined {
  const head = readStart(file, isShell ? longest : 128);
  const name = interpreter.exec(head)?.[1];
  if (name?.startsWith('python')) return name === 'python' ? 'python' : 'python3';
  if (name === undefined && !isShell) return undefined;
  const text = isShell ? head : readStart(file, longest);
  return text.split('\n').some((line) => !line.trimStart().startsWith('#') && called.test(line))
    ? 'python3'
    : undefined;
}
