import { kindsOfTag, type Conditional, type Dependency, type DependencyTag, type Manifest } from '../model/manifest.ts';

/**
 * A manifest as it is kept: what a plan asks of each package stands so that it is read back at once, the rest as JSON that is
 * parsed when somebody asks. `dependencies` has a line for each: its tag's number, its line and its name, by tabs, and as JSON
 * what few have.
 */
export interface PackedManifest {
  name: string; version: string; format: Manifest['format']; dependencies: string; buildTypes: Conditional[];
  memberOfGroups?: Conditional[];
  rest: string;
}
type Rest = Pick<Manifest, 'compatibility' | 'description' | 'maintainers' | 'authors' | 'licenses' | 'urls' | 'exports'>;

const tags = Object.keys(kindsOfTag) as DependencyTag[];

export function packManifest(m: Manifest): PackedManifest {
  const line = (d: Dependency): string => {
    const { name, line, tag, ...more } = d;
    const plain = !/[\t\n]/.test(name);
    const json = plain ? more : { ...more, name };
    return `${tags.indexOf(tag)}\t${line}\t${plain ? name : ''}${Object.keys(json).length ? `\t${JSON.stringify(json)}` : ''}`;
  };
  const { compatibility, description, maintainers, authors, licenses, urls, exports } = m;
  const rest: Rest = { description, maintainers, authors, licenses, urls, exports, ...(compatibility === undefined ? {} : { compatibility }) };
  return {
    name: m.name, version: m.version, format: m.format, dependencies: m.dependencies.map(line).join('\n'), buildTypes: m.buildTypes,
    ...(m.memberOfGroups.length ? { memberOfGroups: m.memberOfGroups } : {}), rest: JSON.stringify(rest),
  };
}

export const unpackManifest = (packed: PackedManifest): Manifest => new KeptManifest(packed);

class KeptManifest implements Manifest {
  readonly name: string;
  readonly version: string;
  readonly format: Manifest['format'];
  readonly dependencies: Dependency[];
  readonly memberOfGroups: Conditional[];
  readonly buildTypes: Conditional[];
  private parsed: Rest | undefined;

  constructor(private readonly packed: PackedManifest) {
    this.name = packed.name;
    this.version = packed.version;
    this.format = packed.format;
    this.dependencies = unpackDependencies(packed.dependencies);
    this.memberOfGroups = packed.memberOfGroups ?? [];
    this.buildTypes = packed.buildTypes;
  }

  private get rest(): Rest {
    return (this.parsed ??= JSON.parse(this.packed.rest) as Rest);
  }

  get compatibility() { return this.rest.compatibility!; }
  get description() { return this.rest.description; }
  get maintainers() { return this.rest.maintainers; }
  get authors() { return this.rest.authors; }
  get licenses() { return this.rest.licenses; }
  get urls() { return this.rest.urls; }
  get exports() { return this.rest.exports; }
}

function unpackDependencies(text: string): Dependency[] {
  const dependencies: Dependency[] = [];
  for (let at = 0; at < text.length;) {
    const newline = text.indexOf('\n', at);
    const end = newline < 0 ? text.length : newline;
    const first = text.indexOf('\t', at);
    const second = text.indexOf('\t', first + 1);
    const third = text.indexOf('\t', second + 1);
    const more = third >= 0 && third < end;
    const d: Dependency = { name: text.slice(second + 1, more ? third : end), line: Number(text.slice(first + 1, second)), tag: tags[Number(text.slice(at, first))]! };
    dependencies.push(more ? Object.assign(d, JSON.parse(text.slice(third + 1, end)) as Partial<Dependency>) : d);
    at = end + 1;
  }
  return dependencies;
}
