import { makeRoom } from '../model/make-room.ts';
import { printable } from '../text/printable.ts';

const telling =
  /(^|[\s:])(fatal )?error[: ]|CMake Error|undefined reference|No rule to make target|Traceback \(most recent|ModuleNotFoundError|ImportError|No such file or directory|slipway: error|cannot find -l|E: |not found/i;
const network =
  /Could not resolve host|Temporary failure in name resolution|Network is unreachable|unable to access '(?:https?|git):\/\/|Name or service not known|Failed to (?:clone|fetch|download)|Couldn't (?:connect to server|resolve host)|Failed to connect to \S+ port|unable to resolve host address|getaddrinfo failed|fatal: clone of|could not find (?:git|hg|svn) for (?:clone|checkout) of/;

/** The relevant part of a build log: from a few lines before the first error, or the end. */
export function tellingPart(log: string, most = 25): string[] {
  const lines = log
    .split('\n')
    .map((l) => printable(l.replace(/\x1b\[[0-9;]*m/g, '')).slice(0, 400))
    .filter((l, i, all) => l.trim() !== '' || all[i - 1]?.trim() !== '');
  const start = Math.max(
    0,
    lines.findLastIndex((l) => l.startsWith('== ')),
  );
  const first = lines.findIndex(
    (l, i) =>
      i > start &&
      telling.test(l) &&
      !/-Werror|no error|_error|error_|errors?\.|warning:/i.test(l.replace(/error:/g, '')),
  );
  const at = first < 0 ? Math.max(0, lines.length - most) : Math.max(start, first - 3);
  return lines.slice(at, at + most).filter((l, i, all) => i < all.length - 1 || l.trim() !== '');
}

export interface Cause {
  cause: string;
  hint?: string;
  /** Names of missing things, which may be packages. */
  missing?: string[];
}

/** The package whose build failed. */
export interface FailedPackage {
  /** Its folder in the root. */
  folder: string;
  /** Whether a name is a package of the distribution that it does not declare. */
  undeclared(name: string): boolean;
}

/** Recognizes a kind of failure in a log, and explains it. The first matching rule applies. */
interface CauseRule {
  pattern: RegExp;
  say(match: RegExpExecArray, log: string, folder: string): Cause;
}

const short = (text = ''): string => printable(text.trim()).slice(0, 300);

/** A path without the folder that all builds have in common. */
const inPackage = (path = ''): string => path.replace(/^\/build\/(?:obj\/)?/, '');

/** A file that CMake names. Relative paths are in the package's folder. */
const byCMake = (path: string, folder: string): string =>
  path.startsWith('/') || folder === '' ? inPackage(path) : `${folder}/${path}`;

const rules: CauseRule[] = [
  {
    // From Slipway's scripts, after the package's code has ended.
    pattern: /^slipway: error: (.+ needs the library \S+, which is in no declared dependency)$/m,
    say: (match) => ({
      cause: short(match[1]),
      hint:
        'the package that has it must be a <depend> or <exec_depend> in package.xml; ' +
        'list libraries of a driver or of the loading program in package_settings (external_libraries)',
    }),
  },
  { pattern: /^slipway: error: (.+)$/m, say: (match) => ({ cause: short(match[1]) }) },
  {
    pattern: network,
    say(match, log) {
      const around = log.slice(Math.max(0, match.index - 2000), match.index + 500);
      const url =
        /(?:https?|git|ssh):\/\/[^\s'"),\]]+/.exec(around)?.[0].replace(/[/.:]+$/, '') ??
        /for (?:clone|checkout) of ([^\s']+?)(?:-populate)?\s/.exec(around)?.[1];
      return {
        cause: `it tried to fetch ${url ? short(url) : 'something'} while building, and builds have no network`,
        hint:
          'let the platform provide it (package_settings, `system: [its Debian packages]`), ' +
          'or give the build what it looks for with build_depends, cmake_args and fetch (docs/ros2.md)',
      };
    },
  },
  {
    pattern:
      /CMake Error at ([^\s:]+):(\d+) \(execute_process\):\n\s+execute_process (?:error|failed)[^\n]*No such file/,
    say: (match, _, folder) => ({
      cause: `${short(byCMake(match[1] ?? '', folder))}:${match[2]}: the program that execute_process starts was not found`,
      hint: 'the package that has it must be a <buildtool_depend> or <build_depend> in package.xml',
    }),
  },
  {
    // CMake warns about missing optional packages; only errors are causes.
    pattern:
      /CMake Error at [^\n]*\n\s+(?:By not providing "Find([A-Za-z0-9_.+-]+)\.cmake"|Could not find a package configuration file provided by\s+"([A-Za-z0-9_.+-]+)"|Could NOT find ([A-Za-z0-9_]+))/,
    say: (match) => ({
      cause: `CMake did not find '${match[1] ?? match[2] ?? match[3]}'`,
      missing: [match[1] ?? match[2] ?? match[3] ?? ''],
      hint:
        'declare the package that has it as a dependency in package.xml, or name it in ' +
        'package_settings (build_depends): only declared dependencies are in the root',
    }),
  },
  {
    pattern:
      /CMake Error at ([^\s:]+):(\d+) \(find_\w+\):\n\s+Could not find (\S+) using the following (\w+): ([^\n]+)/,
    say: (match, _, folder) => ({
      cause:
        `${short(byCMake(match[1] ?? '', folder))}:${match[2]}: CMake did not ` +
        `find ${short(match[5] ?? '')} (for ${match[3]})`,
      missing: (match[5] ?? '').split(/[,\s]+/).map((name) => name.split('/')[0] ?? ''),
      hint: 'the package that has it must be a dependency in package.xml: only declared dependencies are in the root',
    }),
  },
  {
    pattern: /fatal error: ([^:\s]+): No such file or directory/,
    say: (match) => ({
      missing: [match[1]?.split('/')[0] ?? ''],
      cause: `the header ${short(match[1])} was not found`,
      hint: 'the package that has it must be a <build_depend> or <depend> in package.xml, or a <build_export_depend> of what includes it',
    }),
  },
  {
    pattern: /(?:ModuleNotFoundError|ImportError): No module named '?([A-Za-z0-9_.]+)/,
    say: (match) => ({
      cause: `the Python module '${match[1]}' was not found`,
      missing: [match[1]?.split('.')[0] ?? ''],
      hint: 'the package that has it must be a dependency in package.xml',
    }),
  },
  {
    pattern: /No space left on device/,
    say: () => ({
      cause: 'the disk is full',
      hint: `${makeRoom}; if it writes to /tmp, limits.temporary in package_settings gives it more there`,
    }),
  },
  {
    pattern: /Killed signal terminated program|Cannot allocate memory|virtual memory exhausted/,
    say: () => ({ cause: 'the compiler ran out of memory', hint: 'run fewer compilers at once (--jobs)' }),
  },
  {
    pattern: /^(\/[^\s:]+):(\d+)(?::\d+)?: (?:fatal )?error: (.+)$/m,
    say: (match) => ({ cause: `${short(inPackage(match[1]))}:${match[2]}: ${short(match[3])}` }),
  },
  {
    pattern: /cannot find -l([A-Za-z0-9_.+-]+)/,
    say: (match) => ({
      cause: `the linker did not find the library '${match[1]}'`,
      missing: [match[1] ?? ''],
      hint: 'the package that has it must be a dependency in package.xml',
    }),
  },
  {
    pattern: /undefined reference to [`']([^'\n]+)'/,
    say: (match) => ({
      cause: `undefined reference to '${short(match[1])}'`,
      hint: 'a library that defines it is not linked, or was built without it',
    }),
  },
  {
    pattern: /CMake Error at ([^\s:]+):(\d+) \([^)\n]*\):\n((?:[ \t]+\S[^\n]*(?:\n|$))+)(?:\s*\n[ \t]+([^\n]+))?/,
    say(match, _, folder) {
      const [, file = '', line = '', paragraph = '', next = ''] = match;
      // CMake wraps its messages.
      const first = paragraph.replace(/\s+/g, ' ').replaceAll('"/build/', '"').trim();
      const text = first.endsWith(':') ? `${short(first)} ${short(next)}` : short(first);
      return { cause: `${short(byCMake(file, folder))}:${line}: ${text.trim()}` };
    },
  },
  {
    pattern: /CMake Error: The source directory "([^"\n]+)" does not appear to contain (CMakeLists\.txt)/,
    say: (match) => ({
      cause: `there is no ${match[2]} in ${short(inPackage(match[1]))}`,
      hint: 'add and commit it beside package.xml, or correct <build_type> in package.xml',
    }),
  },
  {
    pattern: /^error: can't copy '([^'\n]+)': doesn't exist or not a regular file$/m,
    say: (match) => ({
      cause: `setup.py installs ${short(match[1])}, which does not exist`,
      hint: 'add and commit it (an empty folder or an ignored file is not in git), or take it out of data_files',
    }),
  },
  {
    pattern: /^(?:[^\n:]*: )?(?:\d+: )?([A-Za-z0-9_.+-]+): (?:command )?not found$/m,
    say: (match) => ({
      cause: `the program '${match[1]}' was not found`,
      hint: 'the package that has it must be a <buildtool_depend> or <build_depend> in package.xml',
    }),
  },
  {
    pattern:
      /Traceback \(most recent call last\):\n(?:[ \t][^\n]*\n)+((?:[A-Za-z_][\w.]*(?:Error|Exception|Exit|Warning|Interrupt))(?::[^\n]*)?)/,
    say: (match) => ({ cause: `Python stopped with ${short(match[1])}` }),
  },
  {
    pattern: /No rule to make target '([^'\n]+)', needed by '([^'\n]+)'/,
    say: (match) => ({ cause: `there is no rule to make '${short(match[1])}', which '${short(match[2])}' needs` }),
  },
];

/** The rest of a long line is ignored: patterns would take too much time on it. */
const longestLine = 2000;

/** The known cause of a failure in a build log, and advice. */
export function knownCause(log: string, failed?: FailedPackage): Cause | undefined {
  const plain = log
    .replace(/\x1b\[[0-9;]*[A-Za-z]/g, '')
    .split('\n')
    .map((line) => line.slice(0, longestLine))
    .join('\n');
  for (const { pattern, say } of rules) {
    const match = pattern.exec(plain);
    if (!match) continue;
    const { missing = [], ...cause } = say(match, plain, failed?.folder ?? '');
    const name = failed && missing.find((m) => failed.undeclared(m));
    return name === undefined
      ? cause
      : { ...cause, hint: `'${name}' is a package of this distribution: add <depend>${name}</depend> to package.xml` };
  }
  return undefined;
}
