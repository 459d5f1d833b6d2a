import { closeSync, ftruncateSync, linkSync, lutimesSync, mkdirSync, openSync, symlinkSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { naming, writeBytes } from '../io/write.ts';
import { makeFolder } from '../io/files.ts';
import type { TarMember, TarSink } from '../io/tar.ts';
import { readDeb, type DebContents, type DebPolicy } from './deb.ts';

/**
 * Unpacks a Debian package into a new folder. Creates only files, folders and symlinks that the policy allows, with
 * plain modes: a package can't reach other paths, and no set-user-id file is created.
 */
export async function unpackPackage(file: string, folder: string, policy: DebPolicy): Promise<DebContents> {
  makeFolder(folder, 0o755);
  const folders: [string, number][] = [];
  const contents = await readDeb(file, policy, (member) => {
    const path = join(folder, member.path);
    if (member.kind === 'file') return writer(path, member);
    if (member.kind === 'folder') {
      if (member.path !== '') mkdirSync(path, 0o755);
      folders.push([path, member.time]);
    } else if (member.kind === 'link') {
      symlinkSync(member.target, path);
      lutimesSync(path, member.time, member.time);
    } else linkSync(join(folder, member.target), path);
    return undefined;
  });
  // Writing into a folder changed its time.
  for (const [path, time] of folders.reverse()) utimesSync(path, time, time);
  return contents;
}

/** Blocks of zeros become holes, so that a sparse file takes no more room than in the original. */
const block = 4096;
const zeros = Buffer.alloc(block);

/** Offsets (begin, end) of the parts without blocks of zeros. */
function* written(data: Buffer): Generator<[number, number]> {
  let begin = 0;
  for (let at = 0; at + block <= data.length; at += block) {
    if (data.compare(zeros, 0, block, at, at + block) !== 0) continue;
    if (begin < at) yield [begin, at];
    begin = at + block;
  }
  if (begin < data.length) yield [begin, data.length];
}

function writer(path: string, member: TarMember): TarSink {
  const handle = openSync(path, 'wx', member.mode & 0o111 ? 0o755 : 0o644);
  let size = 0;
  return {
    write(data) {
      for (const [begin, end] of written(data)) writeBytes(handle, data.subarray(begin, end), path, size + begin);
      size += data.length;
    },
    end() {
      naming(path, () => ftruncateSync(handle, size));
      closeSync(handle);
      utimesSync(path, member.time, member.time);
    },
  };
}
