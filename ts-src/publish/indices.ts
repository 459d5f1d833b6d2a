import { createHash } from 'node:crypto';
import type { StoredFile } from '../model/result.ts';
import { fieldOf } from '../text/stanza.ts';

/** A file of a suite, with its path below the suite's folder. */
export interface IndexFile {
  path: string;
  data: Buffer;
  sha256: string;
  /** Named in the Release file, but only its compressed form is served: apt requires the plain name there. */
  unwritten?: boolean;
}

/** Path of a package's file in the pool: by its source, as in Debian's archive. */
export const poolPath = (stanza: string, file: string): string =>
  `${poolFolder((fieldOf(stanza, 'Source') ?? fieldOf(stanza, 'Package') ?? 'unknown').replace(/ .*$/, ''))}/${file}`;

export function poolFolder(source: string): string {
  const plain = /^[a-z0-9][a-z0-9+.-]*$/.test(source) ? source : 'unknown';
  return `pool/main/${plain.slice(0, plain.startsWith('lib') ? 4 : 1)}/${plain}`;
}

/** A package's entry in an index: control stanza and file. */
export function packageEntry(stanza: string, file: StoredFile): string {
  const own = stanza
    .split(/\n(?! )/)
    .filter((f) => f && !/^(Filename|Size|MD5sum|SHA1|SHA256|SHA512):/i.test(f))
    .join('\n');
  return `${own}\nFilename: ${poolPath(stanza, file.name)}\nSize: ${file.size}\nSHA256: ${file.sha256}\n`;
}

/** An index entry of a package. */
export interface Entry {
  text: string;
  sha256: string;
  filename: string;
  size: number;
}

/** Parses an index that `renderPackages` wrote. */
export function readPackages(text: string): Entry[] {
  const entries: Entry[] = [];
  for (let at = 0; at < text.length;) {
    const end = text.indexOf('\n\n', at);
    const entry = end < 0 ? `${text.slice(at).trim()}\n` : text.slice(at, end + 1);
    at = end < 0 ? text.length : end + 2;
    const tail = /^\nFilename: (\S+)\nSize: (\d+)\nSHA256: ([0-9a-f]{64})\n/.exec(
      entry.slice(entry.lastIndexOf('\nFilename: ')),
    );
    const [, filename, size, digest] = tail ?? [];
    if (filename !== undefined && digest !== undefined)
      entries.push({ text: entry, filename, size: Number(size), sha256: digest });
  }
  return entries;
}

export const renderPackages = (entries: readonly Entry[]): string => entries.map((e) => `${e.text}\n`).join('');

/** Fields of a Release file besides digests. */
export interface ReleaseFields {
  origin: string;
  suite: string;
  codename: string;
  architectures: readonly string[];
  /** Milliseconds since 1970. */
  date: number;
  byHash: boolean;
  /** Includes keys that may sign the next Release file. */
  fingerprints: readonly string[];
  validUntil?: number | undefined;
  channel: string;
  state: string;
  sha512: boolean;
}

/** Renders a Release file (Debian's repository format) with the digests of its suite's indices. */
export function renderRelease(fields: ReleaseFields, files: readonly IndexFile[]): string {
  const sums = (name: 'sha256' | 'sha512') =>
    files
      .map((f) => {
        const digest = name === 'sha256' ? f.sha256 : createHash(name).update(f.data).digest('hex');
        return ` ${digest} ${f.data.length} ${f.path}\n`;
      })
      .join('');
  return [
    `Origin: ${fields.origin}`,
    `Label: ${fields.origin}`,
    `Suite: ${fields.suite}`,
    `Codename: ${fields.codename}`,
    `Date: ${rfc822(fields.date)}`,
    ...(fields.validUntil === undefined ? [] : [`Valid-Until: ${rfc822(fields.validUntil)}`]),
    `Architectures: ${fields.architectures.join(' ')}`,
    'Components: main',
    `Description: ${fields.origin} packages, channel ${fields.channel}`,
    `Acquire-By-Hash: ${fields.byHash ? 'yes' : 'no'}`,
    ...(fields.fingerprints.length ? [`Signed-By: ${fields.fingerprints.join(',')}`] : []),
    `Slipway-Channel: ${fields.channel}`,
    `Slipway-State: ${fields.state}`,
    `SHA256:\n${sums('sha256')}${fields.sha512 ? `SHA512:\n${sums('sha512')}` : ''}`,
  ].join('\n');
}

const rfc822 = (milliseconds: number): string => new Date(milliseconds).toUTCString().replace('GMT', 'UTC');

/** A signed Release file, with unverified signature. */
export interface SeenRelease {
  state: string | undefined;
  date: number | undefined;
  validUntil: number | undefined;
  signedBy: string[];
  /** Digest (SHA-256) and size, by path. */
  files: Map<string, { sha256: string; size: number }>;
  whole: boolean;
}

/** Size limit of a Release file in bytes; served files are untrusted. */
const largestRelease = 64 << 20;

/** The lines below a field of a Release file. One pattern for all lines would overflow its stack. */
function linesBelow(text: string, field: string): string {
  const begin = new RegExp(`^${field}:\\n`, 'm').exec(text);
  if (!begin) return '';
  const from = begin.index + begin[0].length;
  const end = /^(?! )/m;
  const rest = text.slice(from);
  return rest.slice(0, end.exec(rest)?.index);
}

export function readRelease(data: string | Buffer): SeenRelease {
  const text = data.length > largestRelease ? '' : data.toString('utf8');
  const date = (name: string) => {
    const value = Date.parse(fieldOf(text, name) ?? '');
    return Number.isNaN(value) ? undefined : value;
  };
  const sums = linesBelow(text, 'SHA256');
  return {
    state: /^[0-9a-f]{64}$/.exec(fieldOf(text, 'Slipway-State') ?? '')?.[0],
    date: date('Date'),
    validUntil: date('Valid-Until'),
    signedBy: (fieldOf(text, 'Signed-By') ?? '').split(',').filter((f) => /^[0-9A-F]+$/.test(f)),
    files: new Map(
      [...sums.matchAll(/^ ([0-9a-f]{64}) +(\d+) (\S+)$/gm)].map(([, sha256 = '', size, name = '']) => [
        name,
        { sha256, size: Number(size) },
      ]),
    ),
    whole: text.trimEnd().endsWith('-----END PGP SIGNATURE-----'),
  };
}

export const byHashPath = (path: string, sha256: string): string =>
  `${path.slice(0, path.lastIndexOf('/'))}/by-hash/SHA256/${sha256}`;
