/** A member of a tar archive; `size` bytes of content follow. */
export interface TarMember {
  /** Path without leading `./` and trailing `/`; empty for the top folder. */
  path: string;
  kind: 'file' | 'folder' | 'link' | 'hard link';
  mode: number;
  user: number;
  group: number;
  /** Names of the user and the group; where they are not empty, dpkg looks them up and ignores the numbers. */
  owners: [string, string];
  size: number;
  /** Seconds since 1970. */
  time: number;
  /** Target of a link, as written. */
  target: string;
}

/** Receives the content of a member. */
export interface TarSink {
  write(data: Buffer): void;
  end(): void;
}

/** The archive differs from dpkg-deb's format. */
export class TarError extends Error {}

const block = 512;
/** Limits of a name's length, and of padding after the end. */
const longest = 64 << 10;
const longestPadding = 1 << 20;

const kinds: Record<string, TarMember['kind']> = {
  '0': 'file',
  '\0': 'file',
  '1': 'hard link',
  '2': 'link',
  '5': 'folder',
};
const others: Record<string, string> = {
  '3': 'a device',
  '4': 'a device',
  '6': 'a FIFO',
  x: 'extended attributes',
  g: 'extended attributes',
};

/**
 * A streaming reader for tar archives of dpkg-deb (ustar with GNU's long names). Throws on anything else (devices,
 * extended attributes, sparse files). `begin` returns a sink for a member's content; without one the content is
 * skipped. Buffers at most a header or a long name.
 */
export class TarReader {
  private held: Buffer = Buffer.alloc(0);
  /** Remaining bytes of the member's content, and of its padding. */
  private content = 0;
  private padding = 0;
  private sink: TarSink | undefined;
  private longName: string | undefined;
  private longTarget: string | undefined;
  private ended = false;
  private after = 0;

  constructor(private readonly begin: (member: TarMember) => TarSink | undefined) {}

  push(chunk: Buffer): void {
    if (this.ended) return this.pad(chunk);
    this.held = this.held.length ? Buffer.concat([this.held, chunk]) : chunk;
    for (;;) {
      if (this.content > 0) {
        const part = this.take(this.content);
        if (!part.length) return;
        this.content -= part.length;
        this.sink?.write(part);
        if (this.content > 0) return;
        this.close();
      } else if (this.padding > 0) {
        const part = this.take(this.padding);
        if (!part.length) return;
        this.padding -= part.length;
      } else {
        if (this.held.length < block) return;
        const header = this.take(block);
        if (header.every((b) => b === 0)) {
          this.ended = true;
          return this.pad(this.held);
        }
        this.header(header);
      }
    }
  }

  /** Call it after the last `push`. */
  end(): void {
    if (!this.ended) throw new TarError('it ends in the middle');
  }

  /** Closes the sink of an incomplete member if reading ended early. */
  close(): void {
    const { sink } = this;
    this.sink = undefined;
    sink?.end();
  }

  private pad(rest: Buffer): void {
    this.after += rest.length;
    if (this.after > longestPadding || rest.some((b) => b !== 0)) throw new TarError('something follows its end');
  }

  private take(most: number): Buffer {
    const part = this.held.subarray(0, most);
    this.held = this.held.subarray(part.length);
    return part;
  }

  private expect(size: number, sink: TarSink | undefined): void {
    this.content = size;
    this.padding = (block - (size % block)) % block;
    this.sink = sink;
    if (size === 0) this.close();
  }

  private header(h: Buffer): void {
    checkSum(h);
    const type = String.fromCharCode(h[156] ?? 0);
    const size = number(h, 124, 12);
    if (type === 'L' || type === 'K') return this.long(type, size);
    const name = this.longName ?? string(h, 0, 100);
    const kind = kinds[type];
    if (!kind) throw new TarError(`${JSON.stringify(name)} is ${others[type] ?? 'of a kind that no package needs'}`);
    // Some readers take it for a folder, and its content for further members.
    if (kind === 'file' && name.endsWith('/'))
      throw new TarError(`${JSON.stringify(name)} is a file named as a folder`);
    const ustar = this.longName === undefined && h.toString('latin1', 257, 263) === 'ustar\0';
    const prefix = ustar ? string(h, 345, 155) : '';
    const member: TarMember = {
      path: (prefix ? `${prefix}/${name}` : name).replace(/^\.\//, '').replace(/\/$/, '').replace(/^\.$/, ''),
      kind,
      mode: number(h, 100, 8),
      user: number(h, 108, 8),
      group: number(h, 116, 8),
      owners: [string(h, 265, 32), string(h, 297, 32)],
      size: kind === 'file' ? size : 0,
      time: number(h, 136, 12),
      target: this.longTarget ?? string(h, 157, 100),
    };
    this.longName = this.longTarget = undefined;
    this.expect(member.size, this.begin(member));
  }

  private long(type: 'L' | 'K', size: number): void {
    if (size > longest) throw new TarError('it has a name that is too long');
    if ((type === 'L' ? this.longName : this.longTarget) !== undefined) throw new TarError('it has a name twice');
    const parts: Buffer[] = [];
    this.expect(size, {
      write: (part) => parts.push(Buffer.from(part)),
      end: () => {
        const text = string(Buffer.concat(parts), 0, size);
        if (type === 'L') this.longName = text;
        else this.longTarget = text;
      },
    });
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

/** Octal digits, or a binary number if the first bit is set. */
function number(header: Buffer, at: number, length: number): number {
  const field = header.subarray(at, at + length);
  const first = field[0] ?? 0;
  if (first & 0x80) {
    let value = first & 0x7f;
    for (const byte of field.subarray(1)) value = value * 256 + byte;
    if (!Number.isSafeInteger(value)) throw new TarError('it has a number that is too large');
    return value;
  }
  const text = field
    .toString('latin1')
    .replace(/[\0 ]+$/, '')
    .trimStart();
  if (!/^[0-7]*$/.test(text)) throw new TarError('it has a damaged header');
  return text === '' ? 0 : parseInt(text, 8);
}

function checkSum(header: Buffer): void {
  let sum = 0;
  for (let i = 0; i < block; i++) sum += i >= 148 && i < 156 ? 32 : (header[i] ?? 0);
  if (sum !== number(header, 148, 8)) throw new TarError('it has a damaged header');
}

/** Reads a small archive in memory: members with contents. */
export function readTar(tar: Buffer): { member: TarMember; data: Buffer }[] {
  const found: { member: TarMember; data: Buffer }[] = [];
  const reader = new TarReader((member) => {
    const parts: Buffer[] = [];
    const entry = { member, data: Buffer.alloc(0) };
    found.push(entry);
    return { write: (part) => parts.push(part), end: () => (entry.data = Buffer.concat(parts)) };
  });
  reader.push(tar);
  reader.end();
  return found;
}

/** A small file of an archive; a folder if the path ends with a slash. Default mode: 0644. */
export interface TarFile {
  path: string;
  data: string | Buffer;
  mode?: number;
}

/** A tar archive of small files, owned by root, all with the same time. */
export function writeTar(files: readonly TarFile[], seconds: number): Buffer {
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
    parts.push(h, data, Buffer.alloc((block - (data.length % block)) % block));
  };
  add('./', '5', 0o755, Buffer.alloc(0));
  for (const { path, data, mode } of files)
    if (path.endsWith('/')) add(`./${path}`, '5', mode ?? 0o755, Buffer.alloc(0));
    else add(`./${path}`, '0', mode ?? 0o644, Buffer.from(data));
  return Buffer.concat([...parts, Buffer.alloc(2 * block)]);
}
