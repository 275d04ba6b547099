import { defineConfig } from "vitest/config";
import { LIMITS } from "../../vitest.limits.ts";
import "./scripts/build.ts";

// In Node, because a browser is started from here. Without one the tests are skipped; POEEM_BROWSER=required makes
// that a failure.
export default defineConfig({
  test: {
    name: "edge-browser",
    include: ["test-browser/**/*.test.ts"],
    ...LIMITS,
    globalSetup: "test-browser/setup.ts",
  },
});
