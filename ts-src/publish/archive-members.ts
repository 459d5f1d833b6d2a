/** The parts of a Debian package's file (deb(5)), as byte ranges of it. */
export interface DebParts {
  /** `control.tar`, `control.tar.gz`, `.xz` or `.zst`. */
  controlName: string;
  control: Buffer;
  dataName: string;
  data: Buffer;
}

const magic = '!<arch>\n';

/** Splits a package's file into its members; undefined where it is none. */
export function debParts(file: Buffer): DebParts | undefined {
  if (file.toString('latin1', 0, magic.length) !== magic) return undefined;
  const members = new Map<string, Buffer>();
  for (let at = magic.length; at + 60 <= file.length;) {
    const name = file
      .toString('latin1', at, at + 16)
      .trimEnd()
      .replace(/\/$/, '');
    const digits = file.toString('latin1', at + 48, at + 58).trimEnd();
    if (!/^\d+$/.test(digits)) return undefined;
    const size = Number(digits);
    if (at + 60 + size > file.length) return undefined;
    members.set(name, file.subarray(at + 60, at + 60 + size));
    at += 60 + size + (size % 2);
  }
  const named = (prefix: string) => [...members].find(([name]) => name.startsWith(prefix));
  const control = named('control.tar');
  const data = named('data.tar');
  if (!members.has('debian-binary') || !control || !data) return undefined;
  return { controlName: control[0], control: control[1], dataName: data[0], data: data[1] };
}

/** The bytes of a package's file of these members; `seconds` since 1970 is their time. */
export function joinDeb(parts: DebParts, seconds: number): Buffer {
  const member = (name: string, content: Buffer): Buffer[] => [
    Buffer.from(
      `${name.padEnd(16)}${String(seconds).padEnd(12)}${'0'.padEnd(6)}${'0'.padEnd(6)}${'100644'.padEnd(8)}${String(content.length).padEnd(10)}\`\n`,
      'latin1',
    ),
    content,
    ...(content.length % 2 ? [Buffer.from('\n')] : []),
  ];
  return Buffer.concat([
    Buffer.from(magic),
    ...member('debian-binary', Buffer.from('2.0\n')),
    ...member(parts.controlName, parts.control),
    ...member(parts.dataName, parts.data),
  ]);
}

export interface TarEntry {
  name: string;
  /** Header and content with its padding, as they lie in the archive. */
  header: Buffer;
  content: Buffer;
}

/**
 * Reads one tar archive of `bytes` from `at` on; `end` is where the next one may begin. Only what dpkg-deb writes into
 * control archives: short names, regular files and folders. Undefined where it is anything else.
 */
export function readTar(bytes: Buffer, at: number): { entries: TarEntry[]; end: number } | undefined {
  const entries: TarEntry[] = [];
  while (at + 512 <= bytes.length && bytes[at] !== 0) {
    const header = bytes.subarray(at, at + 512);
    const text = (from: number, size: number) => header.toString('latin1', from, from + size).replace(/\0.*$/s, '');
    const size = parseInt(text(124, 12).trim() || '0', 8);
    const type = text(156, 1) || '0';
    if (!Number.isSafeInteger(size) || !['0', '5', 'x', 'g', 'L'].includes(type)) return undefined;
    if (at + 512 + size > bytes.length) return undefined;
    entries.push({ name: text(0, 100), header, content: bytes.subarray(at + 512, at + 512 + size) });
    at += 512 + Math.ceil(size / 512) * 512;
  }
  if (!entries.length) return undefined;
  while (at < bytes.length && bytes[at] === 0) at += 512;
  return { entries, end: Math.min(at, bytes.length) };
}

/** An archive of the same entries, the content of those named in `changed` replaced. */
export function writeTar(entries: readonly TarEntry[], changed: ReadonlyMap<string, Buffer>): Buffer {
  const blocks: Buffer[] = [];
  for (const entry of entries) {
    const content = changed.get(entry.name) ?? entry.content;
    const header = Buffer.from(entry.header);
    header.write(`${content.length.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
    header.write('        ', 148, 'latin1');
    let sum = 0;
    for (const byte of header) sum += byte;
    header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
    blocks.push(header, content, Buffer.alloc((512 - (content.length % 512)) % 512));
  }
  return Buffer.concat([...blocks, Buffer.alloc(1024)]);
}

export const controlEntry = (entries: readonly TarEntry[]): TarEntry | undefined =>
  entries.find((e) => e.name.replace(/^\.\//, '') === 'control');
