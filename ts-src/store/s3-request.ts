import { createReadStream } from 'node:fs';
import { request as httpRequest, type Agent, type ClientRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import type { Socket } from 'node:net';
import { pipeline } from 'node:stream/promises';
import { numberFrom } from '../io/patience.ts';
import { save, type Target } from './s3-download.ts';

/** Maximum time without data on a connection, and for the answer after the request was sent, in milliseconds. */
const silence = numberFrom('SLIPWAY_S3_SILENCE_SECONDS', 60, 3600) * 1000;
/** Bytes per second below which a connection counts as silent: a server may send a byte now and then without end. */
const slowest = 100;
/** Time limit of a request in milliseconds, whatever its size. */
const longest = numberFrom('SLIPWAY_S3_REQUEST_SECONDS', 7200, 86_400) * 1000;
/** Size limit in bytes of an answer in memory; the largest is the index of a scope. */
const largest = 1 << 30;
/** The same for an answer without the object: only the beginning of a fault is read. */
const largestFault = 1 << 20;

export interface Reply {
  status: number;
  headers: IncomingMessage['headers'];
  body: Buffer;
}
export interface Body {
  data?: Buffer;
  file?: string;
}
/** What is taken of a successful answer. */
export interface Taking {
  /** Saves it to a file. */
  into?: Target | undefined;
  /** Size in bytes beyond which its body is left out: it is not the wanted object. */
  most?: number | undefined;
}
interface Call extends Taking {
  method: string;
  agent: Agent;
  headers: Record<string, string>;
  body: Body;
}

/** Sends one request, and reads its answer within limits of time and size. */
export function sendRequest(url: URL, { body, into, most, ...options }: Call): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
    const request = send(url, { ...options, timeout: silence }, (response) => {
      const status = response.statusCode ?? 0;
      if (into !== undefined && status === 200) {
        const saved = { status, headers: response.headers, body: Buffer.alloc(0) };
        save(response, into).then(() => resolve(saved), reject);
        return;
      }
      const chunks: Buffer[] = [];
      let size = 0;
      const room = status === 200 ? Math.min(most ?? largest, largest) : largestFault;
      response
        .on('data', (c: Buffer) => {
          chunks.push(c);
          size += c.length;
          if (size <= room) return;
          if (status === 200 && most === undefined) reject(new Error('the answer is larger than 1 GiB'));
          else resolve({ status, headers: response.headers, body: Buffer.concat(status === 200 ? [] : chunks) });
          response.destroy();
        })
        .on('error', reject)
        .on('end', () => {
          if (!response.complete) reject(new Error('the answer was cut short'));
          else resolve({ status, headers: response.headers, body: Buffer.concat(chunks) });
        });
    });
    // Once the answer has begun, `destroy` alone would tell that the connection was cut.
    const stop = (why: Error): void => {
      reject(why);
      request.destroy();
    };
    request.on('error', reject).on('timeout', () => stop(new Error('no answer in time')));
    watch(request, stop);
    if (body.file !== undefined) pipeline(createReadStream(body.file), request).catch(reject);
    else request.end(body.data);
  });
}

/**
 * Stops a request that is too slow. Begins when the request has a connection: before that, it waits for other requests.
 */
function watch(request: ClientRequest, stop: (why: Error) => void): void {
  request.once('socket', (socket: Socket) => {
    const moved = (): number => socket.bytesRead + socket.bytesWritten;
    // Short steps: if this process was busy for longer than `silence`, it still gets to read what has arrived.
    const steps = 4;
    const seen = [moved()];
    const pace = setInterval(() => {
      const before = seen.length >= steps ? seen.shift() : undefined;
      seen.push(moved());
      if (before !== undefined && moved() - before < (slowest * silence) / 1000)
        stop(new Error('the answer is too slow'));
    }, silence / steps);
    // Interim answers (100 to 199) are not the answer.
    let answer: NodeJS.Timeout | undefined;
    request.once('finish', () => (answer = setTimeout(() => stop(new Error('no answer in time')), silence)));
    request.once('response', () => clearTimeout(answer));
    const whole = setTimeout(
      () =>
        stop(
          Object.assign(new Error(`a request to ${socket.remoteAddress} took longer than ${longest / 1000} seconds`), {
            code: 'ESTORE',
          }),
        ),
      longest,
    );
    request.once('close', () => {
      clearInterval(pace);
      clearTimeout(answer);
      clearTimeout(whole);
    });
  });
}
