import { join } from 'node:path';
import { decoded } from '../model/urls.ts';

/** The folder of a file-based store; undefined for a bucket. */
export function storeFolder(uri: string, root: string): string | undefined {
  if (!uri.startsWith('file:')) return undefined;
  const path = decoded(uri.slice('file:'.length).replace(/^\/\/(?=\/)/, ''));
  return path.startsWith('/') ? path : join(root, path);
}
