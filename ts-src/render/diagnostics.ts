import { isError, type Diagnostic } from '../model/diagnostics.ts';

/** `file:line: error: message [code]`, the hint below it: the form that editors and Jenkins' parsers know. */
export function renderDiagnostics(diagnostics: readonly Diagnostic[]): string {
  return diagnostics
    .map((d) => {
      const where = d.file === undefined ? '' : `${d.file}${d.line === undefined ? '' : `:${d.line}`}: `;
      return `${where}${d.severity}: ${printable(d.message)} [${d.code}]\n${d.hint ? `    ${printable(d.hint)}\n` : ''}`;
    })
    .join('');
}

export function countFaults(diagnostics: readonly Diagnostic[]): string {
  const errors = diagnostics.filter(isError).length;
  return `${plural(errors, 'error')}, ${plural(diagnostics.length - errors, 'warning')}`;
}

export const plural = (n: number, what: string): string => `${n} ${what}${n === 1 ? '' : 's'}`;

/** What came from outside must not steer a terminal. */
export const printable = (text: string): string =>
  text.replace(/[\0-\x08\x0b-\x1f\x7f-\x9f]/g, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
