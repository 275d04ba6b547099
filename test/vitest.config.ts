import { defineConfig } from "vitest/config";

// Trains, publishes and serves for real, in child processes.
export default defineConfig({
  test: { name: "e2e", include: ["*.test.ts", "cases/*.test.ts"], testTimeout: 180_000, hookTimeout: 180_000 },
});
