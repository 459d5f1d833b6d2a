import { compareDebianVersions } from '../plan/versions.ts';
import { fieldOf } from '../text/stanza.ts';

/** An alternative of a dependency. */
export interface Relation {
  name: string;
  operator: string | undefined;
  version: string | undefined;
  text: string;
}

/** Parses a dependency field into clauses of alternatives (policy 7.1). */
export function relations(field: string | undefined): Relation[][] {
  return (field ?? '')
    .split(',')
    .filter((clause) => clause.trim())
    .map((clause) =>
      clause.split('|').flatMap((text) => {
        const [, name, operator, version] =
          /^\s*([a-z0-9][a-z0-9+.-]*)(?::\w+)?\s*(?:\(\s*(<<|<=|=|>=|>>)\s*(\S+?)\s*\))?/.exec(text) ?? [];
        return name === undefined ? [] : [{ name, operator, version, text: text.trim() }];
      }),
    );
}

/** What a package needs to be installed, by its control stanza: clauses of alternatives. */
export const needsOf = (stanza: string): Relation[][] =>
  ['Pre-Depends', 'Depends'].flatMap((field) => relations(fieldOf(stanza, field)));

export function meets(version: string | undefined, { operator, version: bound }: Relation): boolean {
  if (operator === undefined || bound === undefined) return true;
  if (version === undefined) return false;
  const order = compareDebianVersions(version, bound);
  return { '<<': order < 0, '<=': order <= 0, '=': order === 0, '>=': order >= 0, '>>': order > 0 }[operator] === true;
}
