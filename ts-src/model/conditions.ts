/** Variables of a condition; a missing one is the empty string (REP 149). */
export type ConditionContext = Readonly<Record<string, string>>;
