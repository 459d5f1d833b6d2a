import { append } from '../model/lists.ts';
import type { ChildProcess } from 'node:child_process';
import { childrenOf, descendantsOf, isRunning, killThose, type Process } from './children.ts';

/** Milliseconds that a program has to end by itself, and that its pipes stay open afterwards. */
const [patience, linger] = [3000, 2000];

/** How a program is ended, with all that it started: a program of git's that talks to a server outlives git. */
export class Killing {
  /** Processes to wait for after the program has ended. */
  readonly awaited: Process[] = [];
  /** Processes that it had started when it was to end. */
  private known: Process[] = [];
  private timer: NodeJS.Timeout | undefined;

  /** `kind`: as in RunOptions; `politely`: by SIGTERM first. */
  constructor(
    private readonly child: ChildProcess,
    private readonly kind: 'entry' | 'tree' | 'politely',
  ) {}

  /** Asks the program to end, and kills it a moment later. */
  readonly stop = (): void => {
    const ids = this.own();
    if (this.kind === 'entry') append(this.awaited, ids.flatMap(childrenOf));
    else this.known = descendantsOf(ids);
    if (this.kind === 'politely') this.child.kill('SIGTERM');
    else this.kill();
    this.timer = setTimeout(() => {
      this.kill();
      this.timer = setTimeout(() => {
        for (const pipe of [this.child.stdout, this.child.stderr]) pipe?.destroy();
      }, linger);
    }, patience);
  };

  kill(): void {
    const below = this.kind === 'entry' ? [] : this.below();
    this.child.kill('SIGKILL');
    killThose(below);
    if (this.kind === 'tree') append(this.awaited, below);
  }

  done(): void {
    clearTimeout(this.timer);
  }

  private below(): Process[] {
    const left = this.known.filter(isRunning);
    return [...left, ...descendantsOf([...this.own(), ...left.map((p) => p.id)])];
  }

  /** Its number, until it has ended: then another process may have it. */
  private own(): number[] {
    const { pid, exitCode, signalCode } = this.child;
    return pid === undefined || exitCode !== null || signalCode !== null ? [] : [pid];
  }
}
