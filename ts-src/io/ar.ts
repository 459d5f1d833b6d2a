import { closeSync, constants, createReadStream, fstatSync, openSync, readSync } from 'node:fs';
import { writeStream } from './write.ts';

/** A member of an ar archive, such as a Debian package: the position of its bytes in the file. */
export interface ArMember {
  name: string;
  at: number;
  size: number;
}

const magic = '!<arch>\n';

/** The members of an ar archive (at most ten; a Debian package has three); undefined if it is not one. */
export function arMembers(file: string): ArMember[] | undefined {
  const handle = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const stat = fstatSync(handle);
    if (!stat.isFile()) return undefined;
    const read = (at: number, length: number): string => {
      const bytes = Buffer.alloc(length);
      return bytes.toString('latin1', 0, readSync(handle, bytes, 0, length, at));
    };
    if (read(0, magic.length) !== magic) return undefined;
    const members: ArMember[] = [];
    for (let at = magic.length; at < stat.size && members.length < 10;) {
      const [, name, size] = /^([^/ ]+)\/? *\d* *\d* *\d* *[0-7]* *(\d{1,10}) *`\n$/.exec(read(at, 60)) ?? [];
      if (name === undefined || at + 60 + Number(size) > stat.size) return undefined;
      members.push({ name, at: at + 60, size: Number(size) });
      at += 60 + Number(size) + (Number(size) % 2);
    }
    return members;
  } finally {
    closeSync(handle);
  }
}

export function readMember(file: string, { at, size }: ArMember): Buffer {
  const handle = openSync(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
  try {
    const bytes = Buffer.alloc(size);
    return bytes.subarray(0, readSync(handle, bytes, 0, size, at));
  } finally {
    closeSync(handle);
  }
}

/** A member to write: bytes, or a member of another archive. */
export type ArPart = { name: string; data: Buffer } | { name: string; from: string; member: ArMember };

/** Writes an ar archive. All members are owned by root and have the same time. */
export async function writeAr(file: string, parts: readonly ArPart[], seconds: number): Promise<void> {
  async function* bytes(): AsyncGenerator<Buffer> {
    yield Buffer.from(magic);
    for (const part of parts) {
      const size = 'data' in part ? part.data.length : part.member.size;
      const fields = [part.name.padEnd(16), String(seconds).padEnd(12), '0     ', '0     ', '100644  '];
      yield Buffer.from(`${fields.join('')}${String(size).padEnd(10)}\`\n`);
      if ('data' in part) yield part.data;
      else if (size) {
        const { at } = part.member;
        yield* createReadStream(part.from, { start: at, end: at + size - 1 }) as AsyncIterable<Buffer>;
      }
      if (size % 2) yield Buffer.from('\n');
    }
  }
  await writeStream(file, bytes(), 'wx');
}
