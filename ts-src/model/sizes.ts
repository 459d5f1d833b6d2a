const units: Record<string, number> = { '': 1, K: 2 ** 10, M: 2 ** 20, G: 2 ** 30, T: 2 ** 40 };

/** Parses a size such as `800M`, `1.5G`, `64GiB` or a number of bytes; undefined if it is invalid. */
export function sizeOf(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d{1,15}(?:\.\d{1,3})?)(?:([KMGT])(?:i?B)?)?$/i.exec(text) ?? [];
  const bytes = Math.floor(Number(digits) * (units[unit.toUpperCase()] ?? NaN));
  return bytes > 0 && Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Formats a size for people: `1.5 GiB`. */
export function sizeText(bytes: number): string {
  const [unit, name] =
    Object.entries(units)
      .reverse()
      .flatMap(([n, u]) => (bytes >= u ? [[u, n] as const] : []))[0] ?? ([1, ''] as const);
  return `${Number((bytes / unit).toFixed(1))} ${name ? `${name}iB` : 'bytes'}`;
}
