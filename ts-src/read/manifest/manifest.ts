import { bad, error, good, warning, type Diagnostic, type Result } from '../../model/diagnostics.ts';
import type {
  Conditional,
  Dependency,
  DependencyTag,
  Manifest,
  Person,
  Url,
  VersionRange,
} from '../../model/manifest.ts';
import { readPlain, type Element } from './plain-xml.ts';
import { readTree } from './xml-tree.ts';

/** The dependency tags of each format (REP 127, REP 140, REP 149). */
const common = ['build_depend', 'buildtool_depend', 'test_depend', 'conflict', 'replace'] as const;
const later = [
  ...common,
  'depend',
  'build_export_depend',
  'buildtool_export_depend',
  'exec_depend',
  'doc_depend',
] as const;
const tagsOfFormat: Record<1 | 2 | 3, ReadonlySet<string>> = {
  1: new Set<DependencyTag>([...common, 'run_depend']),
  2: new Set<DependencyTag>(later),
  3: new Set<DependencyTag>([...later, 'group_depend']),
};
const attributesOfDependency = {
  1: versionAttributesOf([]),
  2: versionAttributesOf([]),
  3: versionAttributesOf(['condition']),
};
type PlainTag = 'name' | 'version' | 'description' | 'maintainer' | 'license' | 'url' | 'author' | 'export';
const plainTags: ReadonlySet<string> = new Set<PlainTag>([
  'name',
  'version',
  'description',
  'maintainer',
  'license',
  'url',
  'author',
  'export',
]);
function versionAttributesOf(more: string[]): string[] {
  return ['version_lt', 'version_lte', 'version_eq', 'version_gte', 'version_gt', ...more];
}
const emailAddress = /^[-a-zA-Z0-9_%+]+(\.[-a-zA-Z0-9_%+]+)*@[-a-zA-Z0-9%]+(\.[-a-zA-Z0-9%]+)*\.[a-zA-Z]{2,}$/;
const urlTypes = ['website', 'bugtracker', 'repository'];
const maximumSize = 4 << 20;

/**
 * Reads one package.xml. Every breach of the format's rules is reported, as catkin_pkg does, with its line. A manifest
 * with a document type declaration is refused: entities are how hostile XML grows, and no released manifest has one.
 */
export function parseManifest(text: string, file: string): Result<Manifest> {
  const parsed = parseXml(text, file);
  if (!parsed.ok) return parsed;
  const root = parsed.value;
  const diagnostics: Diagnostic[] = [];
  const fault = (message: string, line: number, hint?: string) =>
    void diagnostics.push(error('manifest-invalid', message, { file, line, hint }));
  if (root.name !== 'package')
    return bad(
      error('manifest-invalid', `the root element is <${root.name}>, not <package>`, { file, line: root.line }),
    );
  const format = (root.attributes?.format ?? '1').trim();
  if (format !== '1' && format !== '2' && format !== '3')
    return bad(
      error('manifest-format', `package format '${format}' is not known`, {
        file,
        line: root.line,
        hint: 'use format="3" (REP 149), "2" (REP 140) or leave it out for 1 (REP 127)',
      }),
    );
  const f = Number(format) as 1 | 2 | 3;
  const tags = tagsOfFormat[f];
  const allowed = (e: Element, names: readonly string[]) => {
    if (e.attributes)
      for (const a in e.attributes)
        if (!names.includes(a) && a !== 'xmlns' && !a.includes(':'))
          fault(
            `<${e.name}> must not have the attribute '${a}'${f < 3 && (a === 'condition' || a === 'file') ? ` in format ${f}` : ''}`,
            e.line,
            a === 'condition' ? 'conditions need format="3"' : undefined,
          );
  };
  const leaf = (e: Element) => {
    if (e.children) for (const c of e.children) fault(`<${e.name}> must not contain <${c.name}>`, c.line);
    return e.text.trim();
  };
  const condition = f === 3 ? ['condition'] : [];
  const ofDependency = attributesOfDependency[f];
  allowed(root, ['format']);

  const found: Record<PlainTag, Element[]> = {
    name: [],
    version: [],
    description: [],
    maintainer: [],
    license: [],
    url: [],
    author: [],
    export: [],
  };
  const dependencies: Dependency[] = [];
  const memberOfGroups: Conditional[] = [];
  const conditional = (e: Element, name: string): Conditional =>
    e.attributes?.condition === undefined
      ? { name, line: e.line }
      : { name, line: e.line, condition: e.attributes.condition };
  // Only these tags can say again what another says.
  let wide = false;
  let twice = false;
  const seen = new Set<string>();
  for (const e of root.children ?? []) {
    if (tags.has(e.name)) {
      allowed(e, e.name === 'group_depend' ? condition : ofDependency);
      const d: Dependency = { name: leaf(e), line: e.line, tag: e.name as DependencyTag };
      if (e.attributes) {
        const versions = versionsOf(e.attributes);
        if (versions) d.versions = versions;
        if (e.attributes.condition !== undefined) d.condition = e.attributes.condition;
      }
      dependencies.push(d);
      if (seen.has(d.name)) twice = true;
      else seen.add(d.name);
      if (e.name === 'depend' || (f === 1 && e.name === 'test_depend')) wide = true;
    } else if (e.name === 'member_of_group' && f === 3) {
      allowed(e, condition);
      memberOfGroups.push(conditional(e, leaf(e)));
    } else if (plainTags.has(e.name)) {
      found[e.name as PlainTag].push(e);
    } else {
      const hint =
        e.name === 'run_depend'
          ? 'use <exec_depend> from format 2 on'
          : e.name.endsWith('depend') || e.name === 'member_of_group'
            ? 'is the format attribute of <package> what it should be?'
            : undefined;
      fault(`<${e.name}> is not an element of package format ${f}`, e.line, hint);
    }
  }

  const one = (tag: PlainTag): Element | undefined => {
    const all = found[tag];
    if (all.length !== 1)
      fault(`the manifest must contain exactly one <${tag}>, it has ${all.length}`, all[1]?.line ?? root.line);
    return all[0];
  };
  const nameElement = one('name');
  const name = nameElement ? leaf(nameElement) : '';
  if (nameElement) {
    allowed(nameElement, []);
    if (!/^[a-zA-Z0-9][a-zA-Z0-9_-]*$/.test(name))
      fault(
        `package name '${name}' is not allowed`,
        nameElement.line,
        'lower case letters, digits and underscores, a letter first',
      );
    else if (!/^[a-z][a-z0-9_-]*$/.test(name))
      diagnostics.push(
        warning('manifest-name', `package name '${name}' does not follow REP 144`, {
          file,
          line: nameElement.line,
          hint: 'lower case letters, digits and underscores, a letter first',
        }),
      );
  }
  const versionElement = one('version');
  const version = versionElement ? leaf(versionElement) : '';
  const isVersion = (v: string) => /^[0-9]+\.[0-9]+\.[0-9]+$/.test(v);
  if (versionElement) {
    allowed(versionElement, ['compatibility']);
    if (!isVersion(version))
      fault(`version '${version}' is not three numbers`, versionElement.line, 'for example 1.2.0');
    else if (/(^|\.)0[0-9]/.test(version))
      diagnostics.push(
        warning('manifest-version', `version '${version}' has a leading zero`, { file, line: versionElement.line }),
      );
    const c = versionElement.attributes?.compatibility;
    if (c !== undefined && !isVersion(c))
      fault(`compatibility version '${c}' is not three numbers`, versionElement.line);
  }
  const descriptionElement = one('description');
  const description = descriptionElement ? descriptionElement.inner.trim() : '';
  if (descriptionElement && description === '') fault('<description> must not be empty', descriptionElement.line);
  if (descriptionElement) allowed(descriptionElement, []);

  const person = (e: Element): Person => {
    allowed(e, ['email']);
    const email = e.attributes?.email;
    if (email !== undefined && !emailAddress.test(email)) fault(`'${email}' is not an email address`, e.line);
    return email === undefined ? { name: leaf(e) } : { name: leaf(e), email };
  };
  const maintainers = found.maintainer.map((e) => {
    if (e.attributes?.email === undefined) fault("<maintainer> must have the attribute 'email'", e.line);
    return person(e);
  });
  if (!maintainers.length) fault('the manifest must have at least one <maintainer>', root.line);
  const licenses = found.license.map((e) => {
    allowed(e, f === 3 ? ['file'] : []);
    const text = leaf(e);
    if (!text) fault('<license> must not be empty', e.line);
    return e.attributes?.file === undefined ? { name: text } : { name: text, file: e.attributes.file };
  });
  if (!licenses.length)
    fault('the manifest must have at least one <license>', root.line, 'for example <license>Apache-2.0</license>');
  const urls = found.url.map((e): Url => {
    allowed(e, ['type']);
    const type = e.attributes?.type ?? 'website';
    if (!urlTypes.includes(type))
      diagnostics.push(
        warning('manifest-url', `url type '${type}' is not one of ${urlTypes.join(', ')}`, { file, line: e.line }),
      );
    return { url: leaf(e), type };
  });

  const buildTypes: Conditional[] = [];
  const exports: Manifest['exports'] = [];
  const exportElements = found.export;
  if (exportElements.length > 1) fault('the manifest must not contain more than one <export>', exportElements[1]!.line);
  for (const e of exportElements[0]?.children ?? []) {
    if (e.name === 'build_type') buildTypes.push(conditional(e, e.text.trim()));
    exports.push({ name: e.name, attributes: e.attributes ?? {}, text: e.text.trim() });
  }

  if (seen.has(name))
    for (const d of dependencies)
      if (d.name === name && d.tag !== 'group_depend')
        fault(`package '${name}' must not depend on itself (<${d.tag}>)`, d.line);
  if (twice && wide) redundant(dependencies, f, fault);
  for (const m of memberOfGroups)
    for (const g of dependencies)
      if (g.tag === 'group_depend' && g.name === m.name)
        fault(`the package depends on the group '${g.name}' and is a member of it`, g.line);

  if (diagnostics.some((d) => d.severity === 'error')) return { ok: false, diagnostics };
  const manifest: Manifest = {
    name,
    version,
    format: f,
    description,
    maintainers,
    authors: found.author.map(person),
    licenses,
    urls,
    dependencies,
    memberOfGroups,
    buildTypes,
    exports,
  };
  if (diagnostics.some((d) => d.severity === 'error')) return { ok: false, diagnostics };
  const compatibility = versionElement?.attributes?.compatibility;
  if (compatibility !== undefined) manifest.compatibility = compatibility;
  return good(manifest, diagnostics);
}

function versionsOf(attributes: Record<string, string>): VersionRange | undefined {
  let versions: VersionRange | undefined;
  for (const a in attributes)
    if (a.startsWith('version_')) (versions ??= {})[a.slice(8) as keyof VersionRange] = attributes[a]!;
  return versions;
}

/**
 * `<depend>` beside a tag that it already stands for (REP 140), format 1's `<test_depend>` beside `<build_depend>`;
 * same version and condition.
 */
function redundant(dependencies: Dependency[], format: number, fault: (message: string, line: number) => void): void {
  const counts = new Map<string, number>();
  for (const d of dependencies) counts.set(d.name, (counts.get(d.name) ?? 0) + 1);
  const repeated = dependencies.filter((d) => counts.get(d.name)! > 1);
  const id = (d: Dependency) =>
    d.versions === undefined && d.condition === undefined ? d.name : JSON.stringify([d.name, d.versions, d.condition]);
  const seen = new Map<string, Set<string>>();
  for (const d of repeated) {
    const tags = seen.get(id(d)) ?? new Set<string>();
    if (d.tag === 'depend' && tags.has('depend')) tags.add('depend twice');
    tags.add(d.tag);
    seen.set(id(d), tags);
  }
  for (const d of repeated) {
    const tags = seen.get(id(d))!;
    const others =
      d.tag === 'depend'
        ? ['build_depend', 'build_export_depend', 'exec_depend', 'depend twice']
        : d.tag === 'test_depend' && format === 1
          ? ['build_depend', 'run_depend']
          : [];
    const clash = others.filter((t) => tags.has(t)).map((t) => (t === 'depend twice' ? 'depend' : t));
    if (clash.length) fault(`<${d.tag}>${d.name}</${d.tag}> says again what <${clash.join('>, <')}> says`, d.line);
  }
}

/** A namespace-aware, strict parse into a tree; the errors of expat are its errors. */
function parseXml(source: string, file: string): Result<Element> {
  if (source.length > maximumSize)
    return bad(error('manifest-invalid', `the manifest is larger than ${maximumSize >> 20} MiB`, { file }));
  const text = source.charCodeAt(0) === 0xfeff ? source.slice(1) : source;
  const plain = readPlain(text);
  if (plain) return good(plain);
  const read = readTree(text);
  return read.root
    ? good(read.root)
    : bad(error('manifest-xml', `not well-formed XML: ${read.message}`, { file, line: read.line }));
}
