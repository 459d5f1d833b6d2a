import { error, type Diagnostic } from '../model/diagnostics.ts';
import { environmentFault } from '../io/faults.ts';
import type { Endpoint } from './endpoint.ts';
import { trySigning } from './key-health.ts';
import type { SigningKey } from './signing.ts';

/** Written to a repository; no client reads it. It stays: who publishes to a bucket need not be allowed to delete. */
const tried = '.slipway/tried';

/**
 * What would keep a publication from its end, all of it: keys that can't sign or have expired, places that can't be
 * read or written. Clients see nothing of it.
 */
export async function rehearsePublication(
  key: SigningKey,
  endpoints: readonly Endpoint[],
  now: number,
): Promise<Diagnostic[]> {
  const told = await trySigning(key, now);
  for (const endpoint of endpoints) {
    try {
      await endpoint.read('key.asc');
      await endpoint.put(tried, Buffer.from('\n'));
    } catch (e) {
      const fault = environmentFault(e);
      if (fault === undefined) throw e;
      told.push(
        error('publish-place', `nothing can be published to ${endpoint.where}: ${fault}`, {
          hint: 'see `publish.to` in distro.yaml, or `repository` of the pipeline',
        }),
      );
    }
  }
  return told;
}
