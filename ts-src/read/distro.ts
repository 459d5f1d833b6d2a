import { append } from '../model/lists.ts';
import { ownIn } from '../model/maps.ts';
import { bad, error, good, nearest, type Diagnostic, type Result, mostFaults } from '../model/diagnostics.ts';
import { nearRelease } from '../model/releases.ts';
import { distroSchema, type Distro } from '../model/distro.ts';
import { valueFaults } from './distro-values.ts';
import { installPrefix, prefixFault } from '../model/names.ts';
import { imageReferences } from './distro-images.ts';
import { Locator, parseYaml } from './yaml.ts';

/** Size limit of the distro file in bytes. */
const largest = 4 << 20;

const mostEntries = 50_000;

/** Whether a value contains at most `most` values, including itself. Aliases count for each use. */
function hasAtMost(value: unknown, most: number): boolean {
  const stack = [value];
  for (let count = 1; stack.length; count++) {
    if (count > most) return false;
    const at = stack.pop();
    if (typeof at !== 'object' || at === null) continue;
    const inner: unknown[] = Object.values(at);
    if (inner.length > most) return false;
    append(stack, inner);
  }
  return true;
}

/** Paths of `__proto__` keys: schemas ignore them, so their content would be dropped silently. */
function unseenKeys(value: unknown, path: readonly string[] = []): string[][] {
  if (typeof value !== 'object' || value === null || path.length > 20) return [];
  return Object.entries(value).flatMap(([key, inner]) => [
    ...(key === '__proto__' ? [[...path, key]] : []),
    ...unseenKeys(inner, [...path, key]),
  ]);
}

/** Parses distro.yaml: validates the schema, then the references between its parts; collects all faults. */
export function parseDistro(text: string, file: string): Result<Distro> {
  const parsed = parseYaml(text, file, { most: largest, whenEmpty: '`slipway init FOLDER` writes one to begin with' });
  if (!parsed.ok) return parsed;
  if (!hasAtMost(parsed.value, mostEntries))
    return bad(error('yaml-invalid', `the file has more than ${mostEntries} entries`, { file }));
  const locator = new Locator(text);
  const unseen = unseenKeys(parsed.value).slice(0, mostFaults);
  if (unseen.length)
    return bad(
      unseen.map((path) =>
        error('distro-invalid', `the name '__proto__' in ${path.slice(0, -1).join('.') || 'the file'} is not allowed`, {
          file,
          line: locator.line(path),
          hint: 'choose another name',
        }),
      ),
    );
  const checked = distroSchema.safeParse(parsed.value ?? {});
  if (!checked.success)
    return bad(valueFaults(checked.error.issues.slice(0, mostFaults), { root: parsed.value, locator, file }));
  const diagnostics = [...references(checked.data, locator, file), ...imageReferences(checked.data, locator, file)];
  return diagnostics.length ? bad(diagnostics) : good(checked.data);
}

function references(distro: Distro, locator: Locator, file: string): Diagnostic[] {
  const diagnostics: Diagnostic[] = [];
  const known = (what: string, name: string, names: string[], path: PropertyKey[]) => {
    if (names.includes(name)) return;
    const near = nearest(name, names);
    const others = names.length ? `defined are ${[...names].sort().join(', ')}` : `define it under ${what}s`;
    diagnostics.push(
      error(
        'distro-reference',
        `${path.slice(0, -1).map(String).join('.')} names the ${what} '${name}', which is not defined`,
        {
          file,
          line: locator.line(path),
          hint: near ? `did you mean '${near}'?` : others,
        },
      ),
    );
  };
  for (const [name, d] of Object.entries(distro.distributions)) {
    const unfit = prefixFault(installPrefix(distro, name));
    if (unfit !== undefined)
      diagnostics.push(
        error('distro-invalid', `naming.prefix: ${unfit}, and '${name}' would be installed to it`, {
          file,
          line: locator.line(['naming', 'prefix']),
          hint: 'a package could replace programs of the system: choose a folder below /opt',
        }),
      );
    d.platforms.forEach((p, i) =>
      known('platform', p, Object.keys(distro.platforms), ['distributions', name, 'platforms', i]),
    );
    d.variants.forEach((v, i) =>
      known('variant', v, Object.keys(distro.variants), ['distributions', name, 'variants', i]),
    );
    // The underlays of a misspelt platform are unknown.
    const whole = d.platforms.every((p) => Object.hasOwn(distro.platforms, p));
    (whole ? d.underlay : []).forEach((u, i) => {
      const of = new Set(d.platforms.flatMap((p) => Object.keys(ownIn(distro.platforms, p)?.underlays ?? {})));
      known('underlay', u, [...of], ['distributions', name, 'underlay', i]);
    });
    if (!distro.index && !d.repos.length && !d.folders.length)
      diagnostics.push(
        error('distro-no-sources', `distributions.${name} has nothing to build from`, {
          file,
          line: locator.line(['distributions', name]),
          hint: 'name an index (rosdistro), .repos files or folders',
        }),
      );
    if (!distro.index && d.ros_version === undefined)
      diagnostics.push(
        error('distro-ros-version', `distributions.${name}.ros_version is missing`, {
          file,
          line: locator.line(['distributions', name]),
          hint: 'without an index, set ros_version: 1 or 2',
        }),
      );
  }
  for (const [name, p] of Object.entries(distro.platforms)) {
    append(diagnostics, misspeltRelease(name, p, locator, file));
    if (p.mirror) append(diagnostics, trust(p.mirror, true, ['platforms', name, 'mirror'], locator, file));
    for (const [u, underlay] of Object.entries(p.underlays)) {
      const path = ['platforms', name, 'underlays', u];
      if (underlay.uri) append(diagnostics, trust(underlay, false, path, locator, file));
      if (underlay.uri && !underlay.suite)
        diagnostics.push(
          error('distro-invalid', `platforms.${name}.underlays.${u}.suite is missing`, {
            file,
            line: locator.line(path),
            hint: 'an underlay with `uri` needs `suite`',
          }),
        );
    }
  }
  return diagnostics;
}

function misspeltRelease(
  name: string,
  { os, release }: Distro['platforms'][string],
  locator: Locator,
  file: string,
): Diagnostic[] {
  const near = nearRelease(os, release);
  if (near === undefined) return [];
  return [
    error('distro-invalid', `platforms.${name}.release: ${os} has no release '${release}'`, {
      file,
      line: locator.line(['platforms', name, 'release']),
      hint: `did you mean '${near}'?`,
    }),
  ];
}

/** Packages of an archive run scripts as root during installation, so the archive must be authenticated. */
function trust(
  archive: { key?: string | undefined; trusted: boolean },
  keyring: boolean,
  path: string[],
  locator: Locator,
  file: string,
): Diagnostic[] {
  const at = { file, line: locator.line(path) };
  if (archive.key !== undefined && archive.trusted)
    return [
      error(
        'archive-trust',
        `${path.join('.')} has a key and says \`trusted: true\`, which would disable the check of its signature`,
        {
          ...at,
          hint: 'remove one of them',
        },
      ),
    ];
  if (archive.key !== undefined || archive.trusted || keyring) return [];
  return [
    error('archive-trust', `${path.join('.')} is an archive without a key`, {
      ...at,
      hint: 'set `key:` to its public key; for a repository that only you can write, set `trusted: true`',
    }),
  ];
}
