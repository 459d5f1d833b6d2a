import { basename } from 'node:path';
import { bad, error, good, type Result } from '../../model/diagnostics.ts';
import type { Manifest } from '../../model/manifest.ts';
import { notUtf8 } from '../not-utf8.ts';
import { ManifestReader } from './manifest-reader.ts';
import { readPlain, type Element } from './plain-xml.ts';
import { readTree } from './xml-tree.ts';

export const largestManifest = 4 << 20;
const formats = { 1: 1, 2: 2, 3: 3 } as const;

/** The name of a package in a manifest that may have errors; else the folder's name. */
export const nameDespiteErrors = (text: string, folder: string): string =>
  /<name>\s*([\w-]{1,200})\s*<\/name>/.exec(text)?.[1] ?? basename(folder);

/**
 * Parses a package.xml. Reports every violation of the format's rules with its line, as catkin_pkg does. Refuses
 * document type declarations: entities can expand without limit, and no released manifest has one.
 */
export function parseManifest(text: string, file: string): Result<Manifest> {
  const parsed = parseXml(text, file);
  if (!parsed.ok) return parsed;
  const root = parsed.value;
  if (root.name !== 'package')
    return bad(
      error('manifest-invalid', `the root element is <${root.name}>, not <package>`, { file, line: root.line }),
    );
  const format = (root.attributes?.format ?? '1').trim();
  if (format !== '1' && format !== '2' && format !== '3')
    return bad(
      error('manifest-format', `unknown package format '${format}'`, {
        file,
        line: root.line,
        hint: 'use format="3" (REP 149), "2" (REP 140) or leave it out for 1 (REP 127)',
      }),
    );
  return new ManifestReader(root, formats[format], file).read();
}

const manifestText = {
  what: 'the manifest',
  code: 'manifest-xml',
  rule: 'write it as UTF-8, whatever encoding it declares',
};

/** Parses strictly with namespaces, into a tree; errors are expat's. */
function parseXml(source: string, file: string): Result<Element> {
  if (source.length > largestManifest)
    return bad(error('manifest-invalid', `the manifest is larger than ${largestManifest >> 20} MiB`, { file }));
  const foreign = notUtf8(source, file, manifestText);
  if (foreign) return bad(foreign);
  if (source.trim() === '')
    return bad(
      error('manifest-xml', 'the manifest is empty', {
        file,
        line: 1,
        hint: 'write it (REP 149), or remove the file if the folder is no package',
      }),
    );
  const text = source.charCodeAt(0) === 0xfeff ? source.slice(1) : source;
  const plain = readPlain(text);
  if (plain) return good(plain);
  const read = readTree(text);
  return read.root
    ? good(read.root)
    : bad(error('manifest-xml', `not well-formed XML: ${read.message}`, { file, line: read.line }));
}
