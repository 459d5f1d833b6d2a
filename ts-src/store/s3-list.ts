import { XMLParser } from 'fast-xml-parser';
import { isRelativePath } from '../model/stored.ts';
import type { BlobInfo } from './blobs.ts';

/** A thousand entries, which is most that a server gives, take less than two megabytes. */
const largest = 16 << 20;

const parser = new XMLParser({ parseTagValue: false, isArray: (name) => name === 'Contents' });

const isMap = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null;

/**
 * A part of a list of a bucket; undefined where the answer is none. Keys that are no plain names below `folder` are
 * left out: with `..` in it, one that somebody may write below `untrusted/` would be the address of another object.
 */
export function readListing(
  body: Buffer,
  folder: string,
): { blobs: BlobInfo[]; token: string | undefined } | undefined {
  const text = body.length > largest ? '' : body.toString('utf8');
  let read: unknown;
  try {
    // What a document type of its own declares might be a text without end.
    read = text === '' || /<!DOCTYPE/i.test(text) ? undefined : parser.parse(text);
  } catch {
    return undefined;
  }
  const result = isMap(read) ? read.ListBucketResult : undefined;
  // An empty element is an empty text.
  if (!isMap(result) && result !== '') return undefined;
  const { Contents: contents, NextContinuationToken: token } = isMap(result) ? result : {};
  const blobs = (Array.isArray(contents) ? (contents as unknown[]) : []).flatMap((c): BlobInfo[] => {
    const { Key: key, Size: size, LastModified: modified } = isMap(c) ? c : {};
    if (typeof key !== 'string' || !key.startsWith(folder) || !isRelativePath(key.slice(folder.length))) return [];
    const [bytes, time] = [Number(size), Date.parse(String(modified))];
    return Number.isSafeInteger(bytes) && bytes >= 0 && !Number.isNaN(time)
      ? [{ name: key, size: bytes, modified: time }]
      : [];
  });
  return { blobs, token: typeof token === 'string' && token !== '' ? token : undefined };
}
