/** A member of a tar archive as its header says. */
export interface TarEntry {
  path: string;
  type: 'file' | 'directory' | 'link' | 'hard link' | 'device' | 'FIFO' | 'unknown';
  mode: number;
  uid: number;
  gid: number;
  size: number;
  /** Target of a link. */
  target: string;
}

const block = 512;
/** Longest name, and largest member that is kept. */
const longest = 64 << 10;
const largest = 16 << 20;

const types: Record<string, TarEntry['type']> = {
  '0': 'file',
  '\0': 'file',
  '1': 'hard link',
  '2': 'link',
  '3': 'device',
  '4': 'device',
  '5': 'directory',
  '6': 'FIFO',
};

/** What is not as dpkg-deb writes it. */
export class TarFault extends Error {}

/**
 * Reads a tar archive as it comes, without unpacking: headers, and the content of members that are asked for. Knows what
 * dpkg-deb writes (ustar with GNU's long names); everything else is of type `unknown`, or a TarFault.
 */
export class TarReader {
  private rest: Buffer = Buffer.alloc(0);
  private skip = 0;
  private collecting: { left: number; parts: Buffer[]; done: (content: Buffer) => void } | undefined;
  private longName: string | undefined;
  private longTarget: string | undefined;
  private ended = false;

  constructor(
    private readonly entry: (entry: TarEntry) => void,
    /** Is given a member's content where it is there; without it contents are skipped. */
    private readonly content?: (entry: TarEntry, content: Buffer) => void,
  ) {}

  push(chunk: Buffer): void {
    this.rest = this.rest.length ? Buffer.concat([this.rest, chunk]) : chunk;
    for (;;) {
      if (this.collecting || this.skip) {
        if (!this.rest.length) return;
        this.consume();
      } else if (this.rest.length >= block && !this.ended) {
        const header = this.rest.subarray(0, block);
        this.rest = this.rest.subarray(block);
        this.header(header);
      } else return;
    }
  }

  /** To be called once all was pushed. */
  end(): void {
    if (!this.ended || this.collecting || this.skip) throw new TarFault('the archive ends in the middle');
  }

  private consume(): void {
    const { collecting } = this;
    if (collecting) {
      const part = this.rest.subarray(0, collecting.left);
      collecting.parts.push(part);
      collecting.left -= part.length;
      this.rest = this.rest.subarray(part.length);
      if (collecting.left) return;
      this.collecting = undefined;
      collecting.done(Buffer.concat(collecting.parts));
    } else {
      const skipped = Math.min(this.skip, this.rest.length);
      this.skip -= skipped;
      this.rest = this.rest.subarray(skipped);
    }
  }

  private collect(size: number, done: (content: Buffer) => void): void {
    this.skip = padding(size);
    if (size) this.collecting = { left: size, parts: [], done };
    else done(Buffer.alloc(0));
  }

  private header(h: Buffer): void {
    if (h.every((b) => b === 0)) {
      this.ended = true;
      return;
    }
    const sum = h.reduce((all, b, i) => all + (i >= 148 && i < 156 ? 32 : b), 0);
    if (number(h, 148, 8) !== sum) throw new TarFault('a header has a wrong checksum');
    const size = number(h, 124, 12);
    const flag = String.fromCharCode(h[156]!);
    if (flag === 'L' || flag === 'K') {
      if (size > longest) throw new TarFault('a name is too long');
      this.collect(size, (text) => {
        const name = text.toString('utf8').replace(/\0[^]*$/, '');
        if (flag === 'L') this.longName = name;
        else this.longTarget = name;
      });
      return;
    }
    const prefix = h.toString('latin1', 257, 263) === 'ustar\0' ? text(h, 345, 155) : '';
    const entry: TarEntry = {
      path: this.longName ?? (prefix ? `${prefix}/${text(h, 0, 100)}` : text(h, 0, 100)),
      type: types[flag] ?? 'unknown',
      mode: number(h, 100, 8),
      uid: number(h, 108, 8),
      gid: number(h, 116, 8),
      size,
      target: this.longTarget ?? text(h, 157, 100),
    };
    this.longName = this.longTarget = undefined;
    this.entry(entry);
    if (this.content && entry.type === 'file' && size <= largest)
      this.collect(size, (data) => this.content!(entry, data));
    else this.skip = size + padding(size);
  }
}

const padding = (size: number): number => (block - (size % block)) % block;

function text(h: Buffer, at: number, length: number): string {
  const end = h.indexOf(0, at);
  return h.toString('utf8', at, end < 0 || end > at + length ? at + length : end);
}

/** Octal digits, or a binary number where the first bit is set. */
function number(h: Buffer, at: number, length: number): number {
  if (h[at]! & 0x80) {
    let value = h[at]! & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + h[at + i]!;
    if (!Number.isSafeInteger(value)) throw new TarFault('a number is too large');
    return value;
  }
  const digits = h
    .toString('latin1', at, at + length)
    .replace(/[\0 ]+$/, '')
    .trimStart();
  if (!/^[0-7]*$/.test(digits)) throw new TarFault('a header holds no number where one belongs');
  return digits ? parseInt(digits, 8) : 0;
}

/** A tar archive of small files, owned by root, all of one time. */
export function writeTar(files: readonly { path: string; data: string }[], seconds: number): Buffer {
  const parts: Buffer[] = [];
  const add = (path: string, flag: '0' | '5', mode: number, data: Buffer) => {
    const h = Buffer.alloc(block);
    const octal = (value: number, at: number, length: number) =>
      h.write(`${value.toString(8).padStart(length - 1, '0')}\0`, at, 'latin1');
    h.write(path, 0, 100, 'utf8');
    octal(mode, 100, 8);
    octal(0, 108, 8);
    octal(0, 116, 8);
    octal(data.length, 124, 12);
    octal(seconds, 136, 12);
    h.write(flag, 156, 'latin1');
    h.write('ustar\x0000', 257, 'latin1');
    h.write('root', 265, 'latin1');
    h.write('root', 297, 'latin1');
    h.fill(' ', 148, 156);
    h.write(
      `${h
        .reduce((all, b) => all + b, 0)
        .toString(8)
        .padStart(6, '0')}\0 `,
      148,
      'latin1',
    );
    parts.push(h, data, Buffer.alloc(padding(data.length)));
  };
  add('./', '5', 0o755, Buffer.alloc(0));
  for (const { path, data } of files) add(`./${path}`, '0', 0o644, Buffer.from(data));
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}
