import { printable } from './diagnostics.ts';

const telling =
  /(^|[\s:])(fatal )?error[: ]|CMake Error|undefined reference|No rule to make target|Traceback \(most recent|ModuleNotFoundError|ImportError|No such file or directory|slipway: error|cannot find -l|E: |not found/i;
const network =
  /Could not resolve host|Temporary failure in name resolution|Network is unreachable|unable to access '(?:https?|git):\/\/|Name or service not known|Failed to (?:clone|fetch|download)|fatal: clone of/;

/** The part of a build's log that tells why it failed: from the first telling line, a few before it; else its end. */
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

/** What the log shows to be the cause, where it is one that we know, and what to do. */
export function knownCause(log: string): { cause: string; hint: string } | undefined {
  const net = network.exec(log);
  if (net) {
    const url = /(?:https?|git|ssh):\/\/[^\s'"),\]]+/
      .exec(log.slice(Math.max(0, net.index - 2000), net.index + 500))?.[0]
      .replace(/[/.:]+$/, '');
    return {
      cause: `it tried to fetch ${url ? printable(url) : 'something'} while building, and the network is off`,
      hint: 'let the platform provide it: package_settings, `system: [its Debian packages]`; or give its build what it looks for by build_depends and cmake_args',
    };
  }
  // CMake says the same of what is optional, as a warning: only what it calls an error is the cause.
  const config =
    /CMake Error at [^\n]*\n\s+(?:By not providing "Find([A-Za-z0-9_.+-]+)\.cmake"|Could not find a package configuration file provided by\s+"([A-Za-z0-9_.+-]+)"|Could NOT find ([A-Za-z0-9_]+))/.exec(
      log,
    );
  if (config)
    return {
      cause: `CMake did not find '${config[1] ?? config[2] ?? config[3]}'`,
      hint: 'what has it must be a dependency in package.xml, or be named in package_settings (build_depends): only declared dependencies are in the root',
    };
  const header = /fatal error: ([^:\s]+): No such file or directory/.exec(log)?.[1];
  if (header)
    return {
      cause: `the header ${printable(header)} is not there`,
      hint: 'the package that has it must be a <build_depend> or <depend> in package.xml, or a <build_export_depend> of what includes it',
    };
  const module = /(?:ModuleNotFoundError|ImportError): No module named '?([A-Za-z0-9_.]+)/.exec(log)?.[1];
  if (module)
    return {
      cause: `the Python module '${module}' is not there`,
      hint: 'the package that has it must be a dependency in package.xml',
    };
  if (/No space left on device/.test(log))
    return { cause: 'the disk is full', hint: 'make room and run the same command again: it goes on where it was' };
  if (/Killed signal terminated program|Cannot allocate memory|virtual memory exhausted/.test(log))
    return { cause: 'the compiler ran out of memory', hint: 'try fewer compilers at once: --jobs' };
  return undefined;
}
