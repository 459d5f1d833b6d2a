import type { ConditionContext } from '../model/conditions.ts';

const operators = ['==', '!=', '<=', '>=', '<', '>'] as const;
type Term = { variable: string } | { literal: string };
export type Condition =
  { operator: 'and' | 'or'; terms: Condition[] } | { operator: (typeof operators)[number]; left: Term; right: Term };

const token = /\s*(?:(\(|\))|(==|!=|<=|>=|<|>)|\$([A-Za-z0-9_]+)|"([^"\n\r]*)"|'([^'\n\r]*)'|([A-Za-z0-9_-]+))/y;
const blank = /^\s*$/;
const maximumDepth = 100;

/**
 * Parses a condition of REP 149: string comparisons joined by `and` (binds tighter) and `or`, with parentheses.
 * Undefined if it is invalid.
 */
export function parseCondition(text: string): Condition | undefined {
  const tokens: RegExpExecArray[] = [];
  token.lastIndex = 0;
  for (let end = 0; ; end = token.lastIndex) {
    const t = token.exec(text);
    if (!t) {
      if (blank.test(text.slice(end))) break;
      return undefined;
    }
    tokens.push(t);
  }
  let at = 0;
  const word = (w: string) => tokens[at]?.[6] === w;
  const value = (): Term | undefined => {
    const t = tokens[at];
    if (!t || t[1] || t[2]) return undefined;
    at++;
    if (t[3] !== undefined) return { variable: t[3] };
    const literal = t[4] ?? t[5] ?? t[6];
    return literal === undefined ? undefined : { literal };
  };
  const primary = (depth: number): Condition | undefined => {
    if (tokens[at]?.[1] === '(') {
      at++;
      const inner = joined('or', depth + 1);
      if (!inner || tokens[at++]?.[1] !== ')') return undefined;
      return inner;
    }
    const left = value();
    const sign = tokens[at++]?.[2];
    const operator = operators.find((o) => o === sign);
    const right = operator && value();
    return left && operator && right ? { operator, left, right } : undefined;
  };
  const joined = (operator: 'and' | 'or', depth: number): Condition | undefined => {
    if (depth > maximumDepth) return undefined;
    const terms: Condition[] = [];
    do {
      const term = operator === 'or' ? joined('and', depth) : primary(depth);
      if (!term) return undefined;
      terms.push(term);
    } while (word(operator) && ++at);
    return terms.length === 1 ? terms[0] : { operator, terms };
  };
  const result = joined('or', 0);
  return at === tokens.length ? result : undefined;
}

const valueOf = (operand: Term, context: ConditionContext): string => {
  if ('literal' in operand) return operand.literal;
  return Object.hasOwn(context, operand.variable) ? (context[operand.variable] ?? '') : '';
};

export function evaluateCondition(condition: Condition, context: ConditionContext): boolean {
  if ('terms' in condition)
    return condition.operator === 'and'
      ? condition.terms.every((t) => evaluateCondition(t, context))
      : condition.terms.some((t) => evaluateCondition(t, context));
  const a = valueOf(condition.left, context);
  const b = valueOf(condition.right, context);
  switch (condition.operator) {
    case '==':
      return a === b;
    case '!=':
      return a !== b;
    case '<=':
      return a <= b;
    case '>=':
      return a >= b;
    case '<':
      return a < b;
    case '>':
      return a > b;
  }
}

/** An evaluator that parses each text once. Returns undefined for an invalid condition. */
export function conditionEvaluator(context: ConditionContext): (text: string | undefined) => boolean | undefined {
  const known = new Map<string, boolean | undefined>();
  return (text) => {
    if (text === undefined) return true;
    if (!known.has(text)) {
      const parsed = parseCondition(text);
      known.set(text, parsed && evaluateCondition(parsed, context));
    }
    return known.get(text);
  };
}
