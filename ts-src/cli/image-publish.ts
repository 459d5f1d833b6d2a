import { join } from 'node:path';
import { makeFolder } from '../io/files.ts';
import { bad, error, good, isError, type Diagnostic, type Result } from '../model/diagnostics.ts';
import { untilStopped } from '../io/signals.ts';
import { publishImage } from '../images/publish.ts';
import { listImages, readRecord, type ImageRecord } from '../images/record.ts';
import { retire, retiring } from '../images/retire.ts';
import type { ImageTarget } from '../images/target.ts';
import { stateOf } from '../publish/promotion.ts';
import { keyFromEnvironment, keyOf } from '../publish/signing.ts';
import { shortId } from '../publish/state.ts';
import { closeScratch, openScratch } from '../sandbox/scratch.ts';
import { unshareDriver } from '../sandbox/unshare.ts';
import { readChannel, type Opened } from './channels.ts';
import { writeNote } from './command.ts';
import { channelOf, imagesOf, outputOf, type ImageValues } from './image-options.ts';

/** Publishes the newest images of the named channels, for all architectures. */
export async function publishNamed(
  opened: Opened,
  names: readonly string[],
  values: ImageValues,
): Promise<Result<string>> {
  const images = imagesOf(opened, names, { ...values, architecture: undefined });
  if (!images.ok) return images;
  const { store, workspace } = opened;
  const driver = unshareDriver();
  const diagnostics: Diagnostic[] = [];
  const lines: string[] = [];
  await openScratch(workspace.state, driver);
  const watch = untilStopped();
  try {
    for (const name of new Set(images.value.map((i) => i.name))) {
      const of = images.value.filter((i) => i.name === name);
      const found = await publishable(opened, of, values);
      if (!found.ok) {
        diagnostics.push(...found.diagnostics);
        continue;
      }
      const logs = join(outputOf(opened, values), 'logs', 'images');
      makeFolder(logs);
      const done = await publishImage({
        store,
        state: workspace.state,
        root: workspace.root,
        organization: workspace.distro.organization,
        ...found.value,
        signingKey:
          keyFromEnvironment(process.env) ??
          keyOf(workspace.distro.signing_key, workspace.state, workspace.distro.organization),
        log: join(logs, `${name}.check.log`),
        now: Date.now(),
        progress: (text) => writeNote(`${text}\n`),
        signal: watch.signal,
      });
      diagnostics.push(...done.diagnostics);
      if (done.ok) lines.push(...done.value);
    }
  } finally {
    watch.done();
    await closeScratch(driver);
  }
  if (diagnostics.some(isError)) return bad(...diagnostics);
  return good(lines.map((l) => `${l}\n`).join(''), diagnostics);
}

/** The built images of one name and state, one per architecture, with the places where they are published. */
async function publishable(
  opened: Opened,
  images: readonly ImageTarget[],
  values: ImageValues,
): Promise<Result<{ spec: ImageTarget['spec']; records: ImageRecord[]; places: string[] }>> {
  const { store } = opened;
  const [first] = images;
  if (!first) throw new Error('no image');
  const name = channelOf(opened, first, values);
  if (!name.ok) return name;
  const channel = await readChannel(store, name.value);
  if (!channel.ok) return channel;
  const found = await stateOf(store, channel.value, values.state ?? first.spec.state);
  if (!found.ok) return found;
  const listed = await listImages(store, name.value);
  const records: ImageRecord[] = [];
  const missing: string[] = [];
  for (const { target } of images) {
    const of = listed.find(
      (i) => i.name === first.name && i.architecture === target.architecture && i.state === found.value.id,
    );
    const record = of && (await readRecord(store, of.key));
    if (record) records.push(record);
    else missing.push(target.architecture);
  }
  if (missing.length)
    return bad(
      error(
        'image-unbuilt',
        `'${first.name}' was not built from the state ${shortId(found.value.id)} for ${missing.join(', ')}`,
        {
          hint: `\`slipway image build ${first.name}\` makes it`,
        },
      ),
    );
  const places = values.to ?? channel.value.file.endpoints;
  return good({ spec: first.spec, records, places: [...places] });
}

/** Removes AMIs beyond the newest of each region. AMIs in use are kept and reported. */
export async function retireNamed(
  opened: Opened,
  names: readonly string[],
  values: ImageValues,
): Promise<Result<string>> {
  const keep = values.keep ?? '5';
  if (!/^[1-9]\d{0,3}$/.test(keep)) return bad(error('image-kind', '--keep must be a number from 1 to 9999'));
  const images = imagesOf(opened, names, { ...values, architecture: undefined });
  if (!images.ok) return images;
  const lines: string[] = [];
  for (const name of new Set(images.value.map((i) => i.name))) {
    const one = images.value.find((i) => i.name === name);
    if (!one?.spec.ami) continue;
    const channel = channelOf(opened, one, values);
    if (!channel.ok) return channel;
    const found = await retiring(one.spec.ami, name, channel.value, Number(keep));
    for (const ami of found) lines.push(`${ami.region} ${ami.id} ${ami.version}: ${ami.kept ?? 'goes'}`);
    if (values['dry-run']) continue;
    const done = await retire(one.spec.ami, found);
    if (!done.ok) return done;
    lines.push(`${name}: ${done.value} removed`);
  }
  return good(lines.map((l) => `${l}\n`).join(''));
}
