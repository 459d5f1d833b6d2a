import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, readlinkSync, rmdirSync } from 'node:fs';
import { join } from 'node:path';
import { olderThanADay } from '../io/files.ts';
import { writeFile } from '../io/write.ts';
import type { Limits } from './limits.ts';

/** The control groups of one entry. */
export interface Group {
  folders: string[];
  /** Removes the groups. Returns the limit that was reached, if any. */
  close(): 'memory' | 'processes' | undefined;
}

interface Hierarchy {
  root: string;
  version: 1 | 2;
  controllers: ('memory' | 'pids')[];
}

const mountRoot = '/sys/fs/cgroup';

/** Hierarchies where groups can be created: version 2 as root, else version 1. Determined once. */
let found: Hierarchy[] | undefined;
export function controlGroups(): Hierarchy[] {
  return (found ??= process.getuid?.() === 0 ? (unified() ?? separate()) : []);
}

/** In version 2, only the root group may have both processes and limited children. */
function unified(): Hierarchy[] | undefined {
  try {
    const offered = readFileSync(join(mountRoot, 'cgroup.controllers'), 'utf8').trim().split(' ');
    if (!['memory', 'pids'].every((c) => offered.includes(c))) return undefined;
    writeFile(join(mountRoot, 'cgroup.subtree_control'), '+memory +pids');
    const hierarchy: Hierarchy = { root: mountRoot, version: 2, controllers: ['memory', 'pids'] };
    return usable(hierarchy) ? [hierarchy] : undefined;
  } catch {
    return undefined;
  }
}

const separate = (): Hierarchy[] =>
  (['memory', 'pids'] as const)
    .map((c): Hierarchy => ({ root: ownGroup(c), version: 1, controllers: [c] }))
    .filter((h) => existsSync(join(h.root, 'cgroup.procs')) && usable(h));

/**
 * Groups are created below this process's own, so that its limits apply, too. A container may see its own group as the
 * root.
 */
function ownGroup(controller: string): string {
  const line = readFileSync('/proc/self/cgroup', 'utf8')
    .split('\n')
    .find((l) => l.split(':')[1]?.split(',').includes(controller));
  const own = join(mountRoot, controller, line?.split(':').slice(2).join(':') ?? '');
  return existsSync(join(own, 'cgroup.procs')) ? own : join(mountRoot, controller);
}

function usable(hierarchy: Hierarchy): boolean {
  sweep(hierarchy);
  const group = join(hierarchy.root, name());
  try {
    mkdirSync(group);
    rmdirSync(group);
    return true;
  } catch {
    return false;
  }
}

/** This process's PID namespace: process ids are only meaningful within their own. */
const ownSpace = (): string => /\d+/.exec(readlinkSync('/proc/self/ns/pid'))?.[0] ?? '0';

const name = (): string => `slipway-${ownSpace()}-${process.pid}-${randomBytes(4).toString('hex')}`;

/**
 * Removes groups of killed slipway processes. A process in another container can't be seen from here and may be about
 * to enter its group, so such groups are kept for a day.
 */
function sweep({ root }: Hierarchy): void {
  try {
    const own = ownSpace();
    for (const entry of readdirSync(root)) {
      const [, space, pid] = /^slipway-(\d+)-(\d+)-[0-9a-f]{8}$/.exec(entry) ?? [];
      if (!pid) continue;
      const group = join(root, entry);
      if (space === own ? !existsSync(`/proc/${pid}`) : olderThanADay(group)) remove(group);
    }
  } catch {
    /* an unreadable folder has no groups of Slipway */
  }
}

function remove(group: string): void {
  try {
    rmdirSync(group);
  } catch {
    /* a process in it is still ending; the next run removes it */
  }
}

/** Creates the groups of one entry; undefined if this machine can't limit memory. */
export function openGroup(limits: Limits): Group | undefined {
  const hierarchies = controlGroups();
  if (!hierarchies.some((h) => h.controllers.includes('memory'))) return undefined;
  const own = name();
  const made: { folder: string; hierarchy: Hierarchy }[] = [];
  try {
    for (const hierarchy of hierarchies) {
      const folder = join(hierarchy.root, own);
      mkdirSync(folder);
      made.push({ folder, hierarchy });
      if (hierarchy.controllers.includes('pids')) writeFile(join(folder, 'pids.max'), String(limits.processes));
      if (hierarchy.controllers.includes('memory')) limitMemory(folder, hierarchy.version, limits.memory);
    }
  } catch {
    for (const { folder } of made) remove(folder);
    return undefined;
  }
  return {
    folders: made.map((m) => m.folder),
    close() {
      const met = made.map((m) => limitMet(m.folder, m.hierarchy)).find((m) => m !== undefined);
      for (const { folder } of made) remove(folder);
      return met;
    },
  };
}

function limitMemory(folder: string, version: 1 | 2, bytes: number): void {
  writeFile(join(folder, version === 2 ? 'memory.max' : 'memory.limit_in_bytes'), String(bytes));
  const swap = join(folder, version === 2 ? 'memory.swap.max' : 'memory.memsw.limit_in_bytes');
  if (existsSync(swap)) writeFile(swap, version === 2 ? '0' : String(bytes));
}

function limitMet(folder: string, { version, controllers }: Hierarchy): 'memory' | 'processes' | undefined {
  const count = (file: string, key: string): number => {
    try {
      return Number(new RegExp(`^${key} (\\d+)$`, 'm').exec(readFileSync(join(folder, file), 'utf8'))?.[1] ?? 0);
    } catch {
      return 0;
    }
  };
  if (controllers.includes('memory') && count(version === 2 ? 'memory.events' : 'memory.oom_control', 'oom_kill'))
    return 'memory';
  return controllers.includes('pids') && count('pids.events', 'max') ? 'processes' : undefined;
}
