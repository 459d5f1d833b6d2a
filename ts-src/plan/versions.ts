/** Compares Debian versions (policy 5.6.12): negative, 0 or positive. */
export function compareDebianVersions(a: string, b: string): number {
  const [ea, ua, ra] = split(a);
  const [eb, ub, rb] = split(b);
  return ea - eb || compareParts(ua, ub) || compareParts(ra, rb);
}

function split(version: string): [number, string, string] {
  const colon = version.indexOf(':');
  const rest = version.slice(colon + 1);
  const dash = rest.lastIndexOf('-');
  return [
    colon < 0 ? 0 : Number(version.slice(0, colon)),
    dash < 0 ? rest : rest.slice(0, dash),
    dash < 0 ? '0' : rest.slice(dash + 1),
  ];
}

const digitsAt = (text: string, from: number): string => /^[0-9]*/.exec(text.slice(from))?.[0] ?? '';

/** `~` sorts before the end, letters before other characters, digits as numbers. */
function compareParts(a: string, b: string): number {
  const order = (c: string | undefined) => {
    if (c === undefined || /[0-9]/.test(c)) return 0;
    if (c === '~') return -1;
    return /[A-Za-z]/.test(c) ? c.charCodeAt(0) : c.charCodeAt(0) + 256;
  };
  const isNoDigit = (c: string | undefined) => c !== undefined && !/[0-9]/.test(c);
  let i = 0;
  let j = 0;
  while (i < a.length || j < b.length) {
    while (isNoDigit(a[i]) || isNoDigit(b[j])) {
      const d = order(a[i]) - order(b[j]);
      if (d) return d;
      i++;
      j++;
    }
    const [na, nb] = [digitsAt(a, i), digitsAt(b, j)];
    const [da, db] = [na.replace(/^0+/, ''), nb.replace(/^0+/, '')];
    if (da.length !== db.length) return da.length - db.length;
    if (da !== db) return da < db ? -1 : 1;
    i += na.length;
    j += nb.length;
  }
  return 0;
}

const stampIn = /^(.*\.)(\d{8})\.(\d{6})$/;

/**
 * A version with the content of `version` and a plan's stamp (YYYYMMDDhhmmss) that is above `highest`: with an epoch if
 * upstream's version decreased, and with a later second if the stamp is not later.
 */
export function versionAbove(version: string, stamp: string, highest: string): string {
  const epochOf = (v: string) => Number(/^(\d+):/.exec(v)?.[1] ?? 0);
  const plain = version.replace(/^\d+:/, '');
  const head = stampIn.exec(plain)?.[1] ?? `${plain}.`;
  const of = (epoch: number, at: string) =>
    `${epoch ? `${epoch}:` : ''}${head}${at.slice(0, 8)}.${at.slice(8).padEnd(6, '0')}`;
  const epoch = Math.max(epochOf(version), epochOf(highest));
  const [, , day = '', time = ''] = stampIn.exec(highest) ?? [];
  const lastStamp = day + time;
  const candidates = [
    of(epoch, stamp),
    ...(lastStamp ? [of(epoch, String(BigInt(lastStamp) + 1n))] : []),
    of(epoch + 1, stamp),
  ];
  return candidates.find((c) => compareDebianVersions(c, highest) > 0) ?? of(epoch + 1, stamp);
}

/** Compares versions of package.xml: numbers joined by dots. Undefined if one is invalid. */
export function compareReleases(a: string, b: string): number | undefined {
  if (!/^\d+(\.\d+)*$/.test(a) || !/^\d+(\.\d+)*$/.test(b)) return undefined;
  const x = a.split('.').map(Number);
  const y = b.split('.').map(Number);
  for (let i = 0; i < Math.max(x.length, y.length); i++) {
    const d = (x[i] ?? 0) - (y[i] ?? 0);
    if (d) return d;
  }
  return 0;
}
