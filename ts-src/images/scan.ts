import { partsOf } from '../text/cut.ts';

/** A secret, or a text that looks like one. */
export interface Finding {
  path: string;
  what: string;
}

// Anybody's files are searched: each pattern must end in time that grows with the text, whatever is in it.
const beginning = '-----BEGIN ';
/** What follows the beginning: a title, lines of headers, and the key. */
const privateKey =
  /^(?:[A-Z0-9]+ ){0,3}PRIVATE KEY(?: BLOCK)?-----\s+(?:[\w-]+: [^\r\n]*[\r\n]\s*){0,8}[A-Za-z0-9+/=\s]{48}/;
/** Whether a text holds a private key. Each part between beginnings is read once. */
function hasPrivateKey(text: string): boolean {
  const first = text.indexOf(beginning);
  if (first < 0) return false;
  for (const part of partsOf(text.slice(first + beginning.length), beginning)) if (privateKey.test(part)) return true;
  return false;
}

const contents: [RegExp, string][] = [
  [/PuTTY-User-Key-File-\d: /, 'a private key'],
  [/(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])/, 'an AWS access key'],
  [/aws_secret_access_key\s*[=:]\s*['"]?[A-Za-z0-9/+=]{40}/i, 'an AWS secret key'],
  [/(?<![A-Za-z0-9])gh[pousr]_[A-Za-z0-9]{36}/, 'a GitHub token'],
  [/(?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{60}/, 'a GitHub token'],
  [/(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{20}/, 'a GitLab token'],
  [/(?<![A-Za-z0-9])xox[abprs]-[A-Za-z0-9-]{20}/, 'a Slack token'],
];
/** Only for configuration files: programs contain such URLs as examples. */
const settings: [RegExp, string] = [/[a-z0-9+.-]:\/\/[^\s/:@"'<>]{1,200}:[^\s/@"'<>]{1,200}@/, 'a URL with a password'];

const names: [RegExp, string][] = [
  [/^etc\/ssh\/ssh_host_[a-z0-9_]+_key$/, 'an SSH host key'],
  [/(^|\/)\.ssh\/id_[a-z0-9_]+$/, 'an SSH key'],
  [/(^|\/)\.netrc$/, 'logins'],
  [/(^|\/)\.git-credentials$/, 'logins'],
  [/(^|\/)\.docker\/config\.json$/, 'logins'],
  [/(^|\/)\.aws\/credentials$/, 'logins'],
  [/(^|\/)(private-keys-v1\.d\/.+|secring\.gpg)$/, 'a GnuPG key'],
  [/^etc\/apt\/auth\.conf(\.d\/.+)?$/, 'logins'],
];

/** Folders that machines write to. Other files of an archive's packages are public. */
const ofMachines = /^(etc|root|home|var|opt|srv|usr\/local)\//;
const settingsFiles = /^(etc|root|home)\//;

/**
 * Secrets in a file that must not be in an image. `everywhere`: also scan below /usr, where the platform's packages
 * have test keys.
 */
export function secretsIn(name: string, size: number, content: Buffer | undefined, everywhere: boolean): Finding[] {
  const path = name.replace(/^\.\//, '');
  if (size === 0 || !(everywhere || ofMachines.test(path))) return [];
  const named = names.find(([pattern]) => pattern.test(path));
  if (named) return [{ path, what: named[1] }];
  if (!content) return [];
  const text = content.toString('latin1');
  if (hasPrivateKey(text)) return [{ path, what: 'a private key' }];
  const found = contents.find(([pattern]) => pattern.test(text));
  if (found) return [{ path, what: found[1] }];
  return settingsFiles.test(path) && settings[0].test(text) ? [{ path, what: settings[1] }] : [];
}
