import { gunzipSync } from 'node:zlib';
import { sha256 } from '../model/digest.ts';

/** JSON together with its digest. */
export function sealed(value: unknown): Buffer {
  const text = JSON.stringify(value);
  return Buffer.from(`${sha256(text)}\n${text}\n`);
}

export function unsealed<T>(data: Buffer | undefined): T | undefined {
  if (!data || data.length < 66 || data[64] !== 10 || data[data.length - 1] !== 10) return undefined;
  const text = data.subarray(65, data.length - 1);
  return data.toString('latin1', 0, 64) === sha256(text) ? (parsed(text) as T | undefined) : undefined;
}

/**
 * Maximum number of values in a stored JSON text. Its size alone says little: 140 million empty lists are 440 MB of
 * text, which take 5 GB and minutes in which nothing ends the process.
 */
const mostValues = 16 << 20;

/** Whether a JSON text may have more values than that: each but the first follows one of these characters. */
function hasTooMany(text: Buffer): boolean {
  const [comma, list, map] = [44, 91, 123];
  let values = 0;
  for (let i = 0; i < text.length && values <= mostValues; i++) {
    const byte = text[i];
    if (byte === comma || byte === list || byte === map) values++;
  }
  return values > mostValues;
}

/** Parses JSON; undefined if it is invalid, or has millions of values. */
export function parsed(text: Buffer): unknown {
  if (text.length > mostValues && hasTooMany(text)) return undefined;
  try {
    return JSON.parse(text.toString('utf8'));
  } catch {
    return undefined;
  }
}

/** The value of a blob that must not be lost: an existing blob that can't be read is an error. */
export function whole<T>(data: Buffer | undefined, name: string, where: string): T | undefined {
  const value = unsealed<T>(data);
  if (data !== undefined && value === undefined)
    throw Object.assign(
      new Error(`${name} in the store ${where} is damaged: bring it back from a backup, or remove it to begin again`),
      { code: 'ESTORE' },
    );
  return value;
}

export function unzipped(data: Buffer): Buffer | undefined {
  try {
    return gunzipSync(data, { maxOutputLength: 1 << 30 });
  } catch {
    return undefined;
  }
}
