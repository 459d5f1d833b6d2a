import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { entry } from '../model/maps.ts';
import type { Platform } from '../model/distro.ts';
import { readIf } from '../io/files.ts';

/** A key's path in a `deb` line. apt splits at spaces, so such a key is copied elsewhere. */
const inOption = (path: string): string => path.replaceAll(' ', '%20');
export const fromOption = (path: string): string => path.replaceAll('%20', ' ');

/** One `deb` line's parts. */
export interface AptSource {
  uri: string;
  suite: string;
  components: string[];
  signedBy?: string;
  trusted?: boolean;
}

const keyrings = {
  debian: '/usr/share/keyrings/debian-archive-keyring.gpg',
  ubuntu: '/usr/share/keyrings/ubuntu-archive-keyring.gpg',
};
/** Pockets of a release from which a base gets packages. */
const pockets = { debian: ['', '-updates', '-security'], ubuntu: ['', '-updates', '-security'] };

/** Entries of the host's apt (one-line and deb822) for a release of its own system, without third-party ones. */
export function hostSources(platform: Pick<Platform, 'os' | 'release'>, root = '/'): AptSource[] {
  const folder = join(root, 'etc/apt/sources.list.d');
  let names: string[] = [];
  try {
    names = readdirSync(folder).sort();
  } catch {
    /* no such file */
  }
  const found = [
    readIf(join(root, 'etc/apt/sources.list')) ?? '',
    ...names.filter((n) => n.endsWith('.list')).map((n) => readIf(join(folder, n)) ?? ''),
  ].flatMap(parseOneLine);
  for (const n of names.filter((n) => n.endsWith('.sources')))
    found.push(...parseDeb822(readIf(join(folder, n)) ?? ''));
  const suites = pockets[platform.os].map((p) => platform.release + p);
  const own = found.filter(
    (s) =>
      suites.includes(s.suite.replace('/updates', '-security')) &&
      (!s.signedBy || s.signedBy.startsWith(keyrings[platform.os].replace(/\.gpg$/, ''))),
  );
  return own.some((s) => s.suite === platform.release) ? own : [];
}

export function parseOneLine(text: string): AptSource[] {
  return text.split('\n').flatMap((line) => {
    const m = /^deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]+)/.exec(line.trim());
    if (!m) return [];
    const [, options = '', uri = '', suite = '', components = ''] = m;
    const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1];
    return [{ uri, suite, components: components.trim().split(/\s+/), ...(signedBy ? { signedBy } : {}) }];
  });
}

export function parseDeb822(text: string): AptSource[] {
  return text.split(/\n\s*\n/).flatMap((stanza) => {
    const fields = new Map<string, string>();
    let last = '';
    for (const line of stanza.split('\n')) {
      if (line.startsWith('#')) continue;
      const [, name, value = ''] = /^([A-Za-z-]+):\s*(.*)$/.exec(line) ?? [];
      if (name !== undefined) fields.set((last = name.toLowerCase()), value);
      else if (/^\s/.test(line) && last) fields.set(last, `${entry(fields, last)} ${line.trim()}`);
    }
    const words = (name: string) => (fields.get(name) ?? '').split(/\s+/).filter(Boolean);
    if (!words('types').includes('deb') || /^(no|false|0)$/i.test(fields.get('enabled') ?? '')) return [];
    const signedBy = words('signed-by')[0];
    return words('uris').flatMap((uri) =>
      words('suites').map((suite) => ({
        uri,
        suite,
        components: words('components'),
        ...(signedBy?.startsWith('/') ? { signedBy } : {}),
      })),
    );
  });
}

/**
 * `sources.list` lines of a platform's base, and their origin. Empty lines: mmdebstrap's default archive for the suite.
 */
export function baseSources(
  platform: Platform,
  distroRoot: string,
  hostRoot = '/',
): { lines: string[]; from: 'mirror' | 'host' | 'official' } {
  const line = (s: AptSource): string => {
    const options = [s.signedBy && `signed-by=${inOption(s.signedBy)}`, s.trusted && 'trusted=yes']
      .filter(Boolean)
      .join(' ');
    return `deb ${options ? `[${options}] ` : ''}${s.uri} ${s.suite} ${s.components.join(' ')}`;
  };
  const { mirror } = platform;
  if (mirror) {
    const usual = mirror.trusted ? undefined : keyrings[platform.os];
    const signedBy = mirror.key ? join(distroRoot, mirror.key) : usual;
    return {
      from: 'mirror',
      lines: (mirror.suites ?? [platform.release]).map((suite) =>
        line({
          uri: mirror.uri,
          suite,
          components: mirror.components,
          trusted: mirror.trusted,
          ...(signedBy ? { signedBy } : {}),
        }),
      ),
    };
  }
  const host = hostSources(platform, hostRoot);
  return host.length ? { from: 'host', lines: host.map(line) } : { from: 'official', lines: [] };
}

/** `sources.list` lines of a platform's underlays with their own repositories. */
export const underlaySources = (platform: Platform, distroRoot: string): string[] =>
  Object.entries(platform.underlays)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .flatMap(([, u]) => {
      if (!u.uri) return [];
      const trust = u.trusted ? '[trusted=yes] ' : '';
      const signed = u.key ? `[signed-by=${inOption(join(distroRoot, u.key))}] ` : trust;
      return [`deb ${signed}${u.uri} ${u.suite} ${u.components.join(' ')}`];
    });

/** Prevents services from starting in a root, and adds an unprivileged build user. */
const taskHooks = [
  '--customize-hook=printf "#!/bin/sh\\nexit 101\\n" > "$1/usr/sbin/policy-rc.d" && chmod 755 "$1/usr/sbin/policy-rc.d"',
  '--customize-hook=echo builder:x:2000:2000::/build/home:/bin/sh >> ' +
    '"$1/etc/passwd" && echo builder:x:2000: >> "$1/etc/group"',
];

/**
 * An image gets the keys of its archives, since their paths on this machine do not exist there. mmdebstrap quotes the
 * key of its own sources.
 */
const imageHook = `--customize-hook=set -e
mkdir -p "$1/etc/apt/keyrings"
n=0
grep -ohsE 'signed-by=("[^"]*"|[^] ]*)' "$1/etc/apt/sources.list" "$1"/etc/apt/sources.list.d/*.list | sort -u |
while read -r option; do
  n=$((n + 1))
  file=\${option#signed-by=}
  file=\${file#\\"}
  file=\${file%\\"}
  key="/etc/apt/keyrings/archive-$n.\${file##*.}"
  cp "$file" "$1$key"
  chmod 644 "$1$key"
  for list in "$1/etc/apt/sources.list" "$1"/etc/apt/sources.list.d/*.list; do
    if [ ! -e "$list" ]; then continue; fi
    FROM="$option" TO="signed-by=$key" perl -pi -e 's/\\Q$ENV{FROM}\\E/$ENV{TO}/' "$list"
  done
done`;

/** Quotes one word for a shell. */
const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** A platform for which a base is made: for tasks, or with `image` for images, which have no compilers. */
export type BasePlatform = Platform & { readonly image?: true };

/**
 * The command that makes a platform's base system as a tar. Plain data, so that tests can compare it for unreachable
 * platforms.
 */
export function mmdebstrapCommand(
  platform: BasePlatform,
  architecture: string,
  sources: { lines: string[]; underlays?: string[] },
  folder: string,
  options: { plain: boolean },
): { args: string[]; input: string | undefined } {
  // apt is required in Debian and so part of this variant; in Ubuntu it is not.
  const include = platform.image
    ? ['ca-certificates']
    : ['apt', 'build-essential', 'ca-certificates', 'cmake', 'debhelper', ...platform.include];
  const args = [
    `--variant=${platform.image ? 'apt' : 'buildd'}`,
    `--mode=${options.plain ? 'unshare' : 'root'}`,
    `--architectures=${architecture}`,
    `--include=${include.join(',')}`,
    '--quiet',
    '--format=tar',
    // Separate from the archive's line, so that mmdebstrap's default archive can still be used. The line has no quotes,
    // but the path of a key may have one.
    ...(sources.underlays ?? []).map(
      (line) => `--setup-hook=printf "%s\\n" ${quoted(line)} >> "$1/etc/apt/sources.list.d/underlays.list"`,
    ),
    ...(platform.image ? [imageHook] : taskHooks),
    `--customize-hook=copy-out /var/lib/apt/lists ${quoted(`${folder}/lists`)}`,
    // Ubuntu has dependencies of build-essential in universe, too. mmdebstrap selects the ports archive by
    // architecture.
    ...(platform.os === 'ubuntu' ? ['--components=main,universe'] : []),
    platform.release,
    `${folder}/base.tar`,
  ];
  return sources.lines.length
    ? { args: [...args, '-'], input: `${sources.lines.join('\n')}\n` }
    : { args, input: undefined };
}

export { keyrings };
