import { nearest } from '../model/diagnostics.ts';
import { isStoreUri } from '../store/open-store.ts';

/** Checks of options' values: the end of a sentence that begins with the value, where it is wrong. */
type Check = (value: string) => string | undefined;

/** One of some words. */
export const among =
  (...words: readonly string[]): Check =>
  (value) => {
    if (words.includes(value)) return undefined;
    const near = nearest(value, words);
    return `is none of ${words.join(', ')}${near === undefined ? '' : `; did you mean ${near}?`}`;
  };

/** A text of a form. */
export const ofForm =
  (form: RegExp, what: string): Check =>
  (value) =>
    form.test(value) ? undefined : `is not ${what}`;

export const checkStore: Check = (value) => (isStoreUri(value) ? undefined : 'is not file:PATH or s3://BUCKET/PREFIX');
