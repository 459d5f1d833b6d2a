/** The parts of an ELF file that others see (System V ABI, and GNU's symbol versions). */
export interface Elf {
  kind: 'object' | 'program' | 'library' | 'other';
  soname: string | undefined;
  needed: string[];
  /**
   * Defined dynamic symbols that other files can bind to, with type, binding, version, and the size of data; sorted.
   */
  exports: string[];
}

/** Symbols refer to versions by 15 bits. */
const mostVersions = 1 << 15;
const mostSymbols = 1_000_000;

const types = ['notype', 'object', 'func', 'section', 'file', 'common', 'tls'];

/**
 * Bytes of names that may be read of all files of a package together: a million symbols may have one long name, and
 * libraries may have millions of others that they need.
 */
export interface ElfRoom {
  left: number;
}
export const elfRoom = (bytes = 256 << 20): ElfRoom => ({ left: bytes });

/** About what a name takes in memory besides its characters. */
const ofName = 64;

/** Undefined if it is not an ELF file, or damaged, or has more names than there is room for. */
export function readElf(data: Buffer, room = elfRoom()): Elf | undefined {
  if (data.length < 52 || data.readUInt32BE(0) !== 0x7f454c46) return undefined;
  try {
    return parse(data, room);
  } catch (e) {
    if (e instanceof RangeError) return undefined;
    throw e;
  }
}

interface Section {
  type: number;
  offset: number;
  size: number;
  link: number;
  info: number;
}

/** Numbers and strings of an ELF file in its width and byte order. Throws a RangeError outside of the file. */
class ElfData {
  readonly wide: boolean;
  private readonly little: boolean;

  constructor(
    private readonly data: Buffer,
    private readonly room: ElfRoom,
  ) {
    this.wide = data[4] === 2;
    this.little = data[5] === 1;
  }

  u8(at: number): number {
    return this.data.readUInt8(at);
  }

  u16(at: number): number {
    return this.little ? this.data.readUInt16LE(at) : this.data.readUInt16BE(at);
  }

  u32(at: number): number {
    return this.little ? this.data.readUInt32LE(at) : this.data.readUInt32BE(at);
  }

  word(at: number): number {
    if (!this.wide) return this.u32(at);
    return Number(this.little ? this.data.readBigUInt64LE(at) : this.data.readBigUInt64BE(at));
  }

  text(at: number): string {
    const end = this.data.indexOf(0, at);
    if (at >= this.data.length || end < 0) throw new RangeError('a string outside the file');
    const size = ofName + end - at;
    if (size > this.room.left) throw new RangeError('its names take more memory than there is room for');
    this.room.left -= size;
    return this.data.toString('latin1', at, end);
  }

  sections(): Section[] {
    const { wide } = this;
    const begin = this.word(wide ? 40 : 32);
    const size = this.u16(wide ? 58 : 46);
    const count = this.u16(wide ? 60 : 48);
    const sections: Section[] = [];
    for (let i = 0; i < count; i++) {
      const at = begin + i * size;
      sections.push({
        type: this.u32(at + 4),
        offset: this.word(at + (wide ? 24 : 16)),
        size: this.word(at + (wide ? 32 : 20)),
        link: this.u32(at + (wide ? 40 : 24)),
        info: this.u32(at + (wide ? 44 : 28)),
      });
    }
    return sections;
  }

  /** Whether it names an interpreter, as programs do. */
  interpreted(): boolean {
    const { wide } = this;
    const begin = this.word(wide ? 32 : 28);
    const size = this.u16(wide ? 54 : 42);
    const count = this.u16(wide ? 56 : 44);
    let found = false;
    for (let i = 0; i < count; i++) if (this.u32(begin + i * size) === 3) found = true;
    return found;
  }

  /** File offset of a section's string table. */
  strings(sections: readonly Section[], { link }: Section): number {
    return sections[link]?.offset ?? this.data.length;
  }
}

function parse(data: Buffer, room: ElfRoom): Elf {
  const file = new ElfData(data, room);
  const sections = file.sections();
  const interpreted = file.interpreted();
  const { soname, needed } = readDynamic(file, sections);
  const exports = readExports(file, sections);
  return {
    kind: kindOf(file.u16(16), interpreted && soname === undefined),
    soname,
    needed: needed.sort(),
    exports: exports.sort(),
  };
}

/** `program`: whether a file that can be loaded anywhere (ET_DYN) is a program. */
function kindOf(type: number, program: boolean): Elf['kind'] {
  if (type === 1) return 'object';
  if (type === 2) return 'program';
  if (type !== 3) return 'other';
  return program ? 'program' : 'library';
}

function readDynamic(file: ElfData, sections: readonly Section[]): { soname: string | undefined; needed: string[] } {
  let soname: string | undefined;
  const needed: string[] = [];
  const dynamic = sections.find((s) => s.type === 6);
  if (!dynamic) return { soname, needed };
  const strings = file.strings(sections, dynamic);
  const step = file.wide ? 16 : 8;
  for (let at = dynamic.offset; at < dynamic.offset + dynamic.size; at += step) {
    const tag = file.word(at);
    const value = file.word(at + step / 2);
    if (tag === 0) break;
    if (tag === 1) needed.push(file.text(strings + value));
    if (tag === 14) soname = file.text(strings + value);
  }
  return { soname, needed };
}

/** Names of the versions that the file defines, by number. */
function readVersions(file: ElfData, sections: readonly Section[]): Map<number, string> {
  const versions = new Map<number, string>();
  const definitions = sections.find((s) => s.type === 0x6ffffffd);
  if (!definitions) return versions;
  const strings = file.strings(sections, definitions);
  let at = definitions.offset;
  for (let i = 0; i < definitions.info; i++) {
    versions.set(file.u16(at + 4), file.text(strings + file.u32(at + file.u32(at + 12))));
    const next = file.u32(at + 16);
    if (next === 0) break;
    if (i >= mostVersions) throw new RangeError('it has more versions than a symbol can name');
    at += next;
  }
  return versions;
}

function readExports(file: ElfData, sections: readonly Section[]): string[] {
  const { wide } = file;
  const versions = readVersions(file, sections);
  const indices = sections.find((s) => s.type === 0x6fffffff);
  const exports: string[] = [];
  const symbols = sections.find((s) => s.type === 11);
  if (!symbols) return exports;
  const strings = file.strings(sections, symbols);
  const size = wide ? 24 : 16;
  for (let i = 1, at = symbols.offset + size; at + size <= symbols.offset + symbols.size; i++, at += size) {
    const info = file.u8(at + (wide ? 4 : 12));
    const visibility = file.u8(at + (wide ? 5 : 13)) & 3;
    const section = file.u16(at + (wide ? 6 : 14));
    const binding = info >> 4;
    if (section === 0 || binding === 0 || visibility === 1 || visibility === 2) continue;
    const kind = types[info & 15] ?? String(info & 15);
    const version = indices ? file.u16(indices.offset + 2 * i) : 1;
    // A program that uses a library's data copies it, so the size is part of the interface.
    const sized = kind === 'object' || kind === 'tls' || kind === 'common' ? ` ${file.word(at + (wide ? 16 : 8))}` : '';
    const name = file.text(strings + file.u32(at));
    if (exports.length >= mostSymbols) throw new RangeError('it has more symbols than are read');
    exports.push(`${name}${versionText(version, versions)} ${kind} ${bindingText(binding)}${sized}`);
  }
  return exports;
}

/** A symbol's version in the notation of tools: `@@` before the default version, `@` before others. */
function versionText(version: number, versions: ReadonlyMap<number, string>): string {
  const number = version & 0x7fff;
  const name = versions.get(number);
  if (name === undefined || number <= 1) return '';
  return `@${version & 0x8000 ? '' : '@'}${name}`;
}

function bindingText(binding: number): string {
  if (binding === 2) return 'weak';
  return binding === 10 ? 'unique' : 'global';
}
