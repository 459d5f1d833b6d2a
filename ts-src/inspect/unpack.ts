import { closeSync, linkSync, lutimesSync, mkdirSync, openSync, symlinkSync, utimesSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { TarMember, TarSink } from '../io/tar.ts';
import { readDeb, type DebContents, type DebPolicy } from './deb.ts';

/**
 * Unpacks a Debian package into a new folder. Only files, folders and links that the policy allows are made, by us,
 * with plain modes: nothing in the package can reach another path, and no set-user-id file comes into being.
 */
export async function unpackPackage(file: string, folder: string, policy: DebPolicy): Promise<DebContents> {
  mkdirSync(folder, { recursive: true, mode: 0o755 });
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
  // What was put into a folder has changed its time.
  for (const [path, time] of folders.reverse()) utimesSync(path, time, time);
  return contents;
}

function writer(path: string, member: TarMember): TarSink {
  const handle = openSync(path, 'wx', member.mode & 0o111 ? 0o755 : 0o644);
  return {
    write(data) {
      for (let written = 0; written < data.length;) written += writeSync(handle, data, written);
    },
    end() {
      closeSync(handle);
      utimesSync(path, member.time, member.time);
    },
  };
}
