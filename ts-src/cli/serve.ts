import { closeSync, createReadStream, existsSync, lstatSync, readlinkSync, realpathSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { codeOf } from '../io/faults.ts';
import { openRegular } from '../io/files.ts';
import { ownIn } from '../model/maps.ts';
import { error, type Diagnostic } from '../model/diagnostics.ts';
import { printable } from '../text/printable.ts';
import { exit, showDiagnostics, writeMessage, writeOutput, defineCommand, writeNote } from './command.ts';
import { outputFolder, outputOptions } from './output-folder.ts';

/** Milliseconds after which a client that takes nothing is given up. */
const silence = 60_000;

/** Requests of one connection that may wait for the answers to earlier ones. apt sends ten. */
const mostWaiting = 100;

const types: Record<string, string> = {
  html: 'text/html; charset=utf-8',
  css: 'text/css',
  svg: 'image/svg+xml',
  xml: 'application/xml',
};

/** The regular file below `root` for a request's path; undefined if there is none. */
export function fileOf(root: string, url: string): string | undefined {
  let path: string;
  try {
    path = decodeURIComponent(new URL(url, 'http://localhost').pathname);
  } catch {
    return undefined;
  }
  // A path that leaves the folder and comes back would tell where it lies.
  if (path.includes('\0') || path.split('/').includes('..')) return undefined;
  try {
    const file = realpathSync(join(root, path));
    return file.startsWith(`${realpathSync(root)}/`) && lstatSync(file).isFile() ? file : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Opens the file for a request's path; undefined if there is none. Who may write to the repository could replace a
 * folder by a link after the path was resolved: what was opened must lie in the repository, too.
 */
export function openServed(root: string, url: string): { handle: number; size: number; file: string } | undefined {
  const file = fileOf(root, url);
  if (file === undefined) return undefined;
  const top = realpathSync(root);
  const opened = openRegular(file, Infinity);
  if (readlinkSync(`/proc/self/fd/${opened.handle}`).startsWith(`${top}/`)) return { ...opened, file };
  closeSync(opened.handle);
  return undefined;
}

function answer(root: string, request: IncomingMessage, response: ServerResponse): void {
  const { method = 'GET', url = '/' } = request;
  response.on('finish', () => writeNote(`${response.statusCode} ${method} ${printable(url)}\n`));
  const refuse = (status: number, text: string) =>
    response.writeHead(status, { 'content-type': 'text/plain' }).end(`${text}\n`);
  let opened: ReturnType<typeof openServed>;
  try {
    opened = method === 'GET' || method === 'HEAD' ? openServed(root, url) : undefined;
  } catch (e) {
    // A publication may have removed it, or there are more clients than files can be open.
    return void (['ENOENT', 'ENOTDIR', 'ELOOP'].includes(codeOf(e) ?? '')
      ? refuse(404, 'not found')
      : refuse(503, 'busy'));
  }
  if (opened === undefined) return void refuse(404, 'not found');
  const { handle: fd, size, file } = opened;
  const type = ownIn(types, /\.([a-z]+)$/.exec(file)?.[1] ?? '') ?? 'application/octet-stream';
  response.writeHead(200, { 'content-type': type, 'content-length': size, 'x-content-type-options': 'nosniff' });
  if (method === 'HEAD') {
    closeSync(fd);
    response.end();
    return;
  }
  // The file is closed when the client leaves, too.
  pipeline(createReadStream('', { fd, end: Math.max(0, size - 1) }), response).catch(() => response.destroy());
}

/**
 * Answers the requests of each connection one after another. Otherwise each request that a client sends at once keeps a
 * file open, for ever if the client leaves, and others find the server busy.
 */
class Turns {
  private readonly waiting = new WeakMap<Socket, (() => void)[]>();

  take(socket: Socket, response: ServerResponse, work: () => void): void {
    const queue = this.waiting.get(socket) ?? [];
    this.waiting.set(socket, queue);
    if (queue.push(work) > mostWaiting) return void socket.destroy();
    response.on('close', () => {
      queue.shift();
      if (!socket.destroyed) queue[0]?.();
    });
    if (queue.length === 1) work();
  }
}

/** Why the server can't listen on an address. */
function unserved(address: string, port: number, { code, message }: NodeJS.ErrnoException): Diagnostic {
  const fault = (why: string, hint?: string) =>
    error('serve-failed', `can't listen on ${address}, port ${port}: ${why}`, { hint });
  switch (code) {
    case 'EADDRINUSE':
      return fault('another program has this port', 'take another one with --port; 0 takes a free one');
    case 'EADDRNOTAVAIL':
    case 'ENOTFOUND':
      return fault('this machine has no such address', '`ip address` lists its addresses; 0.0.0.0 means all of them');
    case 'EACCES':
      return fault('ports below 1024 are for root', 'take another one with --port');
    default:
      return fault(message);
  }
}

export const serve = defineCommand({
  summary: 'serve the apt repository of the last build over HTTP, for tests with a robot',
  usage: 'serve',
  details: `Serves the folder apt/ of the output folder until it is interrupted. There is no access control: with an address other
than the loopback address, everybody who can reach the port can read the packages. On a farm, serve the repository from
a web server or a bucket.`,
  examples: ['slipway serve', 'slipway serve --address 192.0.2.10 --port 8080'],
  options: {
    ...outputOptions,
    address: { type: 'string', value: 'ADDRESS', help: 'address to listen on (default: 127.0.0.1)' },
    port: {
      type: 'string',
      short: 'p',
      value: 'N',
      help: 'port to listen on; 0 takes a free one (default: 8000)',
      check: (port) => (/^\d{1,5}$/.test(port) && Number(port) < 65536 ? undefined : 'is not a number from 0 to 65535'),
    },
  },
  async run(values, positionals) {
    const port = values.port === undefined ? 8000 : Number(values.port);
    if (positionals.length) {
      writeMessage('slipway serve: takes no argument\n');
      return exit.usage;
    }
    const output = outputFolder(values);
    if (!output.ok) {
      showDiagnostics(output.diagnostics);
      return exit.failed;
    }
    const root = join(output.value, 'apt');
    if (!existsSync(root)) {
      showDiagnostics([
        error('repository-missing', `${root} does not exist`, { hint: 'create it with `slipway build`' }),
      ]);
      return exit.failed;
    }
    const address = values.address ?? '127.0.0.1';
    const turns = new Turns();
    const server = createServer((request, response) =>
      turns.take(request.socket, response, () => answer(root, request, response)),
    );
    server.setTimeout(silence);
    return new Promise<number>((done) => {
      server.on('error', (e: NodeJS.ErrnoException) => {
        showDiagnostics([unserved(address, port, e)]);
        done(exit.failed);
      });
      const stop = () => {
        server.closeAllConnections();
        server.close(() => done(exit.ok));
      };
      for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, stop);
      server.listen(port, address, () => {
        const at = server.address();
        const bound = at !== null && typeof at === 'object' ? at.port : port;
        const host = address.includes(':') ? `[${address}]` : address;
        writeOutput(`http://${host}:${bound}/\n`);
      });
    });
  },
});
