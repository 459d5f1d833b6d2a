import { isAbsolute, join } from 'node:path';
import { bad, error, good, type Result } from '../../model/diagnostics.ts';
import { exists, readIf } from '../../io/files.ts';
import { checkout, fetchCommit, resolveRef } from '../../read/git/git.ts';
import { isRefName } from '../../read/source-entry.ts';
import type { DistroValues, Option } from '../command.ts';
import { reporter } from '../planning.ts';
import { farmState } from './work.ts';

export const distroUrlOption = {
  type: 'string',
  value: 'URL[#REF]',
  help: 'distro repository to clone; file:PATH: a file whose first line is the URL',
} as const satisfies Option;

type UrlValues = Pick<DistroValues, 'distro' | 'state'> & { readonly 'distro-url'?: string | undefined };

/** The values with the distro repository at hand that `--distro-url` names. */
export async function withDistro<Values extends UrlValues>(values: Values): Promise<Result<Values>> {
  let url = values['distro-url'] ?? '';
  if (!url) return good(values);
  if (url.startsWith('file:')) {
    const file = url.slice('file:'.length);
    if (!isAbsolute(file) || !exists(join(file, '.git'))) {
      const line = readIf(file)?.split('\n')[0]?.trim();
      if (!line)
        return bad(
          error('distro-missing', 'it is not known which distro repository this package belongs to', {
            file,
            hint: "say packagePipeline(distro: 'URL#BRANCH'), or set SLIPWAY_DISTRO in the environment of the folder (slipway jobs does), or write the URL into .slipway-distro",
          }),
        );
      url = line;
    }
  }
  const [address, ref] = url.split('#') as [string, string | undefined];
  if (
    address.startsWith('-') ||
    /[\0-\x20\x7f]/.test(url) ||
    address.startsWith('ext::') ||
    (ref !== undefined && !isRefName(ref))
  )
    return bad(error('distro-missing', `'${url}' is not a URL of a git repository`, { hint: 'URL#BRANCH' }));
  const state = farmState(values);
  const commit = await resolveRef(address, ref, reporter);
  if (!commit.ok) return commit;
  const snapshot = await fetchCommit(address, commit.value, state, reporter);
  if (!snapshot.ok) return snapshot;
  const folder = join(state, 'distro', commit.value);
  if (!exists(join(folder, 'distro.yaml'))) {
    const out = await checkout({ gitDir: snapshot.value.gitDir }, commit.value, folder);
    if (!out.ok) return out;
  }
  return good({
    ...values,
    state,
    distro: join(folder, values.distro ?? 'distro.yaml'),
  });
}
