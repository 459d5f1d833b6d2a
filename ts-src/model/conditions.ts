/** Variables of a condition; one that is not there is the empty string (REP 149). */
export type ConditionContext = Readonly<Record<string, string>>;
