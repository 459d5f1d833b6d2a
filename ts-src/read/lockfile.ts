import { ownIn } from '../model/maps.ts';
import * as z from 'zod';
import { bad, compare, error, good, type Result } from '../model/diagnostics.ts';
import type { Lockfile } from '../model/lockfile.ts';
import type { DistributionInput } from '../model/plan.ts';
import { isRefName } from './source-entry.ts';
import { Locator, parseYaml } from './yaml.ts';

const name = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._+/-]*$/);
const object = z.string().regex(/^[0-9a-f]{40}([0-9a-f]{24})?$/);
const url = z.string().refine((u) => !u.startsWith('-') && !/[\0-\x20\x7f]/.test(u) && !u.startsWith('ext::'));
const path = z.string().refine((p) => !p.startsWith('/') && !p.split('/').includes('..') && !/[\0-\x1f\x7f]/.test(p));
/** A lockfile is written by a program, but read from a repository, so everything in it is validated. */
const schema = () =>
  z.object({
    schema: z.literal('slipway-lock-1'),
    stamp: z.string().regex(/^\d{14}$/),
    distributions: z.record(
      name,
      z.object({
        repositories: z.record(
          name,
          z.object({ url, commit: object.optional(), release: z.string().refine(isRefName).optional() }),
        ),
        packages: z.record(
          name,
          z.object({
            version: z.string().regex(/^\d+(\.\d+)*$/),
            repository: name,
            path,
            commit: object.optional(),
            tree: object.optional(),
          }),
        ),
      }),
    ),
    platforms: z
      .record(
        name,
        z.object({
          base: z.string().regex(/^[0-9a-f]{64}$/),
          archive: z.string().regex(/^[0-9a-f]{64}$/),
          packages: z.record(z.string(), z.string()),
        }),
      )
      .default({}),
    versions: z
      .record(name, z.record(name, z.string().regex(/^(\d{1,4}:)?\d+(\.\d+)*-0[a-z0-9]+\.\d{8}\.\d{6}$/)))
      .optional(),
  });

/** Parses a lockfile; its text is undefined if the file is missing. */
export function readLock(file: string, text: string | undefined): Result<Lockfile> {
  if (text === undefined)
    return bad(error('file-missing', 'there is no such lock', { file, hint: 'make one with `slipway lock`' }));
  const parsed = parseYaml(text, file);
  if (!parsed.ok) return parsed;
  const checked = schema().safeParse(parsed.value);
  if (!checked.success) {
    const locator = new Locator(text);
    return bad(
      ...checked.error.issues
        .slice(0, 20)
        .map((i) =>
          error(
            'lock-invalid',
            `${i.path.map(String).join('.') || 'the file'} is not valid in a lockfile of this version`,
            { file, line: locator.line(i.path), hint: 'make it with `slipway lock`' },
          ),
        ),
    );
  }
  const lock: Lockfile = {
    schema: 'slipway-lock-1',
    stamp: checked.data.stamp,
    distributions: {},
    platforms: checked.data.platforms,
    ...(checked.data.versions === undefined ? {} : { versions: checked.data.versions }),
  };
  for (const [distribution, { repositories, packages }] of Object.entries(checked.data.distributions)) {
    const all: Lockfile['distributions'][string] = {};
    for (const [n, r] of Object.entries(repositories))
      all[n] = {
        url: r.url,
        packages: {},
        ...(r.commit === undefined ? {} : { commit: r.commit }),
        ...(r.release === undefined ? {} : { release: r.release }),
      };
    for (const [n, p] of Object.entries(packages)) {
      const repository = ownIn(all, p.repository);
      if (!repository)
        return bad(
          error('lock-invalid', `'${n}' is of the repository '${p.repository}', which the lock does not have`, {
            file,
          }),
        );
      repository.packages[n] = {
        version: p.version,
        path: p.path,
        ...(p.commit === undefined ? {} : { commit: p.commit }),
        ...(p.tree === undefined ? {} : { tree: p.tree }),
      };
    }
    lock.distributions[distribution] = all;
  }
  return good(lock);
}

/** Makes a lockfile from the commits that were read, in a stable order. */
export const makeLock = (
  stamp: string,
  distributions: readonly DistributionInput[],
  platforms: Lockfile['platforms'],
  versions?: Lockfile['versions'],
): Lockfile => {
  const lock: Lockfile = { schema: 'slipway-lock-1', stamp, distributions: {}, platforms, versions };
  for (const d of distributions) {
    const repositories = new Map<string, Lockfile['distributions'][string][string]>();
    for (const p of [...d.packages.values()].sort((a, b) => compare(a.name, b.name))) {
      const { url, commit, tree, path } = p.source;
      const atCommit = commit === undefined ? {} : { commit };
      const r = repositories.get(p.repository) ?? {
        url,
        packages: {},
        ...(p.released === undefined ? atCommit : { release: p.released }),
      };
      repositories.set(p.repository, r);
      r.packages[p.name] = {
        version: p.manifest.version,
        path,
        ...(p.released === undefined ? {} : atCommit),
        ...(tree === undefined ? {} : { tree }),
      };
    }
    lock.distributions[d.name] = Object.fromEntries(repositories);
  }
  return lock;
};
