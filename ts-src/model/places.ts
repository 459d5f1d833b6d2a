import * as z from 'zod';
import { isRemotePlace, parseRemotePlace } from './remote-place.ts';

/** What was probably meant by a wrong value: another value, or advice. */
export type Remedy = { near: string } | { advice: string };

/** Schemas of texts that say more about a wrong value than that it is wrong. `forms`: the right ones. */
export const remedies = z.registry<{ forms: string; remedy: (text: string) => Remedy | undefined }>();

const stored = /^(file:[^\0-\x1f\x7f]+|s3:\/\/[a-z0-9][a-z0-9.-]+(\/[^?#\s]*)?(\?[^#\s]*)?)$/;
const published = new RegExp(
  `${stored.source.slice(0, -2)}|ssh:\\/\\/[^\\0-\\x1f\\x7f]+|[^@/:?\\s]+@[^/?\\s:]+:\\/[^\\0-\\x1f\\x7f]*)$`,
);

const storedForms = 'file:PATH or s3://BUCKET/PREFIX?endpoint=URL&region=NAME';
const publishedForms =
  'file:PATH, s3://BUCKET/PREFIX?endpoint=URL&region=NAME, ssh://USER@HOST:PORT/PATH or USER@HOST:/PATH';

const isStored = (text: string): boolean => stored.test(text);

/** Whether a text is a place of publication. */
export const isPublishedPlace = (text: string): boolean =>
  published.test(text) && (!isRemotePlace(text) || typeof parseRemotePlace(text) !== 'string');

/** A store: a folder or a bucket. */
export const placeUri = z
  .string()
  .regex(stored, storedForms)
  .register(remedies, { forms: storedForms, remedy: (text) => remedyOf(text, isStored) });

/** A place of publication: a folder, a bucket or a host. */
export const publishedPlace = z
  .string()
  .regex(published, publishedForms)
  .refine(isPublishedPlace, publishedForms)
  .register(remedies, { forms: publishedForms, remedy: (text) => remedyOf(text, isPublishedPlace) });

/** Advice about a text that is no place, for people. */
export function placeAdvice(text: string): string {
  const found = remedyOf(text, isPublishedPlace);
  const more = found && ('near' in found ? `write ${found.near}` : found.advice);
  return `${publishedForms}${more === undefined ? '' : `; ${more}`}`;
}

/** `fits`: whether a text is allowed there. */
function remedyOf(text: string, fits: (near: string) => boolean): Remedy | undefined {
  const parsed = isRemotePlace(text) ? parseRemotePlace(text) : undefined;
  const near = nearPlace(text);
  if (near !== undefined && fits(near)) return { near };
  if (/^[A-Za-z]:[\\/]|^\\\\/.test(text))
    return { advice: 'a path of Windows is not known here: name the folder as Linux has it, such as file:/mnt/apt' };
  if (/^rsync:|^[^/:]+::/.test(text))
    return { advice: 'an rsync daemon can compare nothing before it replaces it: name the host for ssh' };
  if (/^https?:/i.test(text) && fits('ssh://host/path'))
    return { advice: 'this is where clients read: name where it is written, and add ?public=URL to it' };
  if (/^(?:s3:|file:)\/*$/i.test(text)) return { advice: 'the name of the folder or bucket is missing' };
  if (/^s3:/i.test(text)) return { advice: 'the name of a bucket has lower case letters, digits, "." and "-" only' };
  if (text.startsWith('~')) return { advice: 'write the whole path of the folder, such as file:/home/NAME/apt' };
  if (typeof parsed === 'string') return { advice: parsed };
  if (/^[^@/:\s]+@[^/:\s]+:[^/]/.test(text)) return { advice: 'the path on a host begins with "/"' };
  const scheme = /^([A-Za-z][A-Za-z0-9+.-]*):/.exec(text)?.[1];
  return scheme === undefined ? undefined : { advice: `'${scheme}:' can't be used here` };
}

/** Rewrites the usual mistakes. The result may be wrong, too. */
function nearPlace(text: string): string | undefined {
  const bucket =
    /^https?:\/\/([a-z0-9][a-z0-9.-]*)\.s3[a-z0-9.-]*\.amazonaws\.com(\/[^?#]*)?$/i.exec(text) ??
    /^arn:aws:s3:::([^/]+)(\/.*)?$/.exec(text);
  if (bucket) return `s3://${bucket[1]}${bucket[2] ?? ''}`;
  const s3 = /^s3:?\/*([^/:].*)$/i.exec(text);
  if (s3 && /^s3(:|\/\/)/i.test(text)) return `s3://${s3[1]}`;
  const ssh = /^(?:ssh|sftp|scp):\/*([^/].*)$/i.exec(text)?.[1];
  if (ssh !== undefined) return `ssh://${ssh.replace(/^([^/:]+):(?=\/)/, '$1')}`;
  const file = /^file:(.*)$/i.exec(text)?.[1];
  if (file !== undefined) return file === '' ? undefined : `file:${file}`;
  // A host without a user, in scp's notation. One letter is a disk of Windows.
  const host = /^([A-Za-z0-9][A-Za-z0-9.-]+):(\/[^/].*)$/.exec(text);
  if (host) return `ssh://${host[1]}${host[2]}`;
  return text === '' || /^~|^\\|^[^/]*:/.test(text) ? undefined : `file:${text}`;
}
