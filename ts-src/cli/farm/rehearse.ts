import { join, resolve } from 'node:path';
import { isError } from '../../model/diagnostics.ts';
import { endpointsOf } from '../../publish/endpoints.ts';
import { rehearsePublication } from '../../publish/rehearsal.ts';
import { keyOf, type SigningKey } from '../../publish/signing.ts';
import { exit, showDiagnostics, writeMessage } from '../command.ts';
import { maintainerUnset } from '../maintainer.ts';
import { loadNamed, type FarmValues } from './work.ts';

/**
 * Reports, before a prepared run is built, what would keep it from being published. `secret`: signing key of the step.
 */
export async function rehearse(
  values: FarmValues & { readonly output?: string | undefined },
  secret: SigningKey | undefined,
): Promise<number> {
  const loaded = await loadNamed('publish', values);
  if (!loaded) return exit.failed;
  const { bundle, state } = loaded;
  const { channel } = bundle.pipeline;
  if (bundle.untrusted !== undefined || channel === undefined) {
    writeMessage(`slipway publish: the run ${bundle.id} is not trusted: it publishes nothing\n`);
    return exit.failed;
  }
  const { distro } = bundle;
  const endpoints = await endpointsOf(distro, channel, join(resolve(values.output ?? 'out'), 'apt'));
  const key = secret ?? keyOf(distro.signing_key, state, distro.organization);
  const tried = await rehearsePublication(key, endpoints, Date.now());
  const diagnostics = [...tried, ...maintainerUnset(distro, { file: 'distro.yaml' })];
  showDiagnostics(diagnostics);
  return diagnostics.some(isError) ? exit.failed : exit.ok;
}
