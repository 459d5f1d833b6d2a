import {
  error,
  good,
  isError,
  nearest,
  warning,
  type Diagnostic,
  type Result,
  mostFaults,
} from '../../model/diagnostics.ts';
import { versionOperators } from '../../model/manifest.ts';
import type {
  Conditional,
  Dependency,
  DependencyTag,
  Manifest,
  Person,
  Url,
  VersionRange,
} from '../../model/manifest.ts';
import { attributesOfDependency, isPlainTag, tagsOfFormat, type PlainTag } from './formats.ts';
import { longestName } from '../../model/names.ts';
import type { Element } from './plain-xml.ts';
import { redundant } from './redundant.ts';

const emailAddress = /^[-a-zA-Z0-9_%+]+(\.[-a-zA-Z0-9_%+]+)*@[-a-zA-Z0-9%]+(\.[-a-zA-Z0-9%]+)*\.[a-zA-Z]{2,}$/;
const urlTypes = ['website', 'bugtracker', 'repository'];
const conditionOnly = ['condition'];
const namePattern = /^[a-zA-Z0-9][a-zA-Z0-9_-]*$/;
const conventionalName = /^[a-z][a-z0-9_-]*$/;
const nameHint = 'lower case letters, digits and underscores, a letter first';
const isVersion = (v: string): boolean => /^[0-9]+\.[0-9]+\.[0-9]+$/.test(v);

/** Example for a missing element. */
const exampleOf: Partial<Record<PlainTag, string>> = {
  name: 'for example <name>acme_arm</name>',
  version: 'for example <version>0.1.0</version>',
  description: 'for example <description>Driver of the arm.</description>',
};

type PlainElements = Record<PlainTag, Element[]>;

/** Limit for dependencies of a manifest. */
const mostDependencies = 10_000;

/** Reads one manifest; collects faults and continues. */
export class ManifestReader {
  private readonly diagnostics: Diagnostic[] = [];
  private readonly dependencies: Dependency[] = [];
  private full = false;
  private readonly memberOfGroups: Conditional[] = [];
  private readonly found: PlainElements = {
    name: [],
    version: [],
    description: [],
    maintainer: [],
    license: [],
    url: [],
    author: [],
    export: [],
  };

  constructor(
    private readonly root: Element,
    private readonly format: 1 | 2 | 3,
    private readonly file: string,
  ) {}

  read(): Result<Manifest> {
    const { root, found, diagnostics, dependencies, memberOfGroups } = this;
    this.allow(root, ['format']);
    this.sort(root.children ?? []);
    const name = this.readName();
    const { version, compatibility } = this.readVersion();
    const description = this.readDescription();
    const maintainers = found.maintainer.map((e) => {
      if (e.attributes?.email === undefined)
        this.fault(
          "<maintainer> must have the attribute 'email'",
          e.line,
          'for example <maintainer email="ann@example.org">Ann Lee</maintainer>',
        );
      return this.person(e);
    });
    if (!maintainers.length)
      this.fault(
        '<maintainer> is missing',
        root.line,
        'for example <maintainer email="ann@example.org">Ann Lee</maintainer>',
      );
    const licenses = this.readLicenses();
    const urls = found.url.map((e) => this.readUrl(e));
    const { buildTypes, exports } = this.readExports();
    this.checkDependencies(name);
    const authors = found.author.map((e) => this.person(e));
    if (diagnostics.some(isError)) return { ok: false, diagnostics };
    const manifest: Manifest = {
      name,
      version,
      format: this.format,
      description,
      maintainers,
      authors,
      licenses,
      urls,
      dependencies,
      memberOfGroups,
      buildTypes,
      exports,
    };
    if (compatibility !== undefined) manifest.compatibility = compatibility;
    return good(manifest, diagnostics);
  }

  private fault(message: string, line: number, hint?: string): void {
    if (this.diagnostics.length < mostFaults)
      this.diagnostics.push(error('manifest-invalid', message, { file: this.file, line, hint }));
  }

  private warn(code: string, message: string, line: number, hint?: string): void {
    if (this.diagnostics.length < mostFaults)
      this.diagnostics.push(warning(code, message, { file: this.file, line, hint }));
  }

  private allow(e: Element, names: readonly string[]): void {
    if (!e.attributes) return;
    for (const a in e.attributes) {
      if (names.includes(a) || a === 'xmlns' || a.includes(':')) continue;
      const later = this.format < 3 && (a === 'condition' || a === 'file');
      this.fault(
        `<${e.name}> must not have the attribute '${a}'${later ? ` in format ${this.format}` : ''}`,
        e.line,
        a === 'condition' ? 'conditions need format="3"' : undefined,
      );
    }
  }

  /** The text of an element without child elements. */
  private leaf(e: Element): string {
    for (const c of e.children ?? []) this.fault(`<${e.name}> must not contain <${c.name}>`, c.line);
    return e.text.trim();
  }

  /** Sorts elements by kind, and reads dependencies. */
  private sort(elements: readonly Element[]): void {
    const tags = tagsOfFormat[this.format];
    for (const e of elements) {
      const tag = tags.get(e.name);
      if (tag) this.readDependency(e, tag);
      else if (e.name === 'member_of_group' && this.format === 3) {
        this.allow(e, conditionOnly);
        this.memberOfGroups.push(conditional(e, this.leaf(e)));
      } else if (isPlainTag(e.name)) this.found[e.name].push(e);
      else this.unknown(e);
    }
  }

  private readDependency(e: Element, tag: DependencyTag): void {
    if (this.dependencies.length >= mostDependencies) {
      if (!this.full) this.fault(`the manifest has more than ${mostDependencies} dependencies`, e.line);
      this.full = true;
      return;
    }
    this.allow(e, e.name === 'group_depend' ? conditionOnly : attributesOfDependency[this.format]);
    const d: Dependency = { name: this.leaf(e), line: e.line, tag };
    if (e.attributes) {
      const versions = versionsOf(e.attributes);
      if (versions) d.versions = versions;
      if (e.attributes.condition !== undefined) d.condition = e.attributes.condition;
    }
    this.dependencies.push(d);
  }

  private unknown(e: Element): void {
    let hint: string | undefined;
    if (e.name === 'run_depend') hint = 'use <exec_depend> from format 2 on';
    else if (tagsOfFormat[3].has(e.name) || e.name === 'member_of_group')
      hint = 'a later format has it: write <package format="3">';
    else {
      const near = nearest(e.name, [...tagsOfFormat[this.format].keys(), ...Object.keys(this.found)]);
      hint = near === undefined ? 'what only your tools read belongs into <export>' : `did you mean <${near}>?`;
    }
    this.fault(`<${e.name}> is not an element of package format ${this.format}`, e.line, hint);
  }

  private one(tag: PlainTag): Element | undefined {
    const all = this.found[tag];
    const [, second] = all;
    if (!all.length) this.fault(`<${tag}> is missing`, this.root.line, exampleOf[tag]);
    else if (second) this.fault(`<${tag}> must stand once, it stands ${all.length} times`, second.line, 'leave one');
    return all[0];
  }

  private readName(): string {
    const e = this.one('name');
    if (!e) return '';
    const name = this.leaf(e);
    this.allow(e, []);
    if (name.length > longestName)
      this.fault(`the package name is longer than ${longestName} letters`, e.line, 'files are named after it');
    else if (!namePattern.test(name)) this.fault(`package name '${name}' is not allowed`, e.line, nameHint);
    else if (!conventionalName.test(name))
      this.warn('manifest-name', `package name '${name}' does not follow REP 144`, e.line, nameHint);
    return name;
  }

  private readVersion(): { version: string; compatibility: string | undefined } {
    const e = this.one('version');
    if (!e) return { version: '', compatibility: undefined };
    const version = this.leaf(e);
    this.allow(e, ['compatibility']);
    if (!isVersion(version)) this.fault(`version '${version}' is not three numbers`, e.line, 'for example 1.2.0');
    else if (/(^|\.)0[0-9]/.test(version))
      this.warn('manifest-version', `version '${version}' has a leading zero`, e.line);
    const compatibility = e.attributes?.compatibility;
    if (compatibility !== undefined && !isVersion(compatibility))
      this.fault(`compatibility version '${compatibility}' is not three numbers`, e.line);
    return { version, compatibility };
  }

  private readDescription(): string {
    const e = this.one('description');
    if (!e) return '';
    const description = e.inner.trim();
    if (description === '') this.fault('<description> must not be empty', e.line);
    this.allow(e, []);
    return description;
  }

  private person(e: Element): Person {
    this.allow(e, ['email']);
    const email = e.attributes?.email;
    if (email !== undefined && !emailAddress.test(email))
      this.fault(`'${email}' is not an email address`, e.line, 'for example email="ann@example.org"');
    return email === undefined ? { name: this.leaf(e) } : { name: this.leaf(e), email };
  }

  private readLicenses(): Manifest['licenses'] {
    const licenses = this.found.license.map((e) => {
      this.allow(e, this.format === 3 ? ['file'] : []);
      const text = this.leaf(e);
      if (!text) this.fault('<license> must not be empty', e.line);
      return e.attributes?.file === undefined ? { name: text } : { name: text, file: e.attributes.file };
    });
    if (!licenses.length)
      this.fault('<license> is missing', this.root.line, 'for example <license>Apache-2.0</license>');
    return licenses;
  }

  private readUrl(e: Element): Url {
    this.allow(e, ['type']);
    const type = e.attributes?.type ?? 'website';
    if (!urlTypes.includes(type))
      this.warn('manifest-url', `url type '${type}' is not one of ${urlTypes.join(', ')}`, e.line);
    return { url: this.leaf(e), type };
  }

  private readExports(): Pick<Manifest, 'buildTypes' | 'exports'> {
    const buildTypes: Conditional[] = [];
    const exports: Manifest['exports'] = [];
    const [first, second] = this.found.export;
    if (second) this.fault('the manifest must not contain more than one <export>', second.line);
    for (const e of first?.children ?? []) {
      if (e.name === 'build_type') buildTypes.push(conditional(e, e.text.trim()));
      exports.push({ name: e.name, attributes: e.attributes ?? {}, text: e.text.trim() });
    }
    return { buildTypes, exports };
  }

  private checkDependencies(name: string): void {
    const { dependencies, format } = this;
    for (const d of dependencies)
      if (d.name === name && d.tag !== 'group_depend')
        this.fault(`package '${name}' must not depend on itself (<${d.tag}>)`, d.line, 'remove this line');
    // Only these tags can make others redundant.
    const wide = dependencies.some((d) => d.tag === 'depend' || (format === 1 && d.tag === 'test_depend'));
    if (wide && new Set(dependencies.map((d) => d.name)).size < dependencies.length)
      redundant(dependencies, format, (message, line) => this.fault(message, line));
    for (const m of this.memberOfGroups)
      for (const g of dependencies)
        if (g.tag === 'group_depend' && g.name === m.name)
          this.fault(`the package depends on the group '${g.name}' and is a member of it`, g.line);
  }
}

const conditional = (e: Element, name: string): Conditional =>
  e.attributes?.condition === undefined
    ? { name, line: e.line }
    : { name, line: e.line, condition: e.attributes.condition };

function versionsOf(attributes: Record<string, string>): VersionRange | undefined {
  let versions: VersionRange | undefined;
  for (const [a, version] of Object.entries(attributes)) {
    const operator = versionOperators.find((o) => a === `version_${o}`);
    if (operator) (versions ??= {})[operator] = version;
  }
  return versions;
}
