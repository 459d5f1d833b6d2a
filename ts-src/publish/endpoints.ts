import { isAbsolute, join } from 'node:path';
import type { Distro } from '../model/distro.ts';
import type { Endpoint } from './endpoint.ts';
import { FolderEndpoint } from './folder-endpoint.ts';

/** Names of channels become paths: parts of lower case letters, digits, `.`, `_` and `-`, joined by `/`. */
export const isChannelName = (name: string): boolean =>
  name.length <= 200 && /^[a-z0-9][a-z0-9._-]*(\/[a-z0-9][a-z0-9._-]*){0,3}$/.test(name) && !name.includes('..');

/** Opens a repository by its URI: `file:PATH`, a path, or `s3://BUCKET/PREFIX?endpoint=URL&region=NAME`. */
export async function openEndpoint(uri: string, root: string): Promise<Endpoint> {
  if (uri.startsWith('s3://')) {
    const { S3Endpoint } = await import('./s3-endpoint.ts');
    return new S3Endpoint(uri, process.env);
  }
  const path = uri.startsWith('file:') ? decodeURIComponent(uri.slice('file:'.length).replace(/^\/\/(?=\/)/, '')) : uri;
  return new FolderEndpoint(isAbsolute(path) ? path : join(root, path));
}

/** The URI of a channel's repository below a place that holds those of all channels. */
export function channelUri(place: string, channel: string): string {
  const query = place.indexOf('?');
  const [path, options] = query < 0 ? [place, ''] : [place.slice(0, query), place.slice(query)];
  return `${path.replace(/\/+$/, '')}/${channel}/apt${options}`;
}

/** A channel's repositories: where distro.yaml publishes to, else this folder. */
export async function endpointsOf(
  distro: Pick<Distro, 'publish'>,
  channel: string,
  folder: string,
): Promise<Endpoint[]> {
  const uris = distro.publish.to.map((place) => channelUri(place, channel));
  return Promise.all((uris.length ? uris : [folder]).map((uri) => openEndpoint(uri, process.cwd())));
}
