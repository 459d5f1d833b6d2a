/** What of an ELF file others can see (System V ABI, and GNU's symbol versions). */
export interface Elf {
  kind: 'object' | 'program' | 'library' | 'other';
  soname: string | undefined;
  needed: string[];
  /**
   * Defined symbols of the dynamic table that other files can bind to, with type, binding, version, and the size of
   * data; sorted.
   */
  exports: string[];
}

const types = ['notype', 'object', 'func', 'section', 'file', 'common', 'tls'];

/** Undefined where it is no ELF file, or a damaged one. */
export function readElf(data: Buffer): Elf | undefined {
  if (data.length < 52 || data.readUInt32BE(0) !== 0x7f454c46) return undefined;
  try {
    return parse(data);
  } catch (e) {
    if (e instanceof RangeError) return undefined;
    throw e;
  }
}

function parse(data: Buffer): Elf {
  const wide = data[4] === 2;
  const little = data[5] === 1;
  const u16 = (at: number) => (little ? data.readUInt16LE(at) : data.readUInt16BE(at));
  const u32 = (at: number) => (little ? data.readUInt32LE(at) : data.readUInt32BE(at));
  const word = (at: number) => (wide ? Number(little ? data.readBigUInt64LE(at) : data.readBigUInt64BE(at)) : u32(at));
  const text = (at: number) => {
    const end = data.indexOf(0, at);
    if (at >= data.length || end < 0) throw new RangeError('a string outside the file');
    return data.toString('latin1', at, end);
  };
  const type = u16(16);
  const sectionsAt = word(wide ? 40 : 32);
  const sectionSize = u16(wide ? 58 : 46);
  const sectionCount = u16(wide ? 60 : 48);
  const programsAt = word(wide ? 32 : 28);
  const programSize = u16(wide ? 54 : 42);
  const programCount = u16(wide ? 56 : 44);
  let interpreted = false;
  for (let i = 0; i < programCount; i++) if (u32(programsAt + i * programSize) === 3) interpreted = true;
  interface Section {
    type: number;
    offset: number;
    size: number;
    link: number;
    info: number;
    entry: number;
  }
  const sections: Section[] = [];
  for (let i = 0; i < sectionCount; i++) {
    const at = sectionsAt + i * sectionSize;
    sections.push(
      wide
        ? {
            type: u32(at + 4),
            offset: word(at + 24),
            size: word(at + 32),
            link: u32(at + 40),
            info: u32(at + 44),
            entry: word(at + 56),
          }
        : {
            type: u32(at + 4),
            offset: u32(at + 16),
            size: u32(at + 20),
            link: u32(at + 24),
            info: u32(at + 28),
            entry: u32(at + 36),
          },
    );
  }
  const strings = (s: Section) => sections[s.link]?.offset ?? data.length;

  let soname: string | undefined;
  const needed: string[] = [];
  const dynamic = sections.find((s) => s.type === 6);
  const step = wide ? 16 : 8;
  for (let at = dynamic?.offset ?? 0; dynamic && at < dynamic.offset + dynamic.size; at += step) {
    const tag = word(at);
    const value = word(at + step / 2);
    if (tag === 0) break;
    if (tag === 1) needed.push(text(strings(dynamic) + value));
    if (tag === 14) soname = text(strings(dynamic) + value);
  }

  const versions = new Map<number, string>();
  const definitions = sections.find((s) => s.type === 0x6ffffffd);
  for (let at = definitions?.offset ?? 0, i = 0; definitions && i < definitions.info; i++) {
    versions.set(u16(at + 4), text(strings(definitions) + u32(at + u32(at + 12))));
    at += u32(at + 16);
  }
  const indices = sections.find((s) => s.type === 0x6fffffff);
  const exports: string[] = [];
  const symbols = sections.find((s) => s.type === 11);
  if (symbols) {
    const size = wide ? 24 : 16;
    for (let i = 1, at = symbols.offset + size; at + size <= symbols.offset + symbols.size; i++, at += size) {
      const info = data[at + (wide ? 4 : 12)]!;
      const other = data[at + (wide ? 5 : 13)]!;
      const section = u16(at + (wide ? 6 : 14));
      const binding = info >> 4;
      const visibility = other & 3;
      if (section === 0 || binding === 0 || visibility === 1 || visibility === 2) continue;
      const kind = types[info & 15] ?? String(info & 15);
      const version = indices ? u16(indices.offset + 2 * i) : 1;
      const named = versions.get(version & 0x7fff);
      // A program that uses data of a library copies it at its size: the size is part of the interface.
      const sized = kind === 'object' || kind === 'tls' || kind === 'common' ? ` ${word(at + (wide ? 16 : 8))}` : '';
      exports.push(
        `${text(strings(symbols) + u32(at))}${named !== undefined && (version & 0x7fff) > 1 ? `@${version & 0x8000 ? '' : '@'}${named}` : ''} ${kind} ${binding === 2 ? 'weak' : binding === 10 ? 'unique' : 'global'}${sized}`,
      );
    }
  }
  return {
    kind:
      type === 1
        ? 'object'
        : type === 2 || (type === 3 && interpreted && soname === undefined)
          ? 'program'
          : type === 3
            ? 'library'
            : 'other',
    soname,
    needed: needed.sort(),
    exports: exports.sort(),
  };
}
