import { isError, type Diagnostic } from '../model/diagnostics.ts';
import { printable } from '../text/printable.ts';

/** `file:line: error: message [code]` with the hint below: the format that editors and Jenkins parse. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[]): string {
  return diagnostics
    .map((d) => {
      const where = d.file === undefined ? '' : `${printable(d.file)}${d.line === undefined ? '' : `:${d.line}`}: `;
      return `${where}${d.severity}: ${printable(d.message)} [${d.code}]\n${d.hint ? `    ${printable(d.hint)}\n` : ''}`;
    })
    .join('');
}

export function countFaults(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(isError).length;
  return `${plural(errors, 'error')}, ${plural(diagnostics.length - errors, 'warning')}`;
}

export const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;
