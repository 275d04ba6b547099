import { defineConfig } from "vitest/config";

// In Node, because a browser is started from here. Without one the tests are skipped; POEEM_BROWSER=required makes
// that a failure.
export default defineConfig({
  test: {
    name: "pq-core-browser",
    include: ["test-browser/*.test.ts"],
    testTimeout: 600_000,
    hookTimeout: 600_000,
  },
});
