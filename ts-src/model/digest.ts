import * as crypto from 'node:crypto';

/** Twice as fast for small texts; available since Node 20.12. */
const atOnce = crypto.hash as typeof crypto.hash | undefined;

/** SHA-256 of text (as UTF-8) or bytes. */
export const sha256 = (data: string | Buffer, encoding: 'hex' | 'base64' = 'hex'): string =>
  atOnce ? atOnce('sha256', data, encoding) : crypto.createHash('sha256').update(data).digest(encoding);

/** For the md5sums of Debian packages; not used for security. */
export const md5 = (data: string | Buffer): string => crypto.createHash('md5').update(data).digest('hex');

/** A name on this machine for runs of a namespace in the store; trusted runs and other namespaces have others. */
export const inNamespace = (name: string, namespace: string | undefined): string =>
  namespace === undefined ? name : `${name}-${sha256(namespace).slice(0, 16)}`;
