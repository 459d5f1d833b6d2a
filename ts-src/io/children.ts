import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

/** A process; another one with its number began at another time. */
interface Process {
  id: number;
  begun: string;
}

/** The direct children of a process of this one; empty if this kernel does not list them. */
export function childrenOf(parent: number): Process[] {
  const ids = read(`/proc/${parent}/task/${parent}/children`)?.split(' ').filter(Boolean) ?? [];
  return ids.flatMap((id) => {
    const found = stateOf(Number(id));
    return found ? [{ id: Number(id), begun: found.begun }] : [];
  });
}

/**
 * Waits until processes that were killed have ended. The first process of a PID namespace becomes a zombie only when no
 * other one is left in it.
 */
export async function ended(processes: readonly Process[]): Promise<void> {
  const runs = ({ id, begun }: Process): boolean => {
    const now = stateOf(id);
    return now !== undefined && now.begun === begun && !/[ZX]/.test(now.state);
  };
  while (processes.some(runs)) await sleep(5);
}

/** proc(5), /proc/PID/stat: the fields after the name, which may contain anything. */
function stateOf(id: number): { state: string; begun: string } | undefined {
  const text = read(`/proc/${id}/stat`);
  const fields = text?.slice(text.lastIndexOf(')') + 2).split(' ');
  return fields && { state: fields[0] ?? '', begun: fields[19] ?? '' };
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
