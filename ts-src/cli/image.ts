import { statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { makeFolder } from '../io/files.ts';
import { bad, error, good, isError, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { isImageKind, type ImageKind } from '../model/images.ts';
import { untilStopped } from '../io/signals.ts';
import { buildImage, type BuiltImage } from '../images/build.ts';
import { differenceOfImages } from '../images/difference.ts';
import { imageLists, listImages, readRecord, type ImageRecord, type ListedImage } from '../images/record.ts';
import type { ImageTarget } from '../images/target.ts';
import { shortId } from '../publish/state.ts';
import { renderImageDifference, renderImages } from '../render/images.ts';
import { missingImageTools } from '../sandbox/doctor.ts';
import { closeScratch, openScratch } from '../sandbox/scratch.ts';
import { unshareDriver } from '../sandbox/unshare.ts';
import type { Store } from '../store/store.ts';
import { cleanUp } from './clean-up.ts';
import { openChannels, readChannel, type Opened } from './channels.ts';
import { defineCommand, exit, showDiagnostics, writeMessage, writeOutput, writeNote } from './command.ts';
import { channelOf, imageOptions, imagesOf, outputOf, type ImageValues } from './image-options.ts';
import { publishNamed, retireNamed } from './image-publish.ts';

const actions = ['build', 'list', 'get', 'diff', 'publish', 'retire', 'architectures'];

export const image = defineCommand({
  summary: 'make docker images, disks and AMIs from a state of a channel',
  usage: 'image build|list|get|diff|publish|retire|architectures [NAME ...]',
  details: `  build [NAME ...]   make images of distro.yaml, in images/ of the output folder; an image of the
                     same state and settings is taken from the store
  list               list the images that were built
  get NAME           copy the files of an image, NAME or NAME@VERSION, to the output folder
  diff NAME NAME     compare the packages of two images
  publish [NAME ...] start each kind of the newest image (docker in its engine, disks in qemu),
                     and publish those that pass their checks
  retire [NAME ...]  remove old AMIs, but none that an instance, a launch template or a launch
                     configuration uses
  architectures      list the architectures of the images`,
  examples: [
    'slipway image build robot --local',
    'slipway image list',
    'slipway image diff robot@20261101120000 robot',
  ],
  words: actions,
  options: imageOptions,
  async run(values, [what, ...names]) {
    const kinds = values.kind ?? [];
    if (what === undefined) {
      writeMessage(`slipway image: name one of ${actions.join(', ')}\n`);
      return exit.usage;
    }
    if (what === 'diff' && names.length !== 2) {
      writeMessage('slipway image diff: two images are needed, as NAME or NAME@VERSION\n');
      return exit.usage;
    }
    const opened = await openChannels({ ...values, state: values['state-folder'] });
    const done = opened.ok ? await dispatch(opened.value, what, names, values, kinds.filter(isImageKind)) : opened;
    showDiagnostics(done.diagnostics);
    if (done.ok) writeOutput(done.value);
    return done.ok ? exit.ok : exit.failed;
  },
});

function dispatch(
  opened: Opened,
  what: string,
  names: string[],
  values: ImageValues,
  kinds: ImageKind[],
): Promise<Result<string>> {
  if (what === 'build') return build(opened, names, values, kinds);
  if (what === 'list') return list(opened, names, values);
  if (what === 'architectures') return Promise.resolve(architectures(opened, names, values));
  if (what === 'retire') return retireNamed(opened, names, values);
  if (what === 'publish') return publishNamed(opened, names, values);
  if (what === 'get') return get(opened, names, values, kinds);
  return diff(opened, names, values);
}

/** Prints the architectures that images are made for, one a line: a farm needs agents for them. */
function architectures(opened: Opened, names: readonly string[], values: ImageValues): Result<string> {
  const images = imagesOf(opened, names, values);
  if (!images.ok) return images;
  const all = new Set(images.value.map((i) => i.target.architecture));
  return good(
    [...all]
      .sort()
      .map((a) => `${a}\n`)
      .join(''),
  );
}

async function build(
  opened: Opened,
  names: string[],
  values: ImageValues,
  kinds: ImageKind[],
): Promise<Result<string>> {
  const images = imagesOf(opened, names, values);
  if (!images.ok) return images;
  const { workspace } = opened;
  const lacking = await missingImageTools(images.value.flatMap((one) => wantedOf(one, kinds)));
  if (lacking.length) return bad(...lacking);
  const driver = unshareDriver();
  const diagnostics: Diagnostic[] = [];
  const built: { record: ImageRecord; cached: boolean; files: string[] }[] = [];
  await openScratch(workspace.state, driver);
  const watch = untilStopped();
  try {
    for (const one of images.value) {
      const made = await buildOne(opened, one, values, kinds, { driver, signal: watch.signal });
      diagnostics.push(...made.diagnostics);
      if (made.ok) built.push({ ...made.value, files: await place(opened, values, made.value.record, kinds) });
    }
  } finally {
    watch.done();
    await closeScratch(driver);
    if (!watch.signal.aborted) await cleanUp({ ...workspace, driver });
  }
  if (diagnostics.some(isError)) return bad(...diagnostics);
  if (values.json) return good(`${JSON.stringify(built)}\n`, diagnostics);
  for (const { record, cached, files } of built) {
    const took = cached ? 'nothing to do' : `made in ${Math.round(record.milliseconds / 1000)} s`;
    writeNote(`${record.name} ${record.version} ${record.architecture} from state ${shortId(record.state)}: ${took}\n`);
    if (!files.length) writeMessage(`no file of ${record.name} was asked for\n`);
  }
  return good(built.flatMap((b) => b.files.map((f) => `${f}\n`)).join(''), diagnostics);
}

/** The kinds of an image that are built; `kinds`: those that --kind names, none for all. */
const wantedOf = ({ spec }: ImageTarget, kinds: readonly ImageKind[]): ImageKind[] =>
  spec.kinds.filter((k) => !kinds.length || kinds.includes(k));

async function buildOne(
  opened: Opened,
  one: ImageTarget,
  values: ImageValues,
  kinds: readonly ImageKind[],
  within: { driver: ReturnType<typeof unshareDriver>; signal: AbortSignal },
): Promise<Result<BuiltImage>> {
  const { workspace, store } = opened;
  const name = channelOf(opened, one, values);
  if (!name.ok) return name;
  const channel = await readChannel(store, name.value);
  if (!channel.ok) return channel;
  const wanted = wantedOf(one, kinds);
  if (!wanted.length)
    return bad(
      error('image-kind', `the image '${one.name}' has no kind ${kinds.join(', ')}`, {
        hint: `its kinds are ${one.spec.kinds.join(', ')}`,
      }),
    );
  const logs = join(outputOf(opened, values), 'logs', 'images');
  makeFolder(logs);
  return buildImage({
    ...within,
    store,
    state: workspace.state,
    distro: workspace.distro,
    distroFile: workspace.file,
    root: workspace.root,
    image: one,
    kinds: wanted,
    channel: channel.value,
    stateId: values.state ?? (values.channel === undefined && !values.local ? one.spec.state : undefined),
    log: join(logs, `${one.name}-${one.target.architecture}.log`),
    now: Date.now(),
    progress: (text) => writeNote(`${text}\n`),
  });
}

/** Places an image's files in the output folder, as links where possible. */
async function place(
  { store, workspace }: Opened,
  values: ImageValues,
  record: ImageRecord,
  kinds: readonly ImageKind[],
): Promise<string[]> {
  const folder = join(values.output === undefined ? join(workspace.root, 'out') : resolve(values.output), 'images');
  const placed: string[] = [];
  for (const artifact of record.artifacts) {
    if (kinds.length && !kinds.includes(artifact.kind)) continue;
    for (const file of artifact.files) {
      const target = join(folder, file.name);
      // A link to the store's file was verified when it was made.
      if (isSame(target, store.blobs.local(`objects/${file.sha256.slice(0, 2)}/${file.sha256}`), file.size))
        placed.push(target);
      else if (await store.place(file, target)) placed.push(target);
    }
  }
  // A disk image is also the source of an AMI: list the file once.
  return [...new Set(placed)];
}

function isSame(a: string, b: string | undefined, size: number): boolean {
  try {
    const [left, right] = [statSync(a), b === undefined ? undefined : statSync(b)];
    return right !== undefined && left.ino === right.ino && left.dev === right.dev && left.size === size;
  } catch {
    return false;
  }
}

async function allImages(store: Store): Promise<(ListedImage & { channel: string })[]> {
  const all: (ListedImage & { channel: string })[] = [];
  for (const channel of await imageLists(store))
    all.push(...(await listImages(store, channel)).map((i) => ({ ...i, channel })));
  return all.sort((a, b) => b.made - a.made || (a.key < b.key ? -1 : 1));
}

async function list({ store }: Opened, names: readonly string[], values: ImageValues): Promise<Result<string>> {
  const all = (await allImages(store)).filter((i) => !names.length || names.includes(i.name));
  const records = await store.many(all, async (i) => ({ ...i, record: await readRecord(store, i.key) }));
  if (values.json) return good(`${JSON.stringify(records)}\n`);
  return good(renderImages(records, Date.now()));
}

/** The newest image of a name, or the image of a version. */
async function named(store: Store, text: string, values: ImageValues): Promise<Result<ImageRecord>> {
  const [name, version] = text.split('@');
  const found = (await allImages(store)).find(
    (i) =>
      i.name === name &&
      (version === undefined || i.version === version || i.key.startsWith(version)) &&
      (values.channel === undefined || i.channel === values.channel) &&
      (values.architecture?.includes(i.architecture) ?? true),
  );
  const record = found && (await readRecord(store, found.key));
  return record
    ? good(record)
    : bad(
        error('image-unknown', `there is no image '${text}'`, {
          hint: 'list the images that were built with `slipway image list`',
        }),
      );
}

async function get(opened: Opened, names: string[], values: ImageValues, kinds: ImageKind[]): Promise<Result<string>> {
  const files: string[] = [];
  for (const name of names) {
    const record = await named(opened.store, name, values);
    if (!record.ok) return record;
    const placed = await place(opened, values, record.value, kinds);
    if (!placed.length)
      return bad(
        error('image-unknown', `the store has no files of '${name}'${kinds.length ? ` as ${kinds.join(', ')}` : ''}`),
      );
    files.push(...placed);
  }
  return good(files.map((f) => `${f}\n`).join(''));
}

async function diff({ store }: Opened, [a = '', b = '']: string[], values: ImageValues): Promise<Result<string>> {
  const [before, after] = [await named(store, a, values), await named(store, b, values)];
  if (!before.ok || !after.ok) return bad(...before.diagnostics, ...after.diagnostics);
  const difference = differenceOfImages(before.value, after.value);
  return good(values.json ? `${JSON.stringify(difference)}\n` : renderImageDifference(difference));
}
