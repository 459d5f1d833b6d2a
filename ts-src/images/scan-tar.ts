const block = 512;
/** Larger files can't be keys and are not scanned. */
const largest = 16 << 20;

const text = (h: Buffer, at: number, length: number): string =>
  h.toString('latin1', at, at + length).replace(/\0[^]*$/, '');

/** A number in a header: octal digits, or binary if the first bit is set. */
function number(h: Buffer, at: number, length: number): number {
  if (((h[at] ?? 0) & 0x80) !== 0) {
    let value = (h[at] ?? 0) & 0x7f;
    for (let i = 1; i < length; i++) value = value * 256 + (h[at + i] ?? 0);
    return value;
  }
  return parseInt(text(h, at, length).trim() || '0', 8);
}

/**
 * Streams through a tar archive of mmdebstrap or GNU tar (ustar, GNU, pax). Calls `found` with the path and content of
 * each regular file; large files have no content.
 */
export class TarScanner {
  private held: Buffer = Buffer.alloc(0);
  private skip = 0;
  private collecting: { left: number; parts: Buffer[]; done: (content: Buffer) => void } | undefined;
  private longName: string | undefined;

  constructor(private readonly found: (path: string, size: number, content: Buffer | undefined) => void) {}

  push(chunk: Buffer): void {
    this.held = this.held.length ? Buffer.concat([this.held, chunk]) : chunk;
    while (this.held.length) {
      if (this.collecting) this.collect(this.collecting);
      else if (this.skip > 0) this.skip -= this.take(this.skip).length;
      else if (this.held.length >= block) this.header(this.take(block));
      else return;
    }
  }

  private take(most: number): Buffer {
    const part = this.held.subarray(0, most);
    this.held = this.held.subarray(part.length);
    return part;
  }

  private collect(member: { left: number; parts: Buffer[]; done: (content: Buffer) => void }): void {
    const part = this.take(member.left);
    member.parts.push(part);
    member.left -= part.length;
    if (member.left > 0) return;
    this.collecting = undefined;
    member.done(Buffer.concat(member.parts));
  }

  private header(h: Buffer): void {
    if (h[0] === 0) return;
    const size = number(h, 124, 12);
    const type = String.fromCharCode(h[156] ?? 0);
    const padding = (block - (size % block)) % block;
    const keep = (done: (content: Buffer) => void) => {
      this.skip = padding;
      if (size > 0) this.collecting = { left: size, parts: [], done };
    };
    if ((type === 'L' || type === 'x') && size <= 1 << 20) {
      keep((content) => {
        this.longName = type === 'L' ? text(content, 0, content.length) : (paxPath(content) ?? this.longName);
      });
      return;
    }
    const prefix = text(h, 345, 155);
    const path = this.longName ?? (prefix ? `${prefix}/${text(h, 0, 100)}` : text(h, 0, 100));
    this.longName = undefined;
    const plain = type === '0' || type === '\0';
    if (plain && size > 0 && size <= largest) {
      keep((content) => this.found(path, size, content));
      return;
    }
    if (plain) this.found(path, size, undefined);
    this.skip = size + padding;
  }
}

/** The path in an extended header, as latin1. */
const paxPath = (content: Buffer): string | undefined =>
  /(?:^|\n)\d+ path=([^\n]*)\n/.exec(content.toString('latin1'))?.[1];
