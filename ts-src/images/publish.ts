import { bad, error, good, type Diagnostic, type Result } from '../model/diagnostics.ts';
import type { ImageSpec } from '../model/images.ts';
import type { Endpoint } from '../publish/endpoint.ts';
import { openEndpoint } from '../publish/endpoints.ts';
import { withSigner, type SigningKey } from '../publish/signing.ts';
import type { Store } from '../store/store.ts';
import { publishAmi, type Ami } from './ami.ts';
import { checkArtifact } from './check.ts';
import { writeIndex, type IndexEntry } from './image-index.ts';
import { lxdEndings } from './lxd.ts';
import { pushImage, type Pushed } from './push.ts';
import { artifactOf, writeRecord, type Artifact, type ImageRecord } from './record.ts';

export interface PublishInput {
  store: Store;
  state: string;
  root: string;
  organization: string;
  spec: ImageSpec;
  /** Records of the image, one per architecture. */
  records: ImageRecord[];
  /** The channel's repositories. Images are stored beside them. */
  places: readonly string[];
  signingKey: SigningKey;
  log: string;
  now: number;
  progress: (text: string) => void;
  signal: AbortSignal;
}

/** URI of the images beside a repository. For a host, clients' URLs follow the same rule. */
export const imagesUri = (repository: string): string =>
  repository.replace(/\/apt\/?(\?|$)/, '/images$1').replace(/(public=[^&]*%2F)apt(&|$)/, '$1images$2');

/**
 * Publishes a built image. First starts each kind that was not checked yet; if one fails, nothing is published. Then
 * writes the files, the registry's tags and the channel's index, in this order.
 */
export async function publishImage(input: PublishInput): Promise<Result<string[]>> {
  const checked = await checkAll(input);
  if (!checked.ok) return checked;
  const [first] = input.records;
  if (!first) throw new Error('nothing to publish');
  const places: Endpoint[] = [];
  for (const uri of input.places) places.push(await openEndpoint(imagesUri(uri), input.root));
  const published: string[] = [];
  for (const place of places) {
    const placed = await placeFiles(input, place);
    if (!placed.ok) return placed;
    published.push(...placed.value);
  }
  let pushed: Pushed | undefined;
  if (input.spec.repository !== undefined && artifactOf(first, 'docker')) {
    input.progress(`pushing '${first.name}' to ${input.spec.repository}`);
    const done = await pushImage(input.store, input.state, input.spec, input.records);
    if (!done.ok) return done;
    pushed = done.value;
    published.push(
      `${input.spec.repository}@${pushed.digest}`,
      ...pushed.tags.map((t) => `${input.spec.repository}:${t}`),
    );
  }
  const amis: Ami[] = [];
  for (const record of input.records) {
    if (!input.spec.ami || !artifactOf(record, 'ami')) continue;
    input.progress(`registering the AMI of '${record.name}' in ${input.spec.ami.region}`);
    const done = await publishAmi(input.store, input.organization, input.spec.ami, record, input.signal);
    if (!done.ok) return done;
    amis.push(...done.value);
    published.push(...done.value.map((a) => `${a.region} ${a.id}`));
  }
  const entries = entriesOf(input, pushed, amis);
  const signed = await withSigner(input.signingKey, async (signer) => {
    for (const place of places) {
      const written = await writeIndex(place, first.channel, input.organization, entries, signer);
      if (!written.ok) return written;
      published.push(`${place.uri}/index.json`);
    }
    return good(true);
  });
  if (!signed.ok) return signed;
  for (const record of input.records) await writeRecord(input.store, { ...record, published: input.now });
  return good(published);
}

async function checkAll(input: PublishInput): Promise<Result<true>> {
  const faults: Diagnostic[] = [];
  for (const record of input.records) {
    for (const artifact of record.artifacts) {
      // A disk that is also an AMI is checked once.
      artifact.checked ??= record.artifacts.find((a) => a.checked !== undefined && isSameFile(a, artifact))?.checked;
      if (artifact.checked !== undefined) continue;
      const { store, state, spec, log, progress, signal } = input;
      const checked = await checkArtifact({ store, state, record, spec, log, progress, signal }, artifact);
      if (!checked.ok) {
        faults.push(...checked.diagnostics);
        continue;
      }
      artifact.checked = input.now;
      await writeRecord(store, record);
    }
  }
  return faults.length ? bad(...faults) : good(true);
}

const isSameFile = (a: Artifact, b: Artifact): boolean => a.files[0]?.sha256 === b.files[0]?.sha256;

/** Files to publish. Docker images go to a registry if one is configured. */
const filesOf = (input: PublishInput, record: ImageRecord) =>
  record.artifacts
    .filter((a) => a.kind !== 'ami' && (a.kind !== 'docker' || input.spec.repository === undefined))
    .flatMap((a) =>
      a.files.map((file) => ({
        kind: a.kind,
        file,
        ...(a.id !== undefined && file.name.endsWith(lxdEndings.metadata) ? { reference: a.id } : {}),
      })),
    );

async function placeFiles(input: PublishInput, place: Endpoint): Promise<Result<string[]>> {
  const published: string[] = [];
  for (const record of input.records) {
    for (const { file } of filesOf(input, record)) {
      const path = await input.store.path(file);
      if (path === undefined)
        return bad(error('image-push', `the store lost ${file.name}`, { hint: 'build the image again' }));
      const placed = await place.placeFile(file.name, { path, sha256: file.sha256, size: file.size });
      if (placed === 'other')
        return bad(
          error('image-tag', `${place.where} has another ${file.name} already: a version is never replaced`, {
            hint: 'publish a new state and build the image from it',
          }),
        );
      published.push(`${place.uri}/${file.name}`);
    }
  }
  return good(published);
}

function entriesOf(input: PublishInput, pushed: Pushed | undefined, amis: readonly Ami[]): IndexEntry[] {
  return input.records.flatMap((record) => {
    const of = {
      image: record.name,
      version: record.version,
      architecture: record.architecture,
      state: record.state,
    };
    const files = filesOf(input, record).map(({ kind, file, ...more }) => ({
      ...of,
      kind,
      ...more,
      file: file.name,
      size: file.size,
      sha256: file.sha256,
    }));
    const docker = pushed ? [{ ...of, kind: 'docker', reference: `${input.spec.repository}@${pushed.digest}` }] : [];
    const registered = amis
      .filter((a) => a.architecture === record.architecture)
      .map((a) => ({ ...of, kind: 'ami', reference: `${a.region}:${a.id}` }));
    return [...docker, ...registered, ...files];
  });
}
