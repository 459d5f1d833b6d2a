import { randomBytes } from 'node:crypto';
import { controlFaults, controlText } from '../inspect/deb.ts';
import { readMember, writeAr, type ArMember } from '../io/ar.ts';
import { controlArchive, debParts, isReadHere, PackageFileError, readControlPart, withoutRights } from '../io/deb.ts';
import { run, runForData, TooMuch } from '../io/process.ts';
import { readTar, TarError, writeTar, type TarMember } from '../io/tar.ts';
import { debFile } from '../model/names.ts';
import { sizeText } from '../model/sizes.ts';
import { fieldOf } from '../text/stanza.ts';

/** A local package file, and its published name. */
export interface DebFile {
  name: string;
  path: string;
}

/** Whether a stanza belongs to the package with this file name (policy 5.6, deb-control(5)). */
const isOf = (stanza: string, name: string): boolean =>
  debFile(fieldOf(stanza, 'Package') ?? '', fieldOf(stanza, 'Version') ?? '', fieldOf(stanza, 'Architecture') ?? '') ===
  name;

/** The control stanza of a package, refused if dpkg would run its members or obey its fields. */
function stanzaOf(parts: readonly { member: TarMember; data: Buffer }[], name: string): string | undefined {
  const { text, faults } = controlText(parts);
  const stanza = `${text.trim()}\n`;
  return faults.length || controlFaults(stanza, {}).length || !isOf(stanza, name) ? undefined : stanza;
}

/** Limits of control parts that are unpacked together: all of them unpacked, one of them packed, and their number. */
const mostTogether = 256 << 20;
const largestTogether = 1 << 20;
const mostPackages = 4000;
/** Limit for the stanzas of all packages, in characters: they are held in memory. */
const mostStanzas = 512 << 20;

type Compression = 'xz' | 'zst';
const programs: Record<Compression, string> = { xz: 'xz', zst: 'zstd' };
const compressions = ['xz', 'zst'] as const;

/**
 * Reads control stanzas of many packages. Packages made by Slipway are read directly. Archives with other compressions
 * are unpacked together by one process, which makes thousands of small packages fast. Undefined for files that are not
 * a Debian package of that name.
 */
export async function controlStanzas(files: readonly DebFile[]): Promise<(string | undefined)[]> {
  const stanzas = new Array<string | undefined>(files.length);
  const compressed: Record<Compression, { at: number; control: Buffer | undefined }[]> = { xz: [], zst: [] };
  let size = 0;
  const keep = (at: number, stanza: string | undefined) => {
    stanzas[at] = stanza;
    size += stanza?.length ?? 0;
    if (size > mostStanzas)
      throw new PackageFileError(`the packages have control files of more than ${sizeText(mostStanzas)} together`);
  };
  for (const [at, { name, path }] of files.entries()) {
    const control = controlOf(path);
    const kind = compressions.find((c) => control?.member.name.endsWith(`.${c}`));
    if (control && kind)
      compressed[kind].push({ at, control: control.data.length > largestTogether ? undefined : control.data });
    else if (control && isReadHere(control.member))
      keep(
        at,
        read(() => controlArchive(control.member, control.data), name),
      );
  }
  for (const kind of compressions) {
    for (let from = 0; from < compressed[kind].length; from += mostPackages) {
      const group = compressed[kind].slice(from, from + mostPackages);
      const small = group.flatMap((c) => c.control ?? []);
      const together = (await unpackTogether(kind, small))?.values();
      for (const { at, control } of group) {
        const { name, path } = files[at] ?? { name: '', path: '' };
        const tar = control && together?.next().value;
        // What the joint unpacking did not give is read separately.
        keep(at, tar ? read(() => tar, name) : await readAlone(path, name));
      }
    }
  }
  return stanzas;
}

function controlOf(path: string): { member: ArMember; data: Buffer } | undefined {
  try {
    const { control } = debParts(path);
    return { member: control, data: readMember(path, control) };
  } catch (e) {
    if (e instanceof PackageFileError) return undefined;
    throw e;
  }
}

function read(archive: () => Buffer, name: string): string | undefined {
  try {
    return stanzaOf(readTar(archive()), name);
  } catch (e) {
    if (e instanceof TarError || e instanceof PackageFileError) return undefined;
    throw e;
  }
}

async function readAlone(path: string, name: string): Promise<string | undefined> {
  try {
    return stanzaOf(await readControlPart(path), name);
  } catch (e) {
    if (e instanceof PackageFileError) return undefined;
    throw e;
  }
}

/**
 * Unpacks archives with one process. Random marks separate them, so that a malicious archive can't take the place of
 * another. Undefined if one is damaged, or if they unpack to too much.
 */
async function unpackTogether(kind: Compression, archives: readonly Buffer[]): Promise<Buffer[] | undefined> {
  if (!archives.length) return [];
  const mark = randomBytes(32);
  const packed = await run(programs[kind], ['-q', '-c'], { input: mark, encoding: 'latin1' });
  const between = Buffer.from(packed.stdout, 'latin1');
  const [program = '', ...args] = withoutRights([programs[kind], '-q', '-d', '-c']);
  const input = Buffer.concat(archives.flatMap((a) => [a, between]));
  const output = await unpackedOf(program, args, input);
  if (packed.code !== 0 || !output) return undefined;
  const parts: Buffer[] = [];
  let from = 0;
  for (let at = output.indexOf(mark); at >= 0; at = output.indexOf(mark, from)) {
    parts.push(output.subarray(from, at));
    from = at + mark.length;
  }
  return parts.length === archives.length ? parts : undefined;
}

async function unpackedOf(program: string, args: string[], input: Buffer): Promise<Buffer | undefined> {
  try {
    const { outcome, data } = await runForData(program, args, mostTogether, { input });
    return outcome.code === 0 ? data : undefined;
  } catch (e) {
    if (e instanceof TooMuch) return undefined;
    throw e;
  }
}

/** The source package's name and version for a binary package. */
export function sourceOf(stanza: string): { name: string; version: string } {
  const own = { name: fieldOf(stanza, 'Package') ?? '', version: fieldOf(stanza, 'Version') ?? '' };
  const [, name, version] = /^(\S+)(?: \((\S+)\))?$/.exec(fieldOf(stanza, 'Source') ?? '') ?? [];
  return { name: name ?? own.name, version: version ?? own.version };
}

/** The control file with a Source field that names the current version of the source. */
function withSource(text: string): string {
  const { name, version } = sourceOf(text);
  const field = `Source: ${name} (${version})`;
  return /^Source:/m.test(text)
    ? text.replace(/^Source: .*$/m, field)
    : text.replace(/^Package: .*$/m, (first) => `${first}\n${field}`);
}

/**
 * Writes the package under another version: the same files, and a control file with the new version, including
 * references to its own old version (`acme-tool (= 1.0-1)` in debug symbols). False if the package can't be read.
 */
export async function repackDeb(
  file: string,
  target: string,
  { from, to, seconds }: { from: string; to: string; seconds: number },
): Promise<boolean> {
  let parts;
  try {
    parts = controlText(await readControlPart(file));
  } catch (e) {
    if (e instanceof PackageFileError) return false;
    throw e;
  }
  const { text, members, faults } = parts;
  if (faults.length || fieldOf(text, 'Version') !== from) return false;
  const control = withSource(text)
    .replace(/^Version: .*$/m, `Version: ${to}`)
    .replaceAll(`(= ${from})`, `(= ${to})`);
  const written = [...members].map(([path, data]) => ({ path, data: path === 'control' ? control : data }));
  const { data } = debParts(file);
  await writeAr(
    target,
    [
      { name: 'debian-binary', data: Buffer.from('2.0\n') },
      { name: 'control.tar', data: writeTar(written, seconds) },
      { name: data.name, from: file, member: data },
    ],
    seconds,
  );
  return true;
}
