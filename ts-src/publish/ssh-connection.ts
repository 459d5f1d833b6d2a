import { lastLine, linesOf } from '../text/cut.ts';
import { lstatSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeFolder } from '../io/files.ts';
import { plainEnvironment, run, type Outcome } from '../io/process.ts';
import { shownName } from '../io/untrusted.ts';
import { whileWaiting } from '../io/signals.ts';
import { slowly, transferTime } from '../io/slow.ts';
import { sha256 } from '../model/digest.ts';
import { remoteName, type RemotePlace } from '../model/remote-place.ts';
import { shellQuote } from '../render/template.ts';
import { hostScript } from './ssh-script.ts';

/** Exit codes of the host's script with a meaning. */
export const absent = 44;
const lacking = 45;
const damaged = 46;

/** Parallel sessions on one connection; sshd's default limit is ten. */
const most = 6;
/** Milliseconds before retries after a lost connection. */
const pauses = [1000, 4000];

/** Milliseconds after which a host that says nothing is given up. Commands compute digests; the lock may be held. */
export const patience = { check: 60_000, command: 30 * 60_000, lock: 2 * 3_600_000 };
/** Limit of an answer in bytes. */
const largestAnswer = 256 << 20;

/** An error of the host or the network, shown to people as it is. */
const fault = (message: string): Error => Object.assign(new Error(message), { code: 'ESTORE' });

/** Runs the host's script and rsync over one shared ssh(1) connection. */
export class SshConnection {
  private readonly options: string[];
  private ready: Promise<void> | undefined;
  private running = 0;
  private readonly waiting: (() => void)[] = [];

  constructor(readonly place: RemotePlace) {
    const own = [
      ['BatchMode', 'yes'],
      ['ConnectTimeout', '15'],
      ['ServerAliveInterval', '15'],
      ['ServerAliveCountMax', '4'],
      ...(place.key === undefined
        ? []
        : [
            ['IdentityFile', quoted(place.key)],
            ['IdentitiesOnly', 'yes'],
          ]),
      ...(place.knownHosts === undefined ? [] : [['UserKnownHostsFile', quoted(place.knownHosts)]]),
      ...(place.port === undefined ? [] : [['Port', String(place.port)]]),
      ...(place.user === undefined ? [] : [['User', place.user]]),
    ];
    // One connection per set of login options, shared by all runs. It ends when unused.
    const path = join(socketFolder(), `${sha256(JSON.stringify(own)).slice(0, 8)}-%C`);
    const shared = [
      ['ControlMaster', 'auto'],
      ['ControlPath', path],
      ['ControlPersist', '10'],
    ];
    this.options = [...own, ...shared].flatMap(([name = '', value = '']) => ['-o', `${name}=${value}`]);
  }

  private get host(): string {
    return this.place.host.replace(/^\[|\]$/g, '');
  }

  private command(name: string): string {
    return ['sh', '-c', hostScript, 'sh', this.place.path, name].map(shellQuote).join(' ');
  }

  /** Checks once that the host can be reached and has the programs for publishing. */
  open(): Promise<void> {
    return (this.ready ??= this.check());
  }

  private async check(): Promise<void> {
    const seen = await this.ssh('check', undefined, []);
    if (seen.code === 0 && seen.stdout === 'ready\n') return;
    if (seen.code === 0) throw this.strange(seen.stdout);
    if (seen.code === lacking)
      throw fault(`${remoteName(this.place)}: the host ${shownName(lastLine(seen.stdout))}: install it there`);
    throw this.refusal(seen);
  }

  /** Runs a command of the script. Output is in bytes. */
  async ask(command: string, lines: readonly string[] = []): Promise<Outcome> {
    await this.open();
    const done = await this.ssh(command, lines.map((l) => `${l}\n`).join(''), pauses);
    if (done.code === 0 || done.code === absent) return done;
    if (done.code === damaged)
      throw fault(`${remoteName(this.place)}: a file arrived damaged: run the same command again`);
    throw this.refusal(done);
  }

  private ssh(command: string, input: string | undefined, again: readonly number[]): Promise<Outcome> {
    return this.inTurn(() => this.retried(again, () => this.call(command, input)));
  }

  private async call(command: string, input: string | undefined): Promise<Outcome> {
    const time = command === 'check' ? patience.check : patience.command;
    const signal = AbortSignal.timeout(time);
    const chunks: Buffer[] = [];
    let size = 0;
    const onOutput = (chunk: Buffer): void => {
      size += chunk.length;
      if (size > largestAnswer) throw fault(`${remoteName(this.place)}: the host answers too much`);
      chunks.push(chunk);
    };
    const done = await slowly(
      this.host,
      run('ssh', [...this.options, '--', this.host, this.command(command)], {
        onOutput,
        limit: 1 << 20,
        signal,
        ...(input === undefined ? {} : { input: Buffer.from(input) }),
      }),
    );
    if (signal.aborted) throw this.silent(time);
    return { ...done, stdout: Buffer.concat(chunks).toString('latin1') };
  }

  /** Text of a shell's start-up files would be taken for answers. */
  private strange(said: string): Error {
    return fault(
      `${remoteName(this.place)}: the host answers ${JSON.stringify(said.slice(0, 200))}, which is not understood: ` +
        'without a terminal, the start-up files of its shell may print nothing',
    );
  }

  /** Runs a command of the script that answers each line by one of these words. */
  async words(command: string, lines: readonly string[], known: readonly string[]): Promise<string[]> {
    const { stdout } = await this.ask(command, lines);
    const said: string[] = [];
    for (const word of linesOf(stdout.slice(0, -1))) if (said.push(word) > lines.length) break;
    if (said.length !== lines.length || !stdout.endsWith('\n') || !said.every((word) => known.includes(word)))
      throw this.strange(stdout);
    return said;
  }

  private silent(time: number): Error {
    return fault(`${remoteName(this.place)}: there was no answer in ${Math.ceil(time / 1000)} seconds`);
  }

  /**
   * Copies a folder's files, of so many bytes together, into the host's incoming folder; existing files stay. A host
   * that takes longer than `transferTime` is given up.
   */
  async send(folder: string, bytes: number): Promise<void> {
    await this.open();
    const ssh = ['ssh', ...this.options].map(shellQuote).join(' ');
    const args = [
      '-rL',
      '--whole-file',
      '--ignore-existing',
      '--perms',
      '--chmod=D755,F644',
      '--timeout=300',
      '-e',
      ssh,
    ];
    const target = `${this.place.host}:${this.place.path}/.slipway/incoming/`;
    const time = patience.command + transferTime(bytes);
    const done = await this.inTurn(() =>
      this.retried(pauses, async () => {
        const signal = AbortSignal.timeout(Math.ceil(time));
        const sent = await slowly(this.host, run('rsync', [...args, `${folder}/`, target], { limit: 1 << 20, signal }));
        if (signal.aborted) throw this.silent(time);
        return sent;
      }),
    );
    if (done.code === 127 && /ENOENT|not found/.test(done.stderr))
      throw fault('rsync is not there: install it on this machine');
    if (done.code !== 0) throw this.refusal(done);
  }

  /** Holds the host's lock while `work` runs. The lock ends with the connection, so a killed run leaves none behind. */
  async holding<T>(work: () => Promise<T>): Promise<T> {
    await this.open();
    const holder = spawn('ssh', [...this.options, '--', this.host, this.command('hold')], {
      stdio: ['pipe', 'pipe', 'pipe'],
      env: plainEnvironment(),
      detached: true,
    });
    let said = '';
    holder.stderr.setEncoding('utf8').on('data', (text: string) => (said = (said + text).slice(-4096)));
    const ended = new Promise<number>((resolve) => {
      holder.on('error', () => resolve(127));
      holder.on('exit', (code) => resolve(code ?? 128));
    });
    const kill = () => holder.kill('SIGKILL');
    let answer = '';
    const held = new Promise<boolean>((resolve) => {
      holder.stdout.setEncoding('latin1').on('data', (text: string) => {
        if (answer.includes('\n')) return;
        answer = (answer + text).slice(0, 200);
        if (answer === 'held\n') resolve(true);
        else if (!'held\n'.startsWith(answer)) kill();
      });
      void ended.then(() => resolve(false));
    });
    const late = setTimeout(kill, patience.lock);
    let stopped = false;
    const listening = whileWaiting(() => {
      stopped = true;
      kill();
    });
    const lock = `${remoteName(this.place)}/.slipway.lock`;
    const isHeld = await slowly(`the lock ${lock}, which another process may hold`, held);
    clearTimeout(late);
    listening();
    if (!isHeld && stopped) throw fault(`stopped while waiting for the lock ${lock}`);
    if (!isHeld && answer !== '') throw this.strange(answer);
    if (!isHeld && holder.killed) throw this.silent(patience.lock);
    if (!isHeld) throw this.refusal({ code: await ended, stderr: said });
    try {
      return await work();
    } finally {
      holder.stdin.end();
      const last = setTimeout(kill, patience.check);
      await ended;
      clearTimeout(last);
    }
  }

  private async inTurn<T>(work: () => Promise<T>): Promise<T> {
    if (this.running >= most) await new Promise<void>((resolve) => this.waiting.push(resolve));
    this.running++;
    try {
      return await work();
    } finally {
      this.running--;
      this.waiting.shift()?.();
    }
  }

  /** Retries after a lost connection, but not after a refused one. */
  private async retried(again: readonly number[], work: () => Promise<Outcome>): Promise<Outcome> {
    let done = await work();
    for (const pause of again) {
      if (!isCut(done)) return done;
      await sleep(pause);
      done = await work();
    }
    return done;
  }

  private refusal({ code, stderr }: Pick<Outcome, 'code' | 'stderr'>): Error {
    const where = remoteName(this.place);
    if (code === 127 && /ENOENT/.test(stderr)) return fault('ssh is not there: install openssh-client on this machine');
    const last = stderr.trim().split('\n').slice(-3).join(' ').slice(-400);
    const why = reasons.find(([pattern]) => pattern.test(stderr))?.[1];
    return fault(`${where}: ${why === undefined ? '' : `${why}: `}${last || `ssh ended with ${code}`}`);
  }
}

const quoted = (path: string): string => (path.includes(' ') ? `"${path}"` : path);

/** rsync reports failures of its ssh as 12 and 30, too. */
const isCut = ({ code, stderr }: Outcome): boolean =>
  [255, 12, 30].includes(code) &&
  /closed|reset|broken pipe|timed? ?out|mux_client/i.test(stderr) &&
  !/denied/.test(stderr);

const reasons: readonly [RegExp, string][] = [
  [
    /Permission denied \(/,
    'the host refuses the key: is its public half in authorized_keys ' +
      'there, and the right one named by key= or ssh-agent?',
  ],
  [
    /Host key verification failed|REMOTE HOST IDENTIFICATION/,
    "the host's key is not known here or has changed: add it to known_hosts",
  ],
  [/Could not resolve/, 'the name of the host is not known'],
  [/Connection refused/, 'nothing answers at that port'],
  [/timed out/, 'there was no answer in time'],
  [/No route to host|unreachable/, 'the host can not be reached'],
  [/No space left/, 'the disk of the host is full'],
  [/Read-only file system/, "the host's file system is read-only"],
  [/Permission denied/, 'the user may not write there'],
];

/** The folder for connection sockets. Short, because socket paths are limited. */
function socketFolder(): string {
  const folder = join(tmpdir(), `slipway-ssh-${process.getuid?.() ?? 0}`);
  makeFolder(folder, 0o700);
  // A symlink is refused: its owner could redirect it later.
  const found = lstatSync(folder);
  if (!found.isDirectory() || found.uid !== process.getuid?.() || (found.mode & 0o077) !== 0)
    throw fault(`${folder} is not a folder of this user alone: remove it`);
  return folder;
}
