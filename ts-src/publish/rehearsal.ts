import { error, type Diagnostic } from '../model/diagnostics.ts';
import { environmentFault } from '../io/faults.ts';
import type { Endpoint } from './endpoint.ts';
import { trySigning } from './key-health.ts';
import type { SigningKey } from './signing.ts';

/**
 * Test file in a repository, which clients do not read. It is not removed, because publishing to a bucket needs no
 * permission to delete.
 */
const tried = '.slipway/tried';

/**
 * Finds everything that would prevent a publication: unusable or expired keys, places that can't be read or written.
 * Invisible to clients.
 */
export async function rehearsePublication(
  key: SigningKey,
  endpoints: readonly Endpoint[],
  now: number,
): Promise<Diagnostic[]> {
  const diagnostics = await trySigning(key, now);
  for (const endpoint of endpoints) {
    try {
      await endpoint.read('key.asc');
      await endpoint.put(tried, Buffer.from('\n'));
    } catch (e) {
      const fault = environmentFault(e);
      if (fault === undefined) throw e;
      diagnostics.push(
        error('publish-place', `nothing can be published to ${endpoint.where}: ${fault}`, {
          hint: 'see `publish.to` in distro.yaml, or `repository` of the pipeline',
        }),
      );
    }
  }
  return diagnostics;
}
