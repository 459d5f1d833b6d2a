import { spawn, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { get, request } from 'node:http';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadCommands } from '../../ts-src/cli/all.ts';
import { helpOf, optionsOf, overview } from '../../ts-src/cli/help.ts';
import { manualPage } from '../../ts-src/cli/manual.ts';

const commands = await loadCommands();
const bundle = join(__dirname, '../../resources/slipway.cjs');
const slipway = (...args: string[]) => spawnSync('node', [bundle, ...args], { encoding: 'utf8' });
let output = '';
beforeAll(() => {
  output = mkdtempSync(join(tmpdir(), 'slipway-commands-'));
  mkdirSync(join(output, 'logs/mini/bookworm-amd64'), { recursive: true });
  writeFileSync(join(output, 'logs/mini/bookworm-amd64/drive.log'), 'compiled \x1b[31mred\n');
  writeFileSync(join(output, 'logs/mini/bookworm-amd64/drive.test.log'), 'tested\n');
  mkdirSync(join(output, 'apt/dists'), { recursive: true });
  writeFileSync(join(output, 'apt/dists/InRelease'), 'signed\n');
  writeFileSync(join(output, 'secret'), 'outside\n');
  symlinkSync('../secret', join(output, 'apt/link'));
});
afterAll(() => rmSync(output, { recursive: true, force: true }));

describe('help', () => {
  it('is at most 100 columns wide', () => {
    const texts = [overview(commands), ...Object.entries(commands).map(([name, c]) => helpOf(name, c))];
    expect(texts.flatMap((t) => t.split('\n').filter((l) => l.length > 100))).toEqual([]);
  });
  it('has examples that use the command, and only options that it has', () => {
    for (const [name, command] of Object.entries(commands)) {
      expect(helpOf(name, command)).toContain('Examples:\n    ');
      const known = optionsOf(command).flatMap(([option, { short }]) => [`--${option}`, short ? `-${short}` : '']);
      for (const example of command.examples) {
        const own = example.slice(example.indexOf('slipway ')).split(/ [|>] | -- /)[0] ?? '';
        expect(own).toContain(`slipway ${name}`);
        for (const [option] of own.matchAll(/(?<= )--?[a-z][a-z-]*/g)) expect(known, example).toContain(option);
      }
    }
  });
  it('names every command and option in the manual page', () => {
    const page = manualPage(commands, '1.2.3').replaceAll('\\-', '-');
    for (const [name, command] of Object.entries(commands)) {
      expect(page).toContain(`.SS ${name}\n`);
      for (const option of Object.keys(command.options)) expect(page).toContain(`--${option}`);
    }
  });
});

describe('completion', () => {
  const complete = (...words: string[]): string[] => {
    const script = slipway('completion', 'bash').stdout;
    const asked = `COMP_WORDS=(${words.map((w) => `'${w}'`).join(' ')}) COMP_CWORD=${words.length - 1}\n_slipway\nprintf '%s\\n' "\${COMPREPLY[@]}"`;
    return spawnSync('bash', ['-c', `${script}\n${asked}`], { encoding: 'utf8', cwd: output })
      .stdout.trim()
      .split('\n');
  };
  it('completes commands and options in bash', () => {
    expect(complete('slipway', 'pl')).toEqual(['plan']);
    expect(complete('slipway', 'build', '--fail')).toEqual(['--fail-fast']);
  });
  it('refuses other shells', () => {
    expect(slipway('completion', 'tcsh').status).toBe(2);
    for (const shell of ['zsh', 'fish']) expect(slipway('completion', shell).stdout).toContain('fail-fast');
  });
});

describe('logs', () => {
  it('prints a log with control characters made visible', () => {
    expect(slipway('logs', 'drive', '--output', output).stdout).toBe('compiled \\x1b[31mred\n');
    expect(slipway('logs', 'drive', '--test', '--output', output).stdout).toBe('tested\n');
  });
  it('lists logs, and suggests similar names', () => {
    expect(slipway('logs', '--output', output).stdout).toContain('drive (tests)\t');
    const missing = slipway('logs', 'drvie', '--output', output);
    expect([missing.status, missing.stderr.includes("did you mean 'drive'?")]).toEqual([1, true]);
  });
});

describe('serve', () => {
  it('closes a file whose client leaves before its end', async () => {
    const big = join(output, 'apt/big');
    writeFileSync(big, '');
    truncateSync(big, 64 << 20);
    const server = spawn('node', [bundle, 'serve', '--port', '0', '--output', output]);
    const ended = new Promise((done) => server.on('exit', done));
    const address = await new Promise<string>((done) => server.stdout.once('data', (d: Buffer) => done(String(d))));
    const open = () =>
      readdirSync(`/proc/${server.pid}/fd`).filter((fd) => {
        try {
          return readlinkSync(`/proc/${server.pid}/fd/${fd}`) === big;
        } catch {
          return false;
        }
      }).length;
    for (let client = 0; client < 20; client++)
      await new Promise<void>((done) =>
        get(`${address.trim()}big`, (answer) => answer.once('data', () => answer.destroy()).on('close', done)),
      );
    for (let tried = 0; open() && tried < 50; tried++) await new Promise((done) => setTimeout(done, 100));
    expect(open()).toBe(0);
    server.kill('SIGTERM');
    await ended;
    rmSync(big);
  });
  it('serves the repository, and nothing outside of it', async () => {
    const server = spawn('node', [bundle, 'serve', '--port', '0', '--output', output]);
    const ended = new Promise((done) => server.on('exit', done));
    const address = await new Promise<string>((done) => server.stdout.once('data', (d: Buffer) => done(String(d))));
    const { hostname, port } = new URL(address.trim());
    const get = (path: string) =>
      new Promise<[number, string]>((done, fail) =>
        request({ hostname, port, path }, (r) => {
          let text = '';
          r.on('data', (d: Buffer) => (text += String(d))).on('end', () => done([r.statusCode ?? 0, text]));
        })
          .on('error', fail)
          .end(),
      );
    expect(await get('/dists/InRelease')).toEqual([200, 'signed\n']);
    for (const path of ['/../secret', '/%2e%2e/secret', '/link', '/dists', '/%00', '//etc/passwd', '/%zz'])
      expect((await get(path))[0], path).toBe(404);
    server.kill('SIGTERM');
    expect(await ended).toBe(0);
  });
});
