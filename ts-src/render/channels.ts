import type { Difference, Verdict } from '../model/channel-answers.ts';
import { renderTable, someOf } from './table.ts';

export const renderVerdicts = (verdicts: readonly Verdict[]): string =>
  renderTable(
    ['criterion', 'verdict', 'reason'],
    verdicts.map((v) => [v.criterion, v.passed ? 'passes' : 'FAILS', v.reason]),
  );

/** Maximum number of rows of one kind that are shown. */
const most = 40;

export function renderDifference(difference: Difference): string {
  const parts: string[] = [];
  for (const [suite, d] of Object.entries(difference.suites)) {
    const rows = [
      ...d.changed.map(([name, from, to, abi]) => [name, from, to, abi ? 'another ABI' : '']),
      ...d.added.map(([name, to]) => [name, '-', to, 'new']),
      ...d.removed.map(([name, from]) => [name, from, '-', 'gone']),
      ...d.tests.map(([name, from, to]) => [name, from, to, 'tests']),
    ];
    parts.push(`\n${suite}:\n${renderTable(['package', 'from', 'to', ''], rows.slice(0, most))}${rest(rows.length)}`);
  }
  const short = (text: string) => text.slice(0, 12);
  if (difference.repositories.length)
    parts.push(
      `\nrepositories:\n${renderTable(
        ['repository', 'from', 'to'],
        difference.repositories.slice(0, most).map(([d, name, a, b]) => [`${d}/${name}`, short(a), short(b)]),
      )}${rest(difference.repositories.length)}`,
    );
  if (difference.system.length)
    parts.push(
      `\nsystem packages: ${someOf(
        difference.system.map(([p, name, a, b]) => `${p} ${name} ${a} to ${b}`),
        10,
      )}\n`,
    );
  return parts.join('') || '\nthe packages are the same\n';
}

const rest = (count: number): string => (count > most ? `and ${count - most} more\n` : '');
