import type { IncomingMessage } from 'node:http';
import { writeFile, writeStream } from '../io/write.ts';

/** Destination of an answer, and its size limit in bytes. */
export interface Target {
  file: string;
  most: number;
}

/**
 * Writes an answer to a file. An answer that announces more than the limit is not the wanted object, and leaves an
 * empty file. One that exceeds the limit unannounced is an error of the server.
 */
export async function save(response: IncomingMessage, { file, most }: Target): Promise<void> {
  const announced = response.headers['content-length'];
  if (announced !== undefined && Number(announced) > most) {
    writeFile(file, '');
    response.destroy();
    return;
  }
  let taken = 0;
  const within = async function* (chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      taken += chunk.length;
      if (taken > most) throw new Error('the answer is longer than the object');
      yield chunk;
    }
  };
  await writeStream(file, within(response));
  if (announced !== undefined && taken !== Number(announced)) throw new Error('the answer was cut short');
}
