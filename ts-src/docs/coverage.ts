import type { DocPackage, Measured } from './package-info.ts';

const percentOf = ({ documented, total }: Pick<Measured, 'documented' | 'total'>): number =>
  Math.floor((100 * documented) / total);

const dayOf = (stamp: string): string => `${stamp.slice(0, 4)}-${stamp.slice(4, 6)}-${stamp.slice(6, 8)}`;

/** HTML for the documentation coverage of a package's public entities and its trend; empty if it has none. */
export function coverageOf({ record, trend = [] }: DocPackage): string {
  const coverage = record?.coverage;
  if (!coverage?.total) return '';
  const percent = percentOf(coverage);
  const meter = `<div class="meter" role="img" aria-label="${percent} % of public entities are described"><span style="width:${percent}%"></span></div>`;
  return `${meter}<p>${coverage.documented} of ${coverage.total} public entities (${percent} %)</p>${trendOf(trend)}`;
}

const [width, height] = [240, 40];

/** A line chart of the trend, one step for each change. */
function trendOf(trend: readonly Measured[]): string {
  const known = trend.filter((m) => m.total > 0);
  const [first, last] = [known[0], known.at(-1)];
  if (!first || !last || known.length < 2) return '';
  const x = (i: number) => Math.round((i * width) / (known.length - 1));
  const y = (m: Measured) => Math.round(height - (height * percentOf(m)) / 100);
  const points = known.map((m, i) => `${x(i)},${y(m)}`).join(' ');
  const then = `${percentOf(first)} % on ${dayOf(first.stamp)}`;
  const label = `${then}, ${percentOf(last)} % on ${dayOf(last.stamp)}`;
  return `<svg class="trend" viewBox="0 -2 ${width} ${height + 4}" role="img" aria-label="Described: ${label}"><polyline points="${points}"/></svg><p class="kind">${then}</p>`;
}
