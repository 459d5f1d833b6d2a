/** Terminal colours (ECMA-48). */
const red = '\x1b[1;31m';
const yellow = '\x1b[1;33m';
const green = '\x1b[32m';
const faint = '\x1b[2m';
const plain = '\x1b[0m';

const byWord: Record<string, string> = {
  error: red,
  'fatal error': red,
  FAILED: red,
  failed: red,
  warning: yellow,
  stopped: yellow,
  blocked: yellow,
  built: green,
  passed: green,
  cached: faint,
};

/** Words at the beginning of lines, after a file position or a count: in diagnostics, events and summaries of a run. */
const words = [
  /^((?:[^\n]*?: )?)(error|fatal error|warning)(?=: )/gm,
  /^(\[ *\d+\/\d+\] )(failed|stopped|blocked|built|passed|cached)(?= )/gm,
  /^()(FAILED|failed|stopped|blocked)(?= \S+: )/gm,
];

/** Colours the words that show what kind of line it is. */
export const paint = (text: string): string =>
  words.reduce(
    (all, pattern) =>
      all.replace(pattern, (_, before: string, word: string) => `${before}${byWord[word] ?? ''}${word}${plain}`),
    text,
  );
