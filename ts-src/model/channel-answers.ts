/** The result of a promotion criterion. */
export interface Verdict {
  criterion: string;
  passed: boolean;
  reason: string;
}

/** Differences between two states. */
export interface Difference {
  suites: Record<
    string,
    {
      added: [string, string][];
      removed: [string, string][];
      /** Debian package, old version, new version, and whether its ABI changed. */
      changed: [string, string, string, boolean][];
      tests: [string, string, string][];
    }
  >;
  /** Repositories with another commit or release: distribution, name, old, new. */
  repositories: [string, string, string, string][];
  /** System packages by platform. */
  system: [string, string, string, string][];
}
