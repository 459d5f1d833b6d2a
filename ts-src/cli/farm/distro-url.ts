import { basename, dirname, isAbsolute, join, resolve } from 'node:path';
import { bad, error, good, type Result } from '../../model/diagnostics.ts';
import { exists } from '../../io/files.ts';
import { LeftBehindError, readLeft } from '../../io/untrusted.ts';
import { fetchCommit, git, keptCheckout, resolveRef } from '../../read/git/git.ts';
import { checkOwnFolder } from '../../read/own-folder.ts';
import { isRefName } from '../../read/source-entry.ts';
import type { DistroValues, Option } from '../command.ts';
import { reporter } from '../planning.ts';
import { targetCommit } from './target-commit.ts';
import { farmState } from './work.ts';

export const distroUrlOption = {
  type: 'string',
  value: 'URL[#REF]',
  help: 'distro repository to clone; file:PATH: a file whose first line is the URL',
} as const satisfies Option;

type UrlValues = Pick<DistroValues, 'distro' | 'state'> & {
  readonly [name in 'distro-url' | 'request' | 'target']?: string | undefined;
};

const mostBytes = 4096;

/**
 * The URL in a file of a checkout. A pull request's is read from its target branch: the distro repository decides the
 * store and which repositories may use logins.
 */
async function saidIn(file: string, { request, target }: UrlValues): Promise<Result<string>> {
  const [folder, name] = [dirname(file), basename(file)];
  let text: string | undefined;
  if (request && !target)
    return bad(error('request-target', `a pull request takes ${name} from its target branch, so it needs --target`));
  if (request) {
    const commit = await targetCommit(folder, target ?? '');
    if (typeof commit !== 'string') return bad(commit);
    const shown = await git(['show', '--no-textconv', '--end-of-options', `${commit}:./${name}`], { cwd: folder });
    text = shown.code === 0 ? shown.stdout : undefined;
  } else
    try {
      text = (await readLeft(folder, name, mostBytes))?.toString('utf8');
    } catch (e) {
      if (!(e instanceof LeftBehindError)) throw e;
      return bad(error('distro-missing', e.message, { file, hint: 'it holds one line: URL#BRANCH' }));
    }
  const line = text?.slice(0, mostBytes).split('\n')[0]?.trim();
  if (line) return good(line);
  const where = request ? ` (a pull request takes ${name} from its target branch)` : '';
  return bad(
    error('distro-missing', `the distro repository of this package is not configured${where}`, {
      file,
      hint:
        "use packagePipeline(distro: 'URL#BRANCH'), or set SLIPWAY_DISTRO in the environment of the folder " +
        '(slipway jobs does), or write the URL into .slipway-distro',
    }),
  );
}

/** The values with `--distro-url` replaced by a local checkout of the distro repository. */
export async function withDistro<Values extends UrlValues>(values: Values): Promise<Result<Values>> {
  let url = values['distro-url'] ?? '';
  if (!url) return good(values);
  if (url.startsWith('file:')) {
    const file = url.slice('file:'.length);
    if (!isAbsolute(file) || !exists(join(file, '.git'))) {
      const said = await saidIn(resolve(file), values);
      if (!said.ok) return said;
      url = said.value;
    }
  }
  const [address = '', ref] = url.split('#');
  if (
    address.startsWith('-') ||
    /[\0-\x20\x7f]/.test(url) ||
    address.startsWith('ext::') ||
    (ref !== undefined && !isRefName(ref))
  )
    return bad(error('distro-missing', `'${url}' is not a URL of a git repository`, { hint: 'URL#BRANCH' }));
  const state = farmState(values);
  // Before anything is written. The folder may not be there yet, so readWorkspace looks again whose it became.
  const foreign = await checkOwnFolder(process.cwd(), state);
  if (foreign) return bad(foreign);
  const commit = await resolveRef(address, ref, reporter);
  if (!commit.ok) return commit;
  const snapshot = await fetchCommit(address, commit.value, state, reporter);
  if (!snapshot.ok) return snapshot;
  // A former version could leave an incomplete folder with the commit's own name.
  const kept = join(state, 'distro', `${commit.value}.tree`);
  const out = await keptCheckout(snapshot.value, commit.value, kept);
  if (!out.ok) return out;
  return good({
    ...values,
    state,
    distro: join(kept, values.distro ?? 'distro.yaml'),
  });
}
