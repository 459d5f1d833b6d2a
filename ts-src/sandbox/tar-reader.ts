/** One member of a tar archive; `size` bytes of content follow. */
export interface TarMember {
  /** Path without `./` before it; empty for the top folder. */
  path: string;
  kind: 'file' | 'folder' | 'link' | 'hard link';
  mode: number;
  user: number;
  group: number;
  size: number;
  /** Seconds since 1970. */
  time: number;
  target: string;
}

export class TarError extends Error {}

const block = 512;
const longest = 1 << 16;

const kinds: Record<string, TarMember['kind']> = {
  '0': 'file',
  '\0': 'file',
  '5': 'folder',
  '2': 'link',
  '1': 'hard link',
};
const others: Record<string, string> = {
  '3': 'a device',
  '4': 'a device',
  '6': 'a FIFO',
  x: 'extended attributes',
  g: 'extended attributes',
};

/**
 * Reads a tar as dpkg-deb writes it (ustar with GNU's long names), from chunks. Anything else in it (devices, extended
 * attributes, sparse files) is an error. `begin` gives what takes the content of a member; all is done in order.
 */
export async function readTar(
  chunks: AsyncIterable<Buffer>,
  begin: (member: TarMember) => { write(data: Buffer): void; end(): void },
): Promise<void> {
  const reader = new Chunks(chunks);
  let longName: string | undefined;
  let longTarget: string | undefined;
  for (;;) {
    const header = await reader.take(block);
    if (!header) return;
    if (header.every((b) => b === 0)) {
      // The end: two empty blocks, and padding.
      while (await reader.some()) continue;
      return;
    }
    checkSum(header);
    const type = String.fromCharCode(header[156] ?? 0);
    const size = number(header, 124, 12);
    if (type === 'L' || type === 'K') {
      if (size > longest) throw new TarError('it has a name that is too long');
      const text = string((await reader.padded(size)) ?? Buffer.alloc(0), 0, size);
      if (type === 'L') longName = text;
      else longTarget = text;
      continue;
    }
    const name = longName ?? string(header, 0, 100);
    const kind = kinds[type];
    if (!kind) throw new TarError(`${JSON.stringify(name)} is ${others[type] ?? 'of a kind that no package needs'}`);
    const prefix =
      longName === undefined && header.toString('latin1', 257, 263) === 'ustar\0' ? string(header, 345, 155) : '';
    const member: TarMember = {
      path: (prefix ? `${prefix}/${name}` : name).replace(/^\.\//, '').replace(/\/$/, '').replace(/^\.$/, ''),
      kind,
      mode: number(header, 100, 8),
      user: number(header, 108, 8),
      group: number(header, 116, 8),
      size: kind === 'file' ? size : 0,
      time: number(header, 136, 12),
      target: longTarget ?? string(header, 157, 100),
    };
    longName = longTarget = undefined;
    const sink = begin(member);
    try {
      await reader.copy(member.size, (data) => sink.write(data));
    } finally {
      sink.end();
    }
  }
}

class Chunks {
  private held: Buffer = Buffer.alloc(0);
  private readonly source: AsyncIterator<Buffer>;
  constructor(chunks: AsyncIterable<Buffer>) {
    this.source = chunks[Symbol.asyncIterator]();
  }

  /** Whatever comes next; undefined at the end. */
  async some(): Promise<Buffer | undefined> {
    if (this.held.length) {
      const held = this.held;
      this.held = Buffer.alloc(0);
      return held;
    }
    const next = await this.source.next();
    return next.done ? undefined : next.value;
  }

  async take(length: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    let missing = length;
    while (missing > 0) {
      const chunk = await this.some();
      if (!chunk) {
        if (missing === length) return undefined;
        throw new TarError('it ends in the middle');
      }
      parts.push(chunk.subarray(0, missing));
      this.held = chunk.subarray(Math.min(missing, chunk.length));
      missing -= Math.min(missing, chunk.length);
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }

  async padded(size: number): Promise<Buffer | undefined> {
    return (await this.take(Math.ceil(size / block) * block))?.subarray(0, size);
  }

  async copy(size: number, write: (data: Buffer) => void): Promise<void> {
    let missing = size;
    while (missing > 0) {
      const chunk = await this.some();
      if (!chunk) throw new TarError('it ends in the middle');
      const part = chunk.subarray(0, missing);
      write(part);
      this.held = chunk.subarray(part.length);
      missing -= part.length;
    }
    const padding = (block - (size % block)) % block;
    if (padding) await this.take(padding);
  }
}

function string(bytes: Buffer, at: number, length: number): string {
  const field = bytes.subarray(at, at + length);
  const end = field.indexOf(0);
  const raw = end < 0 ? field : field.subarray(0, end);
  const text = raw.toString('utf8');
  if (!Buffer.from(text).equals(raw)) throw new TarError(`${JSON.stringify(text)} is no UTF-8`);
  return text;
}

function number(header: Buffer, at: number, length: number): number {
  const field = header.subarray(at, at + length);
  if ((field[0] ?? 0) & 0x80) {
    let value = (field[0] ?? 0) & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw new TarError('it has a number that is too large');
    return value;
  }
  const text = field
    .toString('latin1')
    .replace(/[\0 ]+$/, '')
    .trim();
  if (!/^[0-7]*$/.test(text)) throw new TarError('it has a damaged header');
  return text === '' ? 0 : parseInt(text, 8);
}

function checkSum(header: Buffer): void {
  let sum = 0;
  for (let i = 0; i < block; i++) sum += i >= 148 && i < 156 ? 32 : (header[i] ?? 0);
  if (sum !== number(header, 148, 8)) throw new TarError('it has a damaged header');
}
