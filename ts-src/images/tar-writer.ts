/** Headers of tar archives (ustar; long names as GNU tar writes them), owned by root. */
export interface TarMember {
  path: string;
  kind: 'file' | 'directory';
  mode: number;
  size: number;
  /** Seconds since 1970. */
  time: number;
}

const block = 512;

export const paddingOf = (size: number): Buffer => Buffer.alloc((block - (size % block)) % block);
export const endOfTar = Buffer.alloc(2 * block);

function plainHeader(member: Omit<TarMember, 'kind'> & { flag: string }): Buffer {
  const h = Buffer.alloc(block);
  const octal = (value: number, at: number, length: number) =>
    h.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
  h.write(member.path, 0, 100, 'latin1');
  octal(member.mode, 100, 8);
  octal(0, 108, 8);
  octal(0, 116, 8);
  octal(member.time, 136, 12);
  if (member.size < 8 ** 11) octal(member.size, 124, 12);
  else {
    h.writeUInt32BE(0x80000000, 124);
    h.writeBigUInt64BE(BigInt(member.size), 128);
  }
  h.write(member.flag, 156, 'latin1');
  h.write('ustar\x0000', 257, 'latin1');
  h.write('root', 265, 'latin1');
  h.write('root', 297, 'latin1');
  h.fill(' ', 148, 156);
  const sum = h.reduce((all, b) => all + b, 0);
  h.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return h;
}

/** A member's header. Write the content and `paddingOf` it after it. Names are bytes, as latin1. */
export function tarHeader(member: TarMember): Buffer {
  const flag = member.kind === 'file' ? '0' : '5';
  const path = member.kind === 'directory' ? `${member.path}/` : member.path;
  const header = plainHeader({ ...member, path, flag });
  if (path.length <= 100) return header;
  const name = Buffer.from(`${path}\0`, 'latin1');
  return Buffer.concat([
    plainHeader({ path: '././@LongLink', mode: 0, size: name.length, time: 0, flag: 'L' }),
    name,
    paddingOf(name.length),
    header,
  ]);
}

/** A complete member for a small file. */
export const tarFile = (path: string, data: Buffer, time: number, mode = 0o644): Buffer =>
  Buffer.concat([tarHeader({ path, kind: 'file', mode, size: data.length, time }), data, paddingOf(data.length)]);

/** A tar of small files and their folders, sorted by path. */
export function tarOf(files: ReadonlyMap<string, { data: Buffer | string; mode?: number }>, time: number): Buffer {
  const folders = new Set<string>();
  for (const path of files.keys()) {
    const parts = path.split('/');
    for (let i = 1; i < parts.length; i++) folders.add(parts.slice(0, i).join('/'));
  }
  const members = [
    ...[...folders].map((path) => ({
      path,
      bytes: tarHeader({ path, kind: 'directory', mode: 0o755, size: 0, time }),
    })),
    ...[...files].map(([path, { data, mode }]) => ({ path, bytes: tarFile(path, Buffer.from(data), time, mode) })),
  ].sort((a, b) => (a.path < b.path ? -1 : 1));
  return Buffer.concat([...members.map((m) => m.bytes), endOfTar]);
}
