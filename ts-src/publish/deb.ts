import { readFileSync } from 'node:fs';
import { gunzipSync, gzipSync } from 'node:zlib';
import { debFile } from '../model/names.ts';
import { run } from '../io/process.ts';
import { controlEntry, debParts, joinDeb, readTar, writeTar, type TarEntry } from './archive-members.ts';

/** Largest control archive that is read, unpacked. */
const largest = 64 << 20;

/** A package's file on this machine, and the name under which it is published. */
export interface DebFile {
  name: string;
  path: string;
}

/** The value of a field of a control stanza. */
export const fieldOf = (stanza: string, name: string): string | undefined =>
  new RegExp(`^${name}: *(.*)$`, 'mi').exec(stanza)?.[1]?.trim();

/** Whether a stanza is that of the package whose file has this name (policy 5.6, deb-control(5)). */
const isOf = (stanza: string, name: string): boolean =>
  debFile(fieldOf(stanza, 'Package') ?? '', fieldOf(stanza, 'Version') ?? '', fieldOf(stanza, 'Architecture') ?? '') ===
  name;

/** Members of a control archive that dpkg neither runs nor obeys; each may be there once. */
const harmless = new Set(['', '.', 'control', 'md5sums', 'shlibs']);

/** The control stanza of a package as it may be published: nothing of it is run, no field of it forces anything. */
function stanzaOf(entries: readonly TarEntry[], name: string): string | undefined {
  const names = entries.map((e) => e.name.replace(/^\.\//, '').replace(/\/$/, ''));
  if (new Set(names).size !== names.length || !names.every((n) => harmless.has(n))) return undefined;
  const entry = controlEntry(entries);
  const stanza = entry && tidy(entry.content.toString('utf8'));
  if (stanza === undefined || !isOf(stanza, name)) return undefined;
  const fields = [...stanza.matchAll(/^([^\s:]+):/gm)].map((m) => (m[1] ?? '').toLowerCase());
  return fields.some((f) => forcing.has(f)) || new Set(fields).size !== fields.length ? undefined : stanza;
}
const forcing = new Set(['essential', 'protected', 'important', 'pre-depends', 'breaks']);

/** A stanza as it may stand in an index: no empty lines within it, one line feed at its end. */
const tidy = (text: string): string | undefined => {
  const stanza = `${text.replaceAll('\r', '').trim()}\n`;
  return /^\s*$/m.test(stanza.trimEnd()) || stanza.includes('\0') ? undefined : stanza;
};

/**
 * Reads the control stanzas of many packages. Archives of one compression are unpacked together by one process: two
 * thousand packages take as long as one that is large. Undefined for what is no Debian package of that name.
 */
export async function controlStanzas(files: readonly DebFile[]): Promise<(string | undefined)[]> {
  const stanzas = new Array<string | undefined>(files.length);
  const compressed: Record<'xz' | 'zst', { at: number; control: Buffer }[]> = { xz: [], zst: [] };
  const take = (at: number, tar: Buffer | undefined) => {
    if (tar) stanzas[at] = stanzaOf(readTar(tar, 0)?.entries ?? [], files[at]!.name);
  };
  files.forEach((file, at) => {
    const parts = debParts(readFileSync(file.path));
    const kind = parts && /\.tar(?:\.(gz|xz|zst))?$/.exec(parts.controlName);
    if (!kind) return;
    if (kind[1] === 'xz' || kind[1] === 'zst') compressed[kind[1]].push({ at, control: parts.control });
    else take(at, kind[1] === 'gz' ? unzipped(parts.control) : parts.control);
  });
  for (const kind of ['xz', 'zst'] as const) {
    const all = compressed[kind];
    if (!all.length) continue;
    const together = await unpacked(kind, Buffer.concat(all.map((c) => c.control)));
    let next = 0;
    for (const { at } of all) {
      const tar = together && readTar(together, next);
      if (!tar) break;
      stanzas[at] = stanzaOf(tar.entries, files[at]!.name);
      next = tar.end;
    }
    // What did not come out that way is looked at alone.
    for (const { at, control } of all) if (stanzas[at] === undefined) take(at, await unpacked(kind, control));
  }
  return stanzas;
}

function unzipped(data: Buffer): Buffer | undefined {
  try {
    return gunzipSync(data, { maxOutputLength: largest });
  } catch {
    return undefined;
  }
}

async function unpacked(kind: 'xz' | 'zst', data: Buffer): Promise<Buffer | undefined> {
  const done = await run(kind === 'xz' ? 'xz' : 'zstd', ['-q', '-d', '-c'], { input: data, encoding: 'latin1' });
  return done.code === 0 ? Buffer.from(done.stdout, 'latin1') : undefined;
}

/**
 * The same package under another version: its files as they are, its control file with the new version, also where it
 * names its own former one (`acme-tool (= 1.0-1)` of debug symbols). Undefined where it is no package that we can read.
 */
export async function repackDeb(file: Buffer, from: string, to: string, seconds: number): Promise<Buffer | undefined> {
  const parts = debParts(file);
  const kind = parts && /\.tar(?:\.(gz|xz|zst))?$/.exec(parts.controlName);
  if (!kind) return undefined;
  const tar =
    kind[1] === 'xz' || kind[1] === 'zst'
      ? await unpacked(kind[1], parts.control)
      : kind[1] === 'gz'
        ? unzipped(parts.control)
        : parts.control;
  const entries = tar && readTar(tar, 0)?.entries;
  const control: TarEntry | undefined = entries && controlEntry(entries);
  if (!control || fieldOf(control.content.toString('utf8'), 'Version') !== from) return undefined;
  const text = control.content
    .toString('utf8')
    .replace(/^Version: .*$/m, `Version: ${to}`)
    .replaceAll(`(= ${from})`, `(= ${to})`);
  const changed = writeTar(entries!, new Map([[control.name, Buffer.from(text)]]));
  return joinDeb({ ...parts, controlName: 'control.tar.gz', control: gzipSync(changed) }, seconds);
}
