/** For every project's tests. How fast the machine is must not decide whether one passes: these only end a hang. */
export const LIMITS = { testTimeout: 600_000, hookTimeout: 600_000 };
