// The repository of a host, killed at every call of ssh and rsync: the same tests as in CI, all of the calls.
process.env.SLIPWAY_KILLS ??= '1000';
await import('../e2e/ssh-endpoint.test.ts');

export {};
