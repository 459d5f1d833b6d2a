import { before } from '../text/cut.ts';
/** Where sources come from: which addresses are taken, and how they are shown. */

/** The beginning of a secret among the parameters of a URL. */
const secretQuery = /[?&](?:access_token|private_token|token|key|sig|signature|password|secret|x-amz-[a-z-]+)=/i;

const schemes = { git: /^(https?|ssh|git|file):\/\//, archive: /^(https?|file):\/\// };

/**
 * Whether an address is one that sources may be fetched from: a URL of a scheme that is known, `[user@]host:path`
 * (git), or a path. A text that a command line takes for an option is none.
 */
export function isSourceUrl(url: string, git: boolean): boolean {
  if (url === '' || url.length > 4096 || url.startsWith('-') || /[\0-\x1f\x7f-\x9f]/.test(url)) return false;
  // Only a path on this machine may have a blank.
  if (url.includes(' ') && !(git && isPath(url))) return false;
  // git would name it in command lines and write it down; its login goes before the host.
  if (git && secretQuery.test(url)) return false;
  // `name::address` is a program that git starts.
  if (/^[A-Za-z0-9+.-]*::/.test(url)) return false;
  if (/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(url)) return (git ? schemes.git : schemes.archive).test(url);
  return git || !isScpLike(url);
}

/** `[user@]host:path`: ssh, as git takes it. A host of one's own that begins with `-` would be an option of ssh. */
export const isScpLike = (url: string): boolean =>
  !/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(url) && /^(?:[^/:@]+@)?[^/:]+:/.test(url);

const isPath = (url: string): boolean =>
  !/^[A-Za-z][A-Za-z0-9+.-]*:/.test(url) && !isScpLike(url) && url === url.trim();

/** Whether an address is on this machine: a path or `file://`. */
export const isLocalUrl = (url: string): boolean =>
  /^file:/i.test(url) || !(/^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(url) || isScpLike(url));

/** The text of an address without its secrets: what a person, a log or a lockfile is shown. */
export const redacted = (text: string): string => (text.includes('://') ? withoutSecrets(text) : text);

const withoutSecrets = (text: string): string =>
  text
    .replace(/([A-Za-z][A-Za-z0-9+.-]{0,20}:\/\/)([^\s/'"]{1,2000})@/g, (whole, scheme: string, user: string) => {
      const name = before(user, ':');
      // A user without a password may be a token, as hosting services take it; `git` and the like are plain names.
      return user.includes(':') || name.length > 20 ? scheme : whole;
    })
    .replace(new RegExp(`(${secretQuery.source})[^&\\s'"]+`, 'gi'), '$1…');

/** A part of a URL without its escapes; what is no escape stays as it is written. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
