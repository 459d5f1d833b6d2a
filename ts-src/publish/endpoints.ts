import { isAbsolute, join } from 'node:path';
import { shownName } from '../io/untrusted.ts';
import { storeFolder } from '../io/store-folder.ts';
import type { Distro } from '../model/distro.ts';
import { isPublishedPlace, placeAdvice } from '../model/places.ts';
import { isRemotePlace } from '../model/remote-place.ts';
import type { Endpoint } from './endpoint.ts';
import { FolderEndpoint } from './folder-endpoint.ts';

/**
 * Opens a repository by URI: `file:PATH`, a path, `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`, or
 * `ssh://USER@HOST/PATH`.
 */
export async function openEndpoint(uri: string, root: string): Promise<Endpoint> {
  const named = uri.startsWith('s3://') || isRemotePlace(uri) || uri.startsWith('file:');
  if (named && !isPublishedPlace(uri))
    throw Object.assign(new Error(`${shownName(uri)} is no place of publication: ${placeAdvice(uri)}`), {
      code: 'ESTORE',
    });
  if (uri.startsWith('s3://')) {
    const { S3Endpoint } = await import('./s3-endpoint.ts');
    return new S3Endpoint(uri, process.env);
  }
  if (isRemotePlace(uri)) {
    const { SshEndpoint } = await import('./ssh-endpoint.ts');
    return new SshEndpoint(uri);
  }
  return new FolderEndpoint(storeFolder(uri, root) ?? (isAbsolute(uri) ? uri : join(root, uri)));
}

/** Splits a place into path and options. */
function partsOf(place: string): [path: string, options: string] {
  const query = place.indexOf('?');
  return query < 0 ? [place, ''] : [place.slice(0, query), place.slice(query)];
}

/** The URI of a channel's repository below a place for all channels. */
export const channelUri = (place: string, channel: string): string => below(place, `${channel}/apt`);

/** The URI of a path below a place. For a host, clients' URL gets the same path. */
export function below(place: string, path: string): string {
  const [folder, options] = partsOf(place);
  return `${folder.replace(/\/+$/, '')}/${path}${isRemotePlace(place) ? withPublic(options, (at) => `${at}/${path}`) : options}`;
}

/**
 * The URI of a channel's repository beside another channel's; undefined if that one's path does not end with its name.
 */
export function besideUri(uri: string, from: string, to: string): string | undefined {
  const [path, options] = partsOf(uri);
  const tail = `/${from}/apt`;
  if (!path.endsWith(tail)) return undefined;
  const without = (text: string) => (text.endsWith(tail) ? text.slice(0, -tail.length) : text);
  return channelUri(`${without(path)}${isRemotePlace(uri) ? withPublic(options, without) : options}`, to);
}

function withPublic(options: string, change: (at: string) => string): string {
  const query = new URLSearchParams(options);
  const at = query.get('public');
  if (at === null) return options;
  query.set('public', change(at.replace(/\/+$/, '')));
  return `?${query.toString()}`;
}

/** A channel's repositories: from distro.yaml, else this folder. */
export async function endpointsOf(
  distro: Pick<Distro, 'publish'>,
  channel: string,
  folder: string,
): Promise<Endpoint[]> {
  const uris = distro.publish.to.map((place) => channelUri(place, channel));
  return Promise.all((uris.length ? uris : [folder]).map((uri) => openEndpoint(uri, process.cwd())));
}
