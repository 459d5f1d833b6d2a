// A host's repository, with kills at every call of ssh and rsync: the tests of CI, with all calls.
process.env.SLIPWAY_KILLS ??= '1000';
await import('../e2e/ssh-endpoint.test.ts');

export {};
