import { nearest } from '../model/diagnostics.ts';
import { isPublishedPlace, placeAdvice } from '../model/places.ts';
import { isStoreUri } from '../store/open-store.ts';

/** Validates an option's value. Returns the end of a sentence that begins with the value; undefined if it is valid. */
type Check = (value: string) => string | undefined;

/** Accepts one of some words. */
export const among =
  (...words: readonly string[]): Check =>
  (value) => {
    if (words.includes(value)) return undefined;
    const near = nearest(value, words);
    return `is none of ${words.join(', ')}${near === undefined ? '' : `; did you mean ${near}?`}`;
  };

/** Accepts texts that match a pattern. */
export const ofForm =
  (form: RegExp, what: string): Check =>
  (value) =>
    form.test(value) ? undefined : `is not ${what}`;

/** A place of publication. A path is one, too, unless it looks like a URI. */
export const checkPlace: Check = (value) =>
  isPublishedPlace(value) || !/^[A-Za-z][A-Za-z0-9+.-]*:|^[^/]*@[^/]*:|^\\\\/.test(value)
    ? undefined
    : `is not a folder, ${placeAdvice(value)}`;

export const checkStore: Check = (value) => (isStoreUri(value) ? undefined : 'is not file:PATH or s3://BUCKET/PREFIX');

/** For an option that decides what a run is trusted with: a variable that is not set must not leave it out. */
export const checkGiven: Check = (value) => (value === '' ? 'is no value: leave the option out' : undefined);

/** `--driver` of every command that enters roots. */
export const driverOption = {
  type: 'string',
  value: 'NAME',
  help: 'sandbox driver: unshare (default) or docker',
  check: among('unshare', 'docker'),
} as const;
