import { append } from '../model/lists.ts';
import { readdirSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process; another one with its number began at another time. */
export interface Process {
  id: number;
  begun: string;
}

/** The direct children of a process of this one; empty if this kernel does not list them. */
export function childrenOf(parent: number): Process[] {
  const ids = read(`/proc/${parent}/task/${parent}/children`)?.split(' ').filter(Boolean) ?? [];
  return ids.flatMap((id) => processOf(Number(id)) ?? []);
}

/** The process with a number; undefined if none has it. */
export function processOf(id: number): Process | undefined {
  const found = stateOf(id);
  return found && { id, begun: found.begun };
}

/** All processes below some, in whatever sessions and PID namespaces they are. */
export function descendantsOf(parents: readonly number[]): Process[] {
  const children = new Map<number, Process[]>();
  for (const name of readdirSync('/proc')) {
    const id = Number(name);
    const found = /^\d+$/.test(name) ? stateOf(id) : undefined;
    if (!found) continue;
    const others = children.get(found.parent);
    if (others) others.push({ id, begun: found.begun });
    else children.set(found.parent, [{ id, begun: found.begun }]);
  }
  const below = parents.flatMap((id) => children.get(id) ?? []);
  for (const { id } of below) append(below, children.get(id) ?? []);
  return below;
}

/** Kills processes of a list that still run. Those of other users stay. */
export function killThose(processes: readonly Process[]): void {
  for (const one of processes)
    try {
      if (isRunning(one)) process.kill(one.id, 'SIGKILL');
    } catch {
      /* it has just ended, or belongs to another user */
    }
}

export function isRunning({ id, begun }: Process): boolean {
  const now = stateOf(id);
  return now !== undefined && now.begun === begun && !/[ZX]/.test(now.state);
}

/** Milliseconds to wait for killed processes: the kernel may keep one whose file system does not answer. */
const longest = 60_000;

/**
 * Waits until processes that were killed have ended. The first process of a PID namespace becomes a zombie only when no
 * other one is left in it.
 */
export async function ended(processes: readonly Process[], time = longest): Promise<void> {
  const until = performance.now() + time;
  while (processes.some(isRunning) && performance.now() < until) await sleep(5);
}

/** proc(5), /proc/PID/stat: the fields after the name, which may contain anything. */
function stateOf(id: number): { state: string; parent: number; begun: string } | undefined {
  const text = read(`/proc/${id}/stat`);
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields && { state: fields[0] ?? '', parent: Number(fields[1]), begun: fields[19] ?? '' };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
