import { append } from '../model/lists.ts';
import type { Explanation, KeyExplained, ScopeExplained } from '../model/answers.ts';
import { printable } from '../text/printable.ts';
import { plural } from './diagnostics.ts';
import { renderTable, someOf } from './table.ts';

/** The output of `slipway explain`. */
export function renderExplanation(e: Explanation): string {
  const lines: string[] = [];
  const p = e.package;
  if (p) {
    lines.push(`${e.name} ${p.version} (${p.buildType})`);
    const facts: [string, string][] = [
      ['repository', `${p.repository}: ${p.url}${p.at ? ` at ${p.at}` : ''}${p.path ? `, ${p.path}/` : ''}`],
      ['manifest', p.file],
      ['maintained by', p.maintainers.join(', ')],
      ['licensed under', p.licenses.join(', ')],
    ];
    for (const [what, text] of facts) lines.push(`  ${what.padEnd(15)} ${printable(text)}`);
  } else lines.push(`${e.name} is no package of the distribution: a name of the system or of an underlay`);
  for (const s of e.scopes) append(lines, ['', ...scopeLines(e, s)]);
  if (e.conditional.length)
    lines.push(
      '',
      'not needed here, by their conditions:',
      ...e.conditional.map((c) => `  ${c.name} <${c.tag}> where ${printable(c.condition)}`),
    );
  return `${lines.join('\n')}\n`;
}

function scopeLines(e: Explanation, s: ScopeExplained): string[] {
  const lines = [
    `on ${s.platform}, ${s.distribution}: ` +
      `${s.debian === undefined ? s.from : `built as ${s.debian}, ${s.place} of ${s.count} in order`}`,
  ];
  const fact = (what: string, text: string) => void lines.push(`  ${what.padEnd(15)} ${text}`);
  if (s.blocked !== undefined) fact('blocked', s.blocked);
  if (s.held) fact('not built now', 'it is to come from the store (--only)');
  if (e.package && s.debian === undefined)
    fact(
      'not built',
      s.from.startsWith('built') ? 'nothing that is selected needs it' : `it is taken from there: ${s.from}`,
    );
  if (s.why.length)
    fact('there because', s.why.length === 1 ? 'it is named' : `${s.why[0]} is named: ${s.why.join(' → ')}`);
  if (s.needs.length) {
    lines.push('  needs');
    append(
      lines,
      renderTable(
        ['    what', 'to', 'by', 'where it comes from'],
        s.needs.map((n) => [
          `    ${n.name}`,
          n.for.join(', '),
          n.group === undefined ? n.tag : `${n.tag} ${n.group}`,
          n.from,
        ]),
      )
        .trimEnd()
        .split('\n')
        .slice(1),
    );
  }
  const { neededBy } = s;
  fact(
    'needed by',
    neededBy.length
      ? `${plural(neededBy.length, 'package')}${s.neededByAll > neededBy.length ? `, ${s.neededByAll} with those above them` : ''}: ` +
          `${someOf(neededBy, 8)}`
      : 'nothing',
  );
  if (s.longest.length > 1) fact('longest path', `${plural(s.longest.length, 'build')}: ${s.longest.join(' → ')}`);
  return lines;
}

/** The inputs of the last build's key, with differences from the build before: why it was rebuilt. */
export function renderKeys(builds: readonly KeyExplained[]): string {
  const lines: string[] = [];
  for (const b of builds) {
    lines.push(
      '',
      `built on ${b.scope}: ${b.version}, key ${b.key.slice(0, 16)}`,
      ...b.parts.map(([part, value]) => `  ${part.padEnd(24)} ${printable(value)}`),
    );
    if (b.before)
      lines.push(
        `  built again, for in ${b.before.version} (key ${b.before.key.slice(0, 16)}) there differed`,
        ...b.before.changes.map((c) => `    ${printable(c)}`),
      );
  }
  return lines.length ? `${lines.join('\n')}\n` : '';
}
