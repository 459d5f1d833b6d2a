/** Longer names are not told. */
const longestName = 1000;

/** Name of the ELF section at a byte offset; undefined if there is none, or the ELF file is incomplete. */
export function sectionAt(data: Buffer, at: number): string | undefined {
  if (data.length < 64 || data.readUInt32BE(0) !== 0x7f454c46) return undefined;
  try {
    return search(data, at);
  } catch (e) {
    if (e instanceof RangeError) return undefined;
    throw e;
  }
}

function search(data: Buffer, at: number): string | undefined {
  const wide = data[4] === 2;
  const little = data[5] === 1;
  const u16 = (o: number) => (little ? data.readUInt16LE(o) : data.readUInt16BE(o));
  const u32 = (o: number) => (little ? data.readUInt32LE(o) : data.readUInt32BE(o));
  const word = (o: number) => (wide ? Number(little ? data.readBigUInt64LE(o) : data.readBigUInt64BE(o)) : u32(o));
  const table = word(wide ? 40 : 32);
  const [size, count, names] = [u16(wide ? 58 : 46), u16(wide ? 60 : 48), u16(wide ? 62 : 50)];
  const offset = (section: number) => word(table + section * size + (wide ? 24 : 16));
  const strings = offset(names);
  for (let i = 0; i < count; i++) {
    const header = table + i * size;
    // SHT_NOBITS has no bytes in the file.
    if (u32(header + 4) === 8 || at < offset(i) || at >= offset(i) + word(header + (wide ? 32 : 20))) continue;
    const name = strings + u32(header);
    const end = data.indexOf(0, name);
    return end - name > longestName ? undefined : data.toString('latin1', name, end) || undefined;
  }
  return undefined;
}
