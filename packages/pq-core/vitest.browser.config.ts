import { defineConfig } from "vitest/config";
import { LIMITS } from "../../vitest.limits.ts";

// In Node, because a browser is started from here. Without one the tests are skipped; POEEM_BROWSER=required makes
// that a failure.
export default defineConfig({
  test: {
    name: "pq-core-browser",
    include: ["test-browser/*.test.ts"],
    ...LIMITS,
  },
});
