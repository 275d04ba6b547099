import { defineConfig } from "vitest/config";
import { LIMITS } from "../vitest.limits.ts";

// Trains, publishes and serves for real, in child processes.
export default defineConfig({
  test: { name: "e2e", include: ["*.test.ts", "cases/*.test.ts"], ...LIMITS },
});
