import type { ImageDifference } from '../model/image-answers.ts';
import type { ImageRecord } from './record.ts';

const packagesOf = (r: ImageRecord): Map<string, string> =>
  new Map([...Object.entries(r.system), ...Object.entries(r.own)]);
const identityOf = ({ name, version, state }: ImageRecord) => ({ name, version, state });

/** Compares the packages of two images. */
export function differenceOfImages(before: ImageRecord, after: ImageRecord): ImageDifference {
  const [a, b] = [packagesOf(before), packagesOf(after)];
  const names = [...new Set([...a.keys(), ...b.keys()])].sort();
  const difference: ImageDifference = {
    from: identityOf(before),
    to: identityOf(after),
    added: [],
    removed: [],
    changed: [],
    sizes: [],
  };
  for (const name of names) {
    const [from, to] = [a.get(name), b.get(name)];
    if (from === undefined && to !== undefined) difference.added.push({ name, version: to });
    else if (to === undefined && from !== undefined) difference.removed.push({ name, version: from });
    else if (from !== undefined && to !== undefined && from !== to) difference.changed.push({ name, from, to });
  }
  const size = (r: ImageRecord, kind: string): number | undefined =>
    r.artifacts.find((x) => x.kind === kind)?.files.reduce((n, f) => n + f.size, 0);
  for (const { kind } of after.artifacts) {
    const [from, to] = [size(before, kind), size(after, kind)];
    if (from !== undefined && to !== undefined) difference.sizes.push({ kind, from, to });
  }
  return difference;
}
