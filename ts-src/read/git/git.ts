import { isAbsolute, resolve } from 'node:path';
import { isScpLike } from '../../model/urls.ts';

export { checkout, checkoutRef, keptCheckout } from './checkout.ts';
export { fetchArchive, snapshotFolder } from './content.ts';
export { answeredMissing, download, latest } from './download.ts';
export { fetchCommit, fetchCommits, repositoryFolder, type Snapshot } from './fetch.ts';
export { readFiles } from './files.ts';
export { git, local, type Reporter } from './process.ts';
export { resolveRef, resolveRefs } from './refs.ts';
export { listTree, tooLarge } from './tree.ts';

/** A URL for git. Relative paths are relative to the distro repository. */
export const absoluteUrl = (url: string, root: string): string =>
  /^[a-z+]+:\/\//.test(url) || isScpLike(url) || isAbsolute(url) ? url : resolve(root, url);
