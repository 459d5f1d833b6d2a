import { kindsOfTag } from '../../model/manifest.ts';
import { count, isPackageName, list, map, oneOf, optional, shape, text as textOf } from '../../model/stored.ts';
import { packedManifest } from './packed-manifest.ts';

/** Its file was within the limits when it was planned: no text of an author may fail the run of all. */
const any = textOf(/^[^]*$/, 64 << 20);
const conditional = { name: any, condition: optional(any), line: count };
const isManifest = shape({
  name: isPackageName,
  version: any,
  compatibility: optional(any),
  format: oneOf(1, 2, 3),
  description: any,
  maintainers: list(shape({ name: any, email: optional(any) })),
  authors: list(shape({ name: any, email: optional(any) })),
  licenses: list(shape({ name: any, file: optional(any) })),
  urls: list(shape({ url: any, type: any })),
  dependencies: list(
    shape({
      ...conditional,
      tag: (v) => typeof v === 'string' && Object.hasOwn(kindsOfTag, v),
      versions: optional(map(any, any)),
    }),
  ),
  memberOfGroups: list(shape(conditional)),
  buildTypes: list(shape(conditional)),
  exports: list(shape({ name: any, attributes: map(any, any), text: any })),
});

/** Whether a text from a store is a packed manifest. Reads its parts that are parsed on demand, too. */
export function isPackedManifest(text: string): boolean {
  try {
    const read = packedManifest.read(text);
    const { compatibility, description, maintainers, authors, licenses, urls } = read;
    return isManifest({ ...read, compatibility, description, maintainers, authors, licenses, urls });
  } catch {
    return false;
  }
}
