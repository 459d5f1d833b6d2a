import { keysOf } from '../../model/maps.ts';
import { at as itemAt } from '../../model/lists.ts';
import { kindsOfTag, type Conditional, type Dependency, type Manifest } from '../../model/manifest.ts';
import { ascii, type Form } from '../parse-cache.ts';

/**
 * The cached form of a manifest, in fields separated by tabs: name, version, format, build types, groups, exports, the
 * rest as JSON that is parsed on demand, and the dependencies: tag number, line, name, and rare properties as JSON,
 * separated by spaces. No field can contain a tab: JSON escapes it, and valid names and versions have none. Exports
 * have a field of their own, because a plan reads those of every package.
 */
export const packedManifest: Form<Manifest> = {
  write: (manifest) =>
    [
      manifest.name,
      manifest.version,
      manifest.format,
      JSON.stringify(manifest.buildTypes),
      packList(manifest.memberOfGroups),
      ascii(packList(manifest.exports)),
      restOf(manifest),
      ...manifest.dependencies.map(packDependency),
    ].join('\t'),
  read: (text) => new KeptManifest(text),
};

const packList = (list: readonly unknown[]): string => (list.length ? JSON.stringify(list) : '');
const parseList = <T>(text: string): T[] => (text ? (JSON.parse(text) as T[]) : []);

type Rest = Pick<
  Manifest,
  'compatibility' | 'description' | 'maintainers' | 'authors' | 'licenses' | 'urls' | 'exports'
>;

/**
 * A manifest's fields besides name, version, format, build types, groups and dependencies, as ASCII JSON. The text is
 * the same whether the manifest was cached or parsed.
 */
export function restOf(manifest: Manifest): string {
  if (manifest instanceof KeptManifest) return manifest.packed;
  const { compatibility, description, maintainers, authors, licenses, urls, exports } = manifest;
  const rest: Rest = {
    description,
    maintainers,
    authors,
    licenses,
    urls,
    exports,
    ...(compatibility === undefined ? {} : { compatibility }),
  };
  return ascii(JSON.stringify(rest));
}

const tags = keysOf(kindsOfTag);
const plainName = /^[!-~]+$/;

function packDependency(d: Dependency): string {
  const { name, line, tag, ...more } = d;
  const plain = plainName.test(name);
  const json = plain ? more : { ...more, name };
  return `${tags.indexOf(tag)} ${line} ${plain ? name : ''}${Object.keys(json).length ? ` ${JSON.stringify(json)}` : ''}`;
}

class KeptManifest implements Manifest {
  readonly name: string;
  readonly version: string;
  readonly format: Manifest['format'];
  readonly dependencies: Dependency[];
  readonly memberOfGroups: Conditional[];
  readonly buildTypes: Conditional[];
  readonly exports: Manifest['exports'];
  readonly packed: string;
  private parsed: Rest | undefined;

  constructor(text: string) {
    const version = text.indexOf('\t') + 1;
    const format = text.indexOf('\t', version) + 1;
    const types = text.indexOf('\t', format) + 1;
    const groups = text.indexOf('\t', types) + 1;
    const exports = text.indexOf('\t', groups) + 1;
    const rest = text.indexOf('\t', exports) + 1;
    const end = text.indexOf('\t', rest);
    this.name = text.slice(0, version - 1);
    this.version = text.slice(version, format - 1);
    this.format = Number(text.slice(format, types - 1)) as Manifest['format'];
    this.buildTypes = parseList(text.slice(types, groups - 1));
    this.memberOfGroups = parseList(text.slice(groups, exports - 1));
    this.exports = parseList(text.slice(exports, rest - 1));
    this.packed = end < 0 ? text.slice(rest) : text.slice(rest, end);
    this.dependencies = end < 0 ? [] : unpackDependencies(text, end + 1);
  }

  private get rest(): Rest {
    return (this.parsed ??= JSON.parse(this.packed) as Rest);
  }

  get compatibility() {
    return this.rest.compatibility!;
  }
  get description() {
    return this.rest.description;
  }
  get maintainers() {
    return this.rest.maintainers;
  }
  get authors() {
    return this.rest.authors;
  }
  get licenses() {
    return this.rest.licenses;
  }
  get urls() {
    return this.rest.urls;
  }
}

function unpackDependencies(text: string, begin: number): Dependency[] {
  const dependencies: Dependency[] = [];
  for (let at = begin; at < text.length;) {
    const tab = text.indexOf('\t', at);
    const end = tab < 0 ? text.length : tab;
    const first = text.indexOf(' ', at);
    const second = text.indexOf(' ', first + 1);
    const third = text.indexOf(' ', second + 1);
    const more = third >= 0 && third < end;
    const d: Dependency = {
      name: text.slice(second + 1, more ? third : end),
      line: Number(text.slice(first + 1, second)),
      tag: itemAt(tags, Number(text.slice(at, first))),
    };
    dependencies.push(more ? Object.assign(d, JSON.parse(text.slice(third + 1, end)) as Partial<Dependency>) : d);
    at = end + 1;
  }
  return dependencies;
}
