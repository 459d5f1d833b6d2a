import { shortened } from '../text/cut.ts';
import { bad, error, good, nearest, warning, type Result, Faults } from '../model/diagnostics.ts';
import { longestName } from '../model/names.ts';
import type { Repository } from '../model/rosdistro.ts';
import { LocatedRepository, misspeltKeys, sourceEntry } from './source-entry.ts';
import { Locator, asMap, parseYaml } from './yaml.ts';

/** Advice for a file without a map of repositories. */
function formHint(value: unknown): string {
  if (Array.isArray(value)) return 'this is a list, as of .rosinstall: `vcs import` and `vcs export` write the map';
  const near = nearest('repositories', Object.keys(asMap(value) ?? {}));
  if (near === 'repositories') return 'indent its entries below it';
  return near === undefined
    ? 'write `repositories:` in the first line, and indent the entries below it'
    : `write 'repositories' for '${near}'`;
}

/** Parses a .repos file of vcstool. */
export function parseRepos(text: string, file: string): Result<Repository[]> {
  const parsed = parseYaml(text, file, { whenEmpty: 'write `repositories:` and its entries' });
  if (!parsed.ok) return parsed;
  const locator = new Locator(text);
  const top = asMap(parsed.value);
  const root = top && Object.hasOwn(top, 'repositories') && top.repositories === null ? {} : asMap(top?.repositories);
  if (!root)
    return bad(
      error('repos-invalid', "a .repos file must have a map 'repositories'", {
        file,
        line: 1,
        hint: formHint(parsed.value),
      }),
    );
  const faults = new Faults(file);
  for (const key of Object.keys(top ?? {}))
    if (key !== 'repositories')
      faults.add([
        warning('repos-invalid', `unknown key '${key}' is ignored`, {
          file,
          line: locator.line([key]),
          hint: 'list each file in `repos` of distro.yaml',
        }),
      ]);
  const repositories: Repository[] = [];
  for (const [written, raw] of Object.entries(root)) {
    // vcstool treats the name as a path.
    const path = written.replace(/^(\.\/)+/, '').replace(/\/+$/, '');
    const fault = (message: string, key?: string, hint?: string) =>
      faults.add([
        error('repos-invalid', `'${shortened(path, 60)}': ${message}`, {
          file,
          line: locator.line(key ? ['repositories', written, key] : ['repositories', written]),
          hint,
        }),
      ]);
    const entry = asMap(raw);
    if (path.length > longestName) fault(`the path is longer than ${longestName} letters`);
    else if (!/^[A-Za-z0-9][A-Za-z0-9._+-]*(\/[A-Za-z0-9][A-Za-z0-9._+-]*)*$/.test(path))
      fault('the path is not allowed', undefined, 'letters, digits, ".", "_", "+", "-" and "/"');
    else if (!entry) fault('must be a map');
    else {
      faults.add(misspeltKeys(entry, (key) => ({ file, line: locator.line(['repositories', written, key]) })));
      const source = sourceEntry(entry, fault, () => locator.scalar(['repositories', written, 'version']));
      const repository: Repository = new LocatedRepository(path, file, () => locator.line(['repositories', written]));
      if (source) {
        repository.source = source;
        repositories.push(repository);
      }
    }
  }
  return good(repositories, faults.all());
}
