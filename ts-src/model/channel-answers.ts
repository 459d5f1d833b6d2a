/** What a criterion of promotion came to. */
export interface Verdict {
  criterion: string;
  passed: boolean;
  reason: string;
}

/** What two states differ in. */
export interface Difference {
  suites: Record<
    string,
    {
      added: [string, string][];
      removed: [string, string][];
      /** Debian package, former and new version, and whether its ABI is another. */
      changed: [string, string, string, boolean][];
      tests: [string, string, string][];
    }
  >;
  /** Repositories whose commit or release is another: distribution, name, former, new. */
  repositories: [string, string, string, string][];
  /** System packages, by platform. */
  system: [string, string, string, string][];
}
