import { XMLParser } from 'fast-xml-parser';
import { isObject, isRelativePath } from '../model/stored.ts';
import type { BlobInfo } from './blobs.ts';

/** Size limit of an answer in bytes. A server lists at most 1000 keys at once, less than 2 MB. */
export const largestListing = 16 << 20;

const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === 'Contents' });

/**
 * Parses an answer of ListObjectsV2; undefined if it is not one. Skips keys that are not relative paths below `folder`:
 * anyone may write below `untrusted/`, and a key with `..` would be the URL of another object.
 */
export function readListing(
  body: Buffer,
  folder: string,
): { blobs: BlobInfo[]; keys: number; token: string | undefined } | undefined {
  const text = body.length > largestListing ? '' : body.toString('utf8');
  let read: unknown;
  try {
    // Entities in a document type could expand without limit.
    read = text === '' || /<!DOCTYPE/i.test(text) ? undefined : parser.parse(text);
  } catch {
    return undefined;
  }
  const result = isObject(read) ? read.ListBucketResult : undefined;
  // The parser gives an empty element as an empty string.
  if (!isObject(result) && result !== '') return undefined;
  const { Contents: contents, NextContinuationToken: token } = isObject(result) ? result : {};
  const keys: unknown[] = Array.isArray(contents) ? contents : [];
  const blobs = keys.flatMap((c): BlobInfo[] => {
    const { Key: key, Size: size, LastModified: modified } = isObject(c) ? c : {};
    if (typeof key !== 'string' || !key.startsWith(folder) || !isRelativePath(key.slice(folder.length))) return [];
    const [bytes, time] = [Number(size), Date.parse(String(modified))];
    return Number.isSafeInteger(bytes) && bytes >= 0 && !Number.isNaN(time)
      ? [{ name: key, size: bytes, modified: time }]
      : [];
  });
  return { blobs, keys: keys.length, token: typeof token === 'string' && token !== '' ? token : undefined };
}
