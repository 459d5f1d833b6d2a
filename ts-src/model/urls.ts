import { before } from '../text/cut.ts';
/** Accepted source URLs, and how URLs are shown. */

/** Beginning of a secret among a URL's parameters. */
const secretQuery = /[?&](?:access_token|private_token|token|key|sig|signature|password|secret|x-amz-[a-z-]+)=/i;

const schemes = { git: /^(https?|ssh|git|file):\/\//, archive: /^(https?|file):\/\// };

/**
 * Whether sources may be fetched from an address: a URL with a known scheme, `[user@]host:path` (git), or a path.
 * Refuses texts that look like a command line option.
 */
export function isSourceUrl(url: string, git: boolean): boolean {
  if (url === '' || url.length > 4096 || url.startsWith('-') || /[\0-\x1f\x7f-\x9f]/.test(url)) return false;
  // Only local paths may contain spaces.
  if (url.includes(' ') && !(git && isPath(url))) return false;
  // git writes URLs into command lines and its configuration. A login must be before the host, where it can be removed.
  if (git && secretQuery.test(url)) return false;
  // `name::address` would make git start a program.
  if (/^[A-Za-z0-9+.-]*::/.test(url)) return false;
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(url)) return (git ? schemes.git : schemes.archive).test(url);
  return git || !isScpLike(url);
}

/** `[user@]host:path`: ssh in git's notation. A host that begins with `-` would be an option of ssh. */
export const isScpLike = (url: string): boolean =>
  !/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(url) && /^(?:[^/:@]+@)?[^/:]+:/.test(url);

const isPath = (url: string): boolean =>
  !/^[A-Za-z][A-Za-z0-9+.-]*:/.test(url) && !isScpLike(url) && url === url.trim();

/** Whether an address is local: a path or `file://`. */
export const isLocalUrl = (url: string): boolean =>
  /^file:/i.test(url) || !(/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(url) || isScpLike(url));

/** An address without its secrets, for people, logs and lockfiles. */
export const redacted = (text: string): string => (text.includes('://') ? withoutSecrets(text) : text);

const withoutSecrets = (text: string): string =>
  text
    .replace(/([A-Za-z][A-Za-z0-9+.-]{0,20}:\/\/)([^\s/'"]{1,2000})@/g, (whole, scheme: string, user: string) => {
      const name = before(user, ':');
      // A user without a password may be a hosting service's token; `git` and similar short names are harmless.
      return user.includes(':') || name.length > 20 ? scheme : whole;
    })
    .replace(new RegExp(`(${secretQuery.source})[^&\\s'"]+`, 'gi'), '$1…');

/** Decodes escapes in a part of a URL; invalid escapes stay as written. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
