import { defineConfig } from "vitest/config";

// One run, one report: every package brings its own config, because some tests run in Node and some inside workerd.
export default defineConfig({
  test: {
    projects: [
      "packages/*/vitest*.config.ts",
      "apps/*/vitest*.config.ts",
      "examples/*/vitest*.config.ts",
      "test/vitest*.config.ts",
      "bench/vitest*.config.ts",
    ],
  },
});
