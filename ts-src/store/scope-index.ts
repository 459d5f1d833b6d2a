import { gzipSync } from 'node:zlib';
import type { BriefRecord, BriefTest, Hints } from '../model/result.ts';
import { isBriefRecord, isBriefTest, isObject } from '../model/stored.ts';
import { sealed, unsealed, unzipped } from './sealed.ts';

const schema = 5;

const listOf = (value: unknown): unknown[] => (Array.isArray(value) ? value : []);

export function unpackIndex(data: Buffer | undefined): Hints {
  const read = data && unsealed<unknown>(unzipped(data));
  const index = isObject(read) && read.schema === schema ? read : {};
  return {
    builds: new Map(
      listOf(index.records)
        .filter(isBriefRecord)
        .map((r) => [r.key, r]),
    ),
    tests: new Map(
      listOf(index.tests)
        .filter(isBriefTest)
        .map((r) => [r.key, r]),
    ),
  };
}

export function packIndex(records: readonly BriefRecord[], tests: readonly BriefTest[]): Buffer {
  const given = [...tests].sort((a, b) => (a.key < b.key ? -1 : 1)).map((t) => ({ ...t, inputs: undefined }));
  const brief = [...records]
    .sort((a, b) => (a.key < b.key ? -1 : 1))
    .map((r) => ({
      schema: r.schema,
      key: r.key,
      package: r.package,
      version: r.version,
      debs: r.debs,
      files: r.files,
      systemDepends: r.systemDepends,
      interface: r.interface,
      abi: r.abi,
      requires: r.requires,
      milliseconds: r.milliseconds,
      ...(r.warning === undefined ? {} : { warning: r.warning }),
    }));
  return gzipSync(sealed({ schema, records: brief, tests: given }), { level: 1 });
}
