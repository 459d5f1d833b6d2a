import { append, first } from '../model/lists.ts';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { bad, error, good, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { sha256 } from '../model/digest.ts';
import type { Platform, Underlay } from '../model/distro.ts';
import { isDebianName, isDebianVersion } from '../model/names.ts';
import { isFile, readIf, sha256File, temporaryBeside, writeWhole, makeFolder } from '../io/files.ts';
import { partsOf } from '../text/cut.ts';
import { digestsOf, indexText, largestIndex, largestRelease, releaseText } from './apt-index.ts';
import { answeredMissing, download, latest } from './git/git.ts';
import type { Workspace } from './workspace.ts';
import { lineOf } from './yaml.ts';

export type Underlays = Record<string, Record<string, Map<string, string> | undefined>>;

/** Recorded versions of underlays' repositories, by package. A recorded repository is not contacted. */
export interface KeptUnderlays {
  read(id: string): Promise<Record<string, string> | undefined>;
  keep(id: string, versions: Record<string, string>): Promise<void>;
}

/** Identifies a repository for a platform. */
const idOf = (platform: Platform, { uri, suite, components, key }: Underlay): string =>
  sha256(JSON.stringify([uri, suite, components, key, platform.architectures[0]])).slice(0, 24);

/**
 * The packages of each underlay with a repository of its own. An underlay without one is the platform's archive, of
 * which only `packages` are used.
 */
export async function readUnderlays(workspace: Workspace, kept?: KeptUnderlays): Promise<Result<Underlays>> {
  const diagnostics: Diagnostic[] = [];
  const result: Underlays = {};
  for (const [platformName, platform] of Object.entries(workspace.distro.platforms)) {
    for (const [name, underlay] of Object.entries(platform.underlays)) {
      const held = (result[platformName] ??= {});
      held[name] = undefined;
      const { uri } = underlay;
      if (!uri) continue;
      const id = idOf(platform, underlay);
      const before = await kept?.read(id);
      const read = before
        ? good(new Map(Object.entries(before)))
        : await readRepository(workspace, platform, { ...underlay, uri });
      if (read.ok && !before) await kept?.keep(id, Object.fromEntries(read.value));
      if (read.ok) held[name] = read.value;
      else
        append(
          diagnostics,
          read.diagnostics.map((d) => ({
            ...d,
            message: `underlay '${name}' of platform '${platformName}': ${d.message}`,
            file: workspace.file,
            line: lineOf(workspace.file, ['platforms', platformName, 'underlays', name, ...fieldOf(d)]) ?? 1,
            hint: d.hint ?? 'check `uri` and `suite`, and that this machine reaches the server',
          })),
        );
    }
  }
  return diagnostics.length ? { ok: false, diagnostics } : good(result);
}

/** The field of an underlay that a diagnostic is about. */
function fieldOf({ code, message }: Diagnostic): string[] {
  if (code === 'file-missing' || code === 'underlay-signature') return ['key'];
  if (code === 'underlay-index') return ['components'];
  return code === 'source-unreachable' ? [message.includes(answeredMissing) ? 'suite' : 'uri'] : [];
}

/** The value of a Release file's field. */
const listed = (release: string, field: string): string =>
  new RegExp(`^${field}: *(\\S[^\\n]*)$`, 'm').exec(release)?.[1]?.trim().split(/\s+/).join(', ') ?? '';

/**
 * Reads an apt repository's packages with versions: verifies the signature of InRelease with gpgv, and the index by its
 * digest.
 */
async function readRepository(
  workspace: Workspace,
  platform: Platform,
  underlay: Underlay & { uri: string },
): Promise<Result<Map<string, string>>> {
  const base = `${underlay.uri.replace(/\/$/, '')}/dists/${underlay.suite!}`;
  const folder = join(workspace.state, 'underlays', sha256(`${base} ${underlay.key ?? ''}`).slice(0, 24));
  makeFolder(folder);
  const inRelease = temporaryBeside(join(folder, 'InRelease'));
  try {
    const until = latest();
    const got = await download(`${base}/InRelease`, inRelease, { most: largestRelease, until });
    if (!got.ok) return got;
    const key = underlay.key ? join(workspace.keyRoot ?? workspace.root, underlay.key) : undefined;
    if (!key && !underlay.trusted) return bad(error('archive-trust', 'it has no key'));
    if (key && !isFile(key))
      return bad(
        error('file-missing', `its key ${underlay.key} is not there, or is no file`, {
          hint: 'put the public key of the repository there; the path is relative to distro.yaml',
        }),
      );
    const release = await releaseText(inRelease, key, `${base}/InRelease`);
    if (!release.ok) return release;
    const digests = digestsOf(release.value);
    const architecture = first(platform.architectures);
    const versions = new Map<string, string>();
    for (const component of underlay.components) {
      const index = await readIndex(base, digests, `${component}/binary-${architecture}`, folder, until);
      if (!index) return bad(noIndex(release.value, base, component, architecture));
      if (!index.ok) return index;
      if (!addVersions(index.value, versions))
        return bad(error('underlay-index', `${base} has more than ${mostPackages} packages`));
    }
    return good(versions);
  } finally {
    rmSync(inRelease, { force: true });
  }
}

/** Maximum number of packages of a repository; Debian has 70,000. */
const mostPackages = 2_000_000;

/** Adds the versions in an index, which may have millions of lines. False if there are too many. */
function addVersions(index: string, versions: Map<string, string>): boolean {
  let name = '';
  for (const line of partsOf(index, '\n')) {
    // Names of fields have any case (deb822(5)).
    const [, field = '', text = ''] = /^(package|version):(.*)$/i.exec(line) ?? [];
    if (field.toLowerCase() === 'package') name = text.trim();
    else if (name && field) {
      const version = text.trim();
      if (isDebianName(name) && isDebianVersion(version)) versions.set(name, version);
      name = '';
      if (versions.size > mostPackages) return false;
    }
  }
  return true;
}

async function readIndex(
  base: string,
  digests: ReadonlyMap<string, string>,
  path: string,
  folder: string,
  until: number,
): Promise<Result<string> | undefined> {
  let fault: Result<string> | undefined;
  for (const ending of ['.xz', '.gz', '']) {
    const name = `${path}/Packages${ending}`;
    const digest = digests.get(name);
    if (!digest) continue;
    const kept = join(folder, digest);
    const text = readIf(kept);
    if (text !== undefined) return good(text);
    const file = temporaryBeside(kept);
    try {
      const got = await download(`${base}/${name}`, file, { most: largestIndex, until });
      if (!got.ok) {
        fault ??= got;
        continue;
      }
      if ((await sha256File(file)) !== digest)
        return bad(
          error('underlay-digest', `${base}/${name} does not match its digest in InRelease`, {
            hint: 'the repository may be in the middle of an update: try again',
          }),
        );
      const unpacked = await indexText(file, ending);
      if (typeof unpacked === 'string')
        return bad(error('underlay-index', `can't unpack ${base}/${name}: ${unpacked}`));
      writeWhole(kept, unpacked.text);
      return good(unpacked.text);
    } finally {
      rmSync(file, { force: true });
    }
  }
  return fault;
}

/** The error for a repository without packages of a component for an architecture. */
function noIndex(release: string, base: string, component: string, architecture: string): Diagnostic {
  const [components, architectures] = [listed(release, 'Components'), listed(release, 'Architectures')];
  return error('underlay-index', `${base} has no component '${component}' for ${architecture}`, {
    hint: components || architectures ? `it has the components ${components}, for ${architectures}` : undefined,
  });
}
