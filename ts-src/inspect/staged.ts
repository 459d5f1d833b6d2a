import { lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs';
import { join } from 'node:path';
import { shownName } from '../io/untrusted.ts';
import { longestPath, mostPaths, targetFault, type Member } from './members.ts';
import { messageOf } from '../io/faults.ts';
import { sizeText } from '../model/sizes.ts';

/** Maximum number of members of a package. */
const most = 500_000;

/** The staged members of a build; symlinks are not followed. Returns a message if they can't be read. */
export function stagedMembers(root: string, longest = mostPaths): { members: Member[]; size: number } | string {
  const members: Member[] = [];
  let kilobytes = 0;
  let paths = 0;
  const stack = [''];
  try {
    if (!lstatSync(root).isDirectory()) return 'what it installed is no folder';
    for (let folder = stack.pop(); folder !== undefined; folder = stack.pop()) {
      for (const name of readdirSync(join(root, folder))) {
        const path = `${folder}/${name}`;
        // The name is not UTF-8, so the decoded name would not find the file.
        if (name.includes('\ufffd')) return `it installed ${shownName(path)}, whose name is no UTF-8`;
        if (Buffer.byteLength(path) > longestPath)
          return `it installed a path of more than ${longestPath} bytes: ${shownName(path)}`;
        const stat = lstatSync(join(root, path));
        const type = typeOf(stat);
        if (type === 'directory') stack.push(path);
        const target = type === 'link' ? readlinkSync(join(root, path)) : '';
        const fault = targetFault(target);
        if (fault !== undefined) return `it installed ${shownName(path)}, which ${fault}`;
        paths += Buffer.byteLength(path) + Buffer.byteLength(target);
        if (paths > longest) return `the paths that it installed are longer than ${sizeText(longest)} together`;
        members.push({ path, type, mode: stat.mode & 0o7777, target });
        // dpkg's size: files in KiB, rounded up; everything else counts as one.
        kilobytes += type === 'file' ? Math.ceil(stat.size / 1024) : 1;
        if (members.length > most) return `it installed more than ${most} files`;
      }
    }
  } catch (e) {
    return `what it installed can't be read: ${shownName(messageOf(e))}`;
  }
  return { members, size: kilobytes };
}

function typeOf(stat: Stats): Member['type'] {
  if (stat.isFile()) return 'file';
  if (stat.isDirectory()) return 'directory';
  if (stat.isSymbolicLink()) return 'link';
  if (stat.isFIFO()) return 'FIFO';
  return stat.isSocket() ? 'socket' : 'device';
}
